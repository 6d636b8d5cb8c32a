"""Rows, pixels, screens, patches, fingerprints, duplicates, shards and the report: what the data is."""
