"""A very small network that weighs evidence: one hidden layer, applied to each pixel by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Table = tuple[tuple[float, ...], ...]

_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Classifier:
    """Weights for N kinds of evidence and H hidden units, as `benchmarks/proposal_fit.py` writes them.

    Attributes:
        names: what the evidence is called, N; must be what is measured, in this order.
        mean, deviation: of each kind of evidence on the tuning pictures, N.
        hidden: (N, H) weights; hidden_bias: H; hidden units are rectified.
        output: H weights; output_bias: one number; the output goes through the logistic function.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    hidden: Table
    hidden_bias: tuple[float, ...]
    output: tuple[float, ...]
    output_bias: float

    def probability(self, evidence: Plane) -> Plane:
        """How likely each pixel is blurred: (H, W, N) float32 to (H, W) float32, 0..1."""
        # The standardisation is folded into the weights: one product a block.
        deviation = np.array(self.deviation, np.float64)
        hidden = np.array(self.hidden, np.float64) / deviation[:, None]
        bias = np.array(self.hidden_bias, np.float64) - np.array(self.mean, np.float64) @ hidden
        weights, first = hidden.astype(np.float32), bias.astype(np.float32)
        output = np.array(self.output, np.float32)
        rows = evidence.reshape(-1, evidence.shape[-1])
        out = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), _BLOCK):
            part = np.maximum(rows[start : start + _BLOCK] @ weights + first, 0) @ output + np.float32(self.output_bias)
            out[start : start + _BLOCK] = 1 / (1 + np.exp(-np.clip(part, -30, 30)))
        return out.reshape(evidence.shape[:-1])
