"""Blurred pictures, sharp ones and blur masks to train local deblurring on. Begin with `source.open_triples`."""
