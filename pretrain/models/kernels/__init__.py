"""GPU kernels in Triton. Imported only where the triton package is; see `pretrain.models.gated_depthwise`."""
