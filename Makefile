PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench soak screenshots clean

run: $(VENV)/.run-ready
	$(BIN)/streamlit run dashboard.py

test: lint $(VENV)/.browser-ready
	$(BIN)/python -m pytest

lint: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.bench-ready
	$(BIN)/python -m benchmarks

soak: $(VENV)/.browser-ready
	$(BIN)/python -m benchmarks.soak

screenshots: $(VENV)/.browser-ready
	$(BIN)/python -m tests.screenshots

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
	$(BIN)/python -m tests.browser
	@touch $@

$(VENV)/.bench-ready: $(VENV)/.browser-ready requirements-bench.txt
	@command -v npm >/dev/null || { echo "npm is missing. On Debian: apt-get install npm"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@
