# make run      builds .venv, installs, starts the proxy on a copy of conf/ in .run/
# make test     builds .venv, installs the test extra, runs every gate and the whole suite
# make install  .venv with everything, nothing started
# make soak     the long forms of what make test runs of workers: 200 crashes, 10 reloads under load (15 minutes)
# make bench    .venv with the bench extra, then benchmarks/ (make bench ARGS=--quick: within two minutes)
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: soak compiled-trial run test install lint types contracts trial pytest integration compiled docs clean bench

run: $(VENV)/.installed
	@mkdir -p .run
	@test -d .run/conf || cp -R conf .run/conf
	$(BIN)/twistd dyups --config .run/conf/nginx.conf

install: $(VENV)/.installed-test

# Two gates at a time, the longest first; each prints when it is done.
test: $(VENV)/.installed-test
	@$(MAKE) --no-print-directory --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) integration pytest trial compiled types contracts lint

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[lua]'
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
	$(BIN)/pytest --cov --cov-report=term --ignore=tests/integration

integration: $(VENV)/.installed-test
	$(BIN)/pytest tests/integration

soak: $(VENV)/.installed-test
	DYUPS_TEST_CRASHES=200 DYUPS_TEST_RELOADS=10 $(BIN)/pytest -s \
		tests/integration/test_workers_crash.py tests/integration/test_workers_reload.py \
		tests/integration/test_workers_truth.py tests/integration/test_workers_bounds.py

# The hot modules as an ordinary installation has them: compiled by mypyc, under the same tests.
compiled: $(VENV)/.installed-test
	@if command -v cc > /dev/null; then $(MAKE) --no-print-directory compiled-trial; \
	else echo 'compiled: skipped, there is no C compiler (cc)'; fi

compiled-trial:
	rm -rf .run/compiled && mkdir -p .run/compiled
	cp -R dyups tests twisted setup.py setup.cfg pyproject.toml README.rst LICENSE .run/compiled
	cd .run/compiled && DYUPS_COMPILE=1 ../../$(BIN)/python setup.py --quiet build_ext --inplace
	cd .run/compiled && ../../$(BIN)/python -m twisted.trial --reporter=text \
		tests.http1 tests.balancing tests.upstream tests.proxy

docs: $(VENV)/.installed-test
	$(BIN)/python -m dyups.config.reference docs

$(VENV)/.installed-bench: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench,test]'
	@touch $@

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks.run $(ARGS)

clean:
	rm -rf $(VENV) .run build dist *.egg-info .mypy_cache .ruff_cache .coverage .hypothesis _trial_temp*
