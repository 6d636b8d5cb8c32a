"""k-means of filters, the same clusters every time: no draw decides where it begins."""

# ruff: noqa: N803, N806 - shape suffixes are upper case
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROUNDS = 100
"""At most so many rounds of Lloyd's algorithm; it has nearly always settled long before."""

Points = NDArray[np.float64]
Labels = NDArray[np.int64]


def k_means(points_NF: Points, clusters: int) -> tuple[Labels, Points]:
    """Group points so that each is near the mean of its group (Lloyd's algorithm).

    It begins at the point farthest from the mean of all, and takes as next centre the point farthest from all centres
    so far (Gonzalez, 1985); of equals the first. No cluster ends empty.

    Args:
        points_NF: N points of F numbers.
        clusters: 1 to N.

    Returns:
        The cluster of each point, (N,), and the means, (clusters, F).
    """
    centres_KF = points_NF[_far_apart(points_NF, clusters)]
    labels = np.full(len(points_NF), -1)
    for _ in range(ROUNDS):
        before, labels = labels, _assign(points_NF, centres_KF)
        if np.array_equal(before, labels):
            break
        centres_KF = np.stack([points_NF[labels == cluster].mean(axis=0) for cluster in range(clusters)])
    return labels, centres_KF


def squared_distances(a_NF: Points, b_KF: Points) -> Points:
    """‖a − b‖² of every pair, (N, K), as ‖a‖² − 2 a·b + ‖b‖², never below 0."""
    squares = (a_NF**2).sum(axis=1)[:, None] + (b_KF**2).sum(axis=1)[None]
    distances: Points = np.maximum(squares - 2 * a_NF @ b_KF.T, 0)
    return distances


def _far_apart(points_NF: Points, count: int) -> list[int]:
    nearest = squared_distances(points_NF, points_NF.mean(axis=0, keepdims=True))[:, 0]
    chosen: list[int] = []
    for _ in range(count):
        chosen.append(int(nearest.argmax()))
        own = squared_distances(points_NF, points_NF[chosen[-1:]])[:, 0]
        own[chosen[-1]] = -1  # never again, not even where points are equal
        nearest = own if len(chosen) == 1 else np.minimum(nearest, own)
    return chosen


def _assign(points_NF: Points, centres_KF: Points) -> Labels:
    distances_NK = squared_distances(points_NF, centres_KF)
    labels: Labels = distances_NK.argmin(axis=1)
    rows = np.arange(len(labels))
    sizes = np.bincount(labels, minlength=len(centres_KF))
    for empty in np.flatnonzero(sizes == 0):  # centres that are equal: all points chose the first of them
        farthest = int(np.where(sizes[labels] > 1, distances_NK[rows, labels], -1).argmax())
        sizes[labels[farthest]] -= 1
        sizes[empty], labels[farthest] = 1, empty
    return labels
