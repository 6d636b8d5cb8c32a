"""Duplicates of one picture: candidates by hash, verification on pixels, clusters with one keeper.

candidate_pairs(images, settings)      exact and near candidates of a whole table
verify_pair(first, second, …)          are they one exposure?
cluster(pairs, images, settings, …)    who stays, who goes
"""

from million_ird.duplicates.candidates import PAIR_SCHEMA, candidate_pairs
from million_ird.duplicates.clusters import benchmark_row, cluster, with_thumbnails
from million_ird.duplicates.crop_index import crop_pairs
from million_ird.duplicates.crops import crop_features, verify_crop
from million_ird.duplicates.settings import DuplicateSettings
from million_ird.duplicates.verify import Agreement, verify_pair

__all__ = [
    "PAIR_SCHEMA",
    "Agreement",
    "DuplicateSettings",
    "benchmark_row",
    "candidate_pairs",
    "cluster",
    "crop_features",
    "crop_pairs",
    "verify_crop",
    "verify_pair",
    "with_thumbnails",
]
