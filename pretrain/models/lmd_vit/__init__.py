"""LMD-ViT: local motion deblurring by transformers that work on blurred windows alone (arXiv 2306.14268)."""
