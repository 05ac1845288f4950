# Needs Python 3.10 to 3.13, and uses uv when it is there.
#
#     make demo         train a small model, translate, draw its attention, serve it
#     make test         what every change must pass
#     make test-all     that, and the slow tests
#     make check        lint and types
#     make bench        benchmarks, at a small size
#     make peers        the environment of what benchmarks compare with, .venv-peers
#     make docs         writes docs/api.md, cli.md and recipes.md anew
#     make check-docs   whether what pages say and show is so
#     make protos       compiles keras_attention/serving/wire/protos anew
#     make dist         builds dist/: an sdist, and from it a wheel
#     make try-wheel    that, and tries the wheel in a clean environment
#     make check-release TAG=v0.1.0   whether this can be released under that tag
#     make clean        deletes the environment and what tools leave
#
# `make PYTHON=/path/to/python …` chooses another Python for the environment.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all check format lint types pytest parity bench peers docs \
	check-docs protos dist try-wheel check-release clean

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
FITS := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
# A name on PATH may be a shim for a version that is not installed: ask each one.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3.10 python3 \
	python; do "$$name" -c '$(FITS)' >/dev/null 2>&1 && echo "$$name" && break; done)
RUN := TF_CPP_MIN_LOG_LEVEL=2 $(BIN)/python -m
CLEAN := build/clean
PEERS := $(VENV)-peers
# What the others share measures nothing.
BENCHMARKS := $(filter-out %/clients.py %/side_by_side.py,$(wildcard benchmarks/*.py))
PARITY := tests/layers tests/models tests/decoding tests/training tests/tasks \
	tests/conversion/test_marian_use.py
# What runs alike whatever the backend: `make test` runs it once, beside JAX's tests, which
# are the fewer.
ALIKE := tests/data tests/plotting tests/project

help:
	@sed -n 's/^#     //p' Makefile

demo: $(VENV)/.installed
	$(BIN)/keras-attention demo

# The backends are tested side by side; what JAX's tests print comes at the end.
test: check
	@$(MAKE) --no-print-directory parity ALSO="$(ALIKE)" >$(VENV)/parity.log 2>&1 & \
	parity=$$!; \
	$(MAKE) --no-print-directory pytest WITHOUT="$(ALIKE)"; passed=$$?; \
	wait $$parity || passed=$$?; cat $(VENV)/parity.log; exit $$passed

test-all: check
	$(RUN) pytest -q -m "slow or not slow"
	KERAS_BACKEND=jax $(RUN) pytest -q -m "slow or not slow" $(PARITY)

check: lint types

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.tested
	$(BIN)/mypy

pytest: $(VENV)/.tested
	$(RUN) pytest -q $(WITHOUT:%=--ignore=%)

# The same numbers on the other backend.
parity: $(VENV)/.tested
	KERAS_BACKEND=jax $(RUN) pytest -q $(PARITY) $(ALSO)

format: $(VENV)/.tested
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# KERAS_ATTENTION_PEERS names the Python of another environment of peers.
bench: $(VENV)/.benched $(if $(KERAS_ATTENTION_PEERS),,peers)
	@set -e; for file in $(BENCHMARKS); do \
		echo "$(BIN)/python $$file --small"; $(BIN)/python "$$file" --small; done

peers: $(PEERS)/.installed

$(PEERS)/.installed: benchmarks/peers/requirements.txt | $(BIN)/python
ifneq ($(UV),)
	uv venv --quiet --allow-existing --python $(BIN)/python $(PEERS)
	uv pip install --quiet --python $(PEERS)/bin/python --requirement $<
else
	$(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check \
		--requirement $<
endif
	@touch $@

docs: $(VENV)/.tested
	$(BIN)/python tools/write_docs.py

check-docs: $(VENV)/.tested
	$(RUN) pytest -q tests/test_docs.py tests/project

protos: $(VENV)/.tested
	$(BIN)/python tools/write_protos.py

dist: | $(BIN)/python
	rm -rf dist
ifneq ($(UV),)
	uv build --quiet --python $(BIN)/python
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'build>=1.2'
	$(BIN)/python -m build
endif

# Neither this clone nor what tests need is there.
try-wheel: dist
	rm -rf $(CLEAN)
ifneq ($(UV),)
	uv venv --quiet --python $(BIN)/python $(CLEAN)
	uv pip install --quiet --python $(CLEAN)/bin/python dist/*.whl
else
	$(BIN)/python -m venv $(CLEAN)
	$(CLEAN)/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
endif
	$(CLEAN)/bin/python tools/try_installed.py --demo

check-release: | $(BIN)/python
	$(BIN)/python tools/check_release.py '$(TAG)'

clean:
	rm -rf $(VENV) $(PEERS) .mypy_cache .pytest_cache .ruff_cache build dist

# Only what is asked for: a demo needs neither pytest nor JAX.
$(VENV)/.installed: EXTRAS :=
$(VENV)/.tested: EXTRAS := [test,jax]
$(VENV)/.benched: EXTRAS := [bench]
$(VENV)/.installed $(VENV)/.tested $(VENV)/.benched: pyproject.toml | $(BIN)/python
ifneq ($(UV),)
	uv pip install --quiet --python $(BIN)/python --editable '.$(EXTRAS)'
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.$(EXTRAS)'
endif
	@touch $@

$(BIN)/python:
ifneq ($(UV),)
	uv venv --quiet --python '$(or $(PYTHON),3.11)' $(VENV)
else
	@test -n '$(PYTHON)' || { echo "No Python 3.10 to 3.13 on PATH." \
		"Install one, or uv, or name one: make PYTHON=/path/to/python" >&2; exit 1; }
	@'$(PYTHON)' -c '$(FITS)' || { echo "'$(PYTHON)' is" \
		"$$('$(PYTHON)' --version 2>&1); this package needs Python 3.10 to 3.13:" \
		"make PYTHON=/path/to/python" >&2; exit 1; }
	'$(PYTHON)' -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
endif
