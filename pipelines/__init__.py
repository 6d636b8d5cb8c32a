"""Ray jobs that make the data: plan, fetch, screen, deduplicate, cut and pack, resumable after any death."""

import os

# Read when numpy is first imported. The products of matrices here are small: threads of BLAS spend more on waiting for
# one another than they save (measured: the cheap screens took twice their CPU time), and every worker would start some.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
