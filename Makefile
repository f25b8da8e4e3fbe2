# Two commands on a fresh machine: `make demo` shows what the broker does, `make test` checks it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Where it is set, each of the many processes would compile everything anew: half of a run's time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check unit bench storm soak interop browser clean

demo: $(READY)
	$(BIN)/python examples/demo.py

test: check unit

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Several processes, a file of tests to each; tests/conftest.py says how many and in which order.
unit: $(READY)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

bench: $(READY)
	$(BIN)/python tests/bench/bench_broker.py

# About seven minutes; STORM="--kills 20 --seed 7" for another storm.
storm: $(READY)
	$(BIN)/python -m tests.faults.storm $(STORM)

# An hour of hostile clients; SOAK="--seconds 600 --seed 7" for another one.
soak: $(READY)
	$(BIN)/python -m tests.faults.soak $(SOAK)

# Needs npm, apt-get and time; INTEROP="--only kombu" runs one suite.
interop: $(READY)
	$(BIN)/python tests/interop/suites/run.py $(INTEROP)
	$(if $(INTEROP),,$(MAKE) browser)

# The page in a Chromium. `make unit` has these tests, too, where there is one.
browser: $(READY)
	command -v chromium || apt-get install --yes chromium
	WARRENER_TEST_BROWSER=chromium $(BIN)/python -m pytest \
		tests/exchange/management/test_page_in_browser.py \
		tests/exchange/management/test_page_at_work.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Made anew when the packaging changes; everything else is seen through the editable install.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $(READY)
