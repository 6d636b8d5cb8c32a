"""Dynamic pre-training from the shards: stream, corrupt, mask, train, evaluate, restore."""
