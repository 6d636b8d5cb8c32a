"""The routes of the HTTP contract, by what they are about. Each takes a request apart, asks, and answers."""
