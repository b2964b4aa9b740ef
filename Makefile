# make run      builds .venv, installs, starts the proxy on a copy of conf/ in .run/
# make test     builds .venv, installs the test extra, runs every gate and the whole suite
# make install  .venv with everything, nothing started
# make bench    .venv with the bench extra, then benchmarks/ (make bench ARGS=--quick: within two minutes)
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: run test install lint types contracts trial pytest docs clean bench

run: $(VENV)/.installed
	@mkdir -p .run
	@test -d .run/conf || cp -R conf .run/conf
	$(BIN)/twistd dyups --config .run/conf/nginx.conf

install: $(VENV)/.installed-test

test: lint types contracts trial pytest

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-test: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.installed

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

contracts: $(VENV)/.installed-test
	$(BIN)/lint-imports

trial: $(VENV)/.installed-test
	$(BIN)/trial --temp-directory=.run/trial --reporter=text tests

pytest: $(VENV)/.installed-test
	$(BIN)/pytest --cov --cov-report=term

docs: $(VENV)/.installed-test
	$(BIN)/python -m dyups.config.reference docs

$(VENV)/.installed-bench: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench,test]'
	@touch $@

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.run $(ARGS)

clean:
	rm -rf $(VENV) .run build dist *.egg-info .mypy_cache .ruff_cache .coverage .hypothesis _trial_temp*
