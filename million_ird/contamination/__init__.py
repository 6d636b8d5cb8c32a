"""The guard that keeps benchmark pictures out of a training set.

BenchmarkTable.from_folders({"Kodak24": folder})   what to look for; `save` and `load` ship it without pictures
table.lookup(rgb, settings)                        places in a photograph that look like one of them
confirm(rgb, hit, table[hit.benchmark], settings)  is it there?
find_benchmark(rgb, table, settings)               both in one
"""

from million_ird.contamination.confirm import confirm, find_benchmark
from million_ird.contamination.settings import ContaminationSettings
from million_ird.contamination.table import Benchmark, BenchmarkTable, Hit

__all__ = ["Benchmark", "BenchmarkTable", "ContaminationSettings", "Hit", "confirm", "find_benchmark"]
