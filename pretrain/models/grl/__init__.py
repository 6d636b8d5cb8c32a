"""GRL: global, regional and local attention for restoration; see `pretrain.models.grl.network`."""
