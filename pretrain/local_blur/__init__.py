"""Blurred pictures, sharp ones and blur masks to train local deblurring on, in shards; what a crop of them is."""
