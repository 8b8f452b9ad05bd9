PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-pages test-library test-fast lint bench soak screenshots clean

run: $(VENV)/.run-ready
	$(BIN)/streamlit run dashboard.py

test: lint $(VENV)/.browser-ready
	$(MAKE) --jobs 2 test-pages test-library

# A browser and its server leave a part of two cores free, which the other tests use meanwhile.
test-pages: $(VENV)/.browser-ready
	$(BIN)/python -m pytest tests/browser

test-library: $(VENV)/.test-ready
	$(BIN)/python -m pytest tests/unit tests/app tests/real

test-fast: lint
	$(BIN)/python -m pytest tests/unit -m "not slow" --numprocesses 2 --dist worksteal

lint: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(VENV)/.bench-ready
	$(BIN)/python -m benchmarks

soak: $(VENV)/.browser-ready
	$(BIN)/python -m benchmarks.soak

screenshots: $(VENV)/.browser-ready
	$(BIN)/python -m tests.support.screenshots

clean:
	rm -rf $(VENV)

$(VENV)/.made:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run-ready: $(VENV)/.made requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.test-ready: $(VENV)/.made requirements.txt requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.run-ready

$(VENV)/.browser-ready: $(VENV)/.test-ready
	$(BIN)/python -m tests.support.chromium
	@touch $@

$(VENV)/.bench-ready: $(VENV)/.browser-ready requirements-bench.txt
	@command -v npm >/dev/null || { echo "npm is missing. On Debian: apt-get install npm"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@
