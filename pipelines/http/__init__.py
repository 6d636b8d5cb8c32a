"""Everything between a URL and bytes on the local disk: polite to servers, safe for ourselves.

`settings` what a recipe may say · `reasons` why a row fails · `guard` which addresses may be spoken to · `hosts` what
must hold per host across all workers · `shared_hosts` that ledger in-process or as a Ray actor · `gate` how one worker
takes slots from it · `robots` what a site's owner allows · `body` from a response to a file · `client` the whole walk.
"""
