# Two commands on a fresh machine: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN = $(VENV)/bin
READY = $(VENV)/.ready
# Machine code of kernels, for each environment its own: another release throws away what it finds.
export NUMBA_CACHE_DIR = $(abspath $(VENV))/kernels
# Bytecode beside it, also where whoever calls writes none: tests and notebooks start a hundred
# interpreters, and each would compile all that it imports again, which takes longer than most work.
export PYTHONPYCACHEPREFIX = $(abspath $(VENV))/bytecode
export PYTHONDONTWRITEBYTECODE =

.PHONY: setup demo test test-fast test-lowest lint format notebooks docs sample catalogue licences \
  picture benchmarks release-check clean

setup: $(READY)

$(READY): pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV), which takes a minute or two"
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python -c $(CONSTRAINTS) -e '.[dev]'; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	    -c $(CONSTRAINTS) -e '.[dev]'; \
	fi
	touch $(READY)

demo: setup
	$(BIN)/python -m alicredit demo --data data/sample --out demo

test: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-fast: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not slow'

# The oldest dependencies that are promised. What can differ there is how they are called and what
# they answer, and each room calls them: its oracles, its files and its whole way stay in. Left out
# are slow tests, properties over drawn examples, which others hold in small, and what is of our own
# making: rules of time, of the law and of statistics, each finding and each warning alone (the room's
# other files find and warn), the command's words (it calls what is called here), killed runs, pages
# in a browser.
BRIEFLY = audit cli/test_cli.py cluster docs house loans release simulate windows \
  databases/test_databases_night.py databases/test_databases_server.py features/test_features_daily.py \
  features/test_features_engine.py features/test_features_future.py \
  features/test_features_others.py flow/test_flow_bad_input.py losses/test_losses_lgd.py \
  model/test_model_lawful.py \
  model/test_model_reasons.py model/test_model_shapes.py model/test_model_specials.py \
  monitoring/test_monitoring_use_of_funds.py monitoring/test_monitoring_warning_peers.py \
  monitoring/test_monitoring_warnings.py \
  portfolio/test_portfolio_faults.py records/test_records_rules.py recovery/test_recovery_claims.py \
  recovery/test_recovery_conduct.py recovery/test_recovery_plans.py \
  recovery/test_recovery_restoration.py \
  recovery/test_recovery_worklist.py report/test_report_browser.py report/test_report_parts.py

test-lowest:
	$(MAKE) setup VENV=.venv-lowest CONSTRAINTS=constraints-lowest.txt
	NUMBA_CACHE_DIR=$(abspath .venv-lowest)/kernels PYTHONPYCACHEPREFIX=$(abspath .venv-lowest)/bytecode \
	  .venv-lowest/bin/python -m pytest -n 2 --dist worksteal -m 'not slow and not hypothesis' \
	  $(addprefix --ignore=tests/,$(BRIEFLY))

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: setup
	$(BIN)/python notebooks/run.py

sample: setup
	$(BIN)/python data/sample/make_sample.py

catalogue: setup
	$(BIN)/python docs/make_catalogue.py

picture: setup
	$(BIN)/python -m alicredit demo --data data/sample --out build/demo --json \
	  | $(BIN)/python docs/make_picture.py

licences: setup
	$(BIN)/python docs/make_licences.py

# The pages as a site under build/site, from the files alone: no network, a warning is an error.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# New environments on every Python that is here, with the newest and the oldest dependencies.
release-check: setup
	$(BIN)/python release/check.py build/release --keep

benchmarks: setup
	$(BIN)/python benchmarks/window_features.py build/benchmarks

clean:
	rm -rf $(VENV) .venv-lowest demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
