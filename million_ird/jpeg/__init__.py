"""Cut patches out of a JPEG without decoding it: every patch holds the image's own quantised DCT coefficients.

`find_cutter` gives the fastest cutter there is on this machine: libturbojpeg (all patches of an image in one pass over
its data), else jpeglib (from the package index, slower). Both are exact. See docs/flatness.md for what they measure on
the way.
"""

from __future__ import annotations

from million_ird.jpeg.cutter import CutPatch, Cutter, find_cutter, is_cuttable

__all__ = ["CutPatch", "Cutter", "find_cutter", "is_cuttable"]
