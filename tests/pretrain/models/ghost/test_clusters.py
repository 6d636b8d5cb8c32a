from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from pretrain.models.ghost.clusters import Points, k_means, squared_distances


def points(count: int, size: int = 5) -> Points:
    return np.random.default_rng(0).normal(size=(count, size))


def test_distances_are_those_of_every_pair() -> None:
    a, b = points(4), points(9)[4:]
    np.testing.assert_allclose(squared_distances(a, b), [[((p - q) ** 2).sum() for q in b] for p in a], atol=1e-12)


def test_clear_groups_are_found() -> None:
    centres = 10 * points(6)
    found, means = k_means(np.repeat(centres, 4, axis=0) + 0.1 * points(24), 6)
    assert [len(set(found[4 * group : 4 * group + 4])) for group in range(6)] == [1] * 6 and len(set(found)) == 6
    assert np.allclose(means[found[::4]], centres, atol=0.3)


def test_it_ends_where_lloyds_algorithm_cannot_go_on_and_repeats() -> None:
    data = points(60)
    labels, means = k_means(data, 20)
    again = KMeans(20, init=means, n_init=1).fit(data)
    np.testing.assert_allclose(again.cluster_centers_, means)
    assert np.array_equal(again.labels_, labels) and np.array_equal(k_means(data, 20)[0], labels)


@pytest.mark.parametrize("clusters", [1, 3, 8])
def test_no_cluster_is_empty_even_if_all_points_are_equal(clusters: int) -> None:
    labels, means = k_means(np.ones((8, 3)), clusters)
    assert set(labels) == set(range(clusters)) and np.array_equal(means, np.ones((clusters, 3)))


def test_as_many_clusters_as_points_are_the_points() -> None:
    data = points(7)
    labels, means = k_means(data, 7)
    np.testing.assert_array_equal(means[labels], data)
