# `make solve` and `make test` need Python 3.11 to 3.13 and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: solve test test-all test-lowest soak lint benchmark benchmark-check clean

solve: .venv/installed
	$(BIN)/python experiments/bsde.py --overwrite

test: .venv/installed
	$(BIN)/python -m pytest

# The tests marked slow too, and fifty killed runs.
test-all: .venv/installed
	$(BIN)/python -m pytest -m "slow or not slow" --kills 50

# The lowest versions that requirements.txt allows, in an environment of their own.
test-lowest: requirements-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --disable-pip-version-check -q -r $<
	.venv-lowest/bin/python -m pytest $(TESTS)

# Two hundred solves in one process; QUICK=--quick makes three.
soak: .venv/installed
	$(BIN)/python benchmarks/soak.py $(QUICK)

# About nine hours on two cores; QUICK=--quick shows in minutes that all of it runs.
benchmark: .venv/installed
	$(BIN)/python benchmarks/accuracy.py $(QUICK)
	$(BIN)/python benchmarks/coverage.py $(QUICK)
	$(BIN)/python benchmarks/outside.py $(QUICK)
	$(BIN)/python benchmarks/speed.py $(QUICK)
	$(BIN)/python benchmarks/ablation.py $(QUICK)
	$(BIN)/python benchmarks/absent_classes.py $(QUICK)
	$(BIN)/python benchmarks/by_hand.py $(QUICK)
	$(BIN)/python benchmarks/scaling.py $(QUICK)
	$(BIN)/python benchmarks/references/default_risk.py $(QUICK)
	$(BIN)/python benchmarks/references/different_rates.py $(QUICK)
	$(if $(QUICK),,$(BIN)/python benchmarks/report.py)

# Three problems and one time of a step measured anew, against the committed numbers: minutes.
benchmark-check: .venv/installed
	$(BIN)/python benchmarks/check.py $(QUICK)

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

.venv/installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or \
	  sys.exit("TensorFlow needs Python 3.11 to 3.13, this is %d.%d: make PYTHON=python3.12 ..." % v)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	touch $@

clean:
	rm -rf .venv .venv-lowest results
