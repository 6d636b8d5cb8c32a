# The two commands of the README are `make demo` and `make test`; each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PHOTOS ?=
OUT ?= demo-output

.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## make .venv with the pinned versions

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "million-ird needs Python 3.11 or newer; name one: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "this Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@sh pipelines/system_library.sh
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,demo,annotate]'
	@touch $@

demo: setup ## build a real dataset, of a folder with PHOTOS=~/Pictures, train on it, and say where to look
	@$(BIN)/python -m pipelines.demo --out '$(OUT)' $(if $(PHOTOS),--photos '$(PHOTOS)')
	@$(BIN)/python -m pretrain.demo --dataset '$(OUT)' --out '$(OUT)-run'

test: setup ## run the tests, in a process for each core, four at most; in one with ARGS='-n 0'
	@sh tests/annotation/browser/install.sh
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

BENCHMARKS := cutting screens fetching whole_build ray_overhead manifest_scale planning duplicates report_at_scale corruption \
  annotation_server ghost_latency grl_tables lmd_vit_pruning

bench: setup ## benchmarks, one after the other (an hour); see benchmarks/README.md
	@for name in $(BENCHMARKS); do echo "== $$name"; \
	  OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/$$name.py $$([ $$name = duplicates ] && echo scale) || exit 1; done

clean: ## remove .venv and the demo's output
	rm -rf $(VENV) '$(OUT)' '$(OUT)-run'

.PHONY: help setup demo test check bench clean
