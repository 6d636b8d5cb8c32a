"""How far people agree about blur masks: in shape (IoU, outlines) and in dB."""

from annotation.agree.compare import Agreement, AgreeSettings, Opinions, Scores, compare
from annotation.agree.summary import Summary, by_annotator, by_pair, overall

__all__ = [
    "AgreeSettings",
    "Agreement",
    "Opinions",
    "Scores",
    "Summary",
    "by_annotator",
    "by_pair",
    "compare",
    "overall",
]
