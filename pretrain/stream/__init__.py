"""The endless stream of training samples: index, order, cache, crops, batches. Begin with `stream.open_stream`."""
