# The commands of this repository. All of them start from a bare clone with python3 (3.11 or newer) and make.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Tests start hundreds of processes: where the environment forbids bytecode, each would compile everything again.
export PYTHONDONTWRITEBYTECODE :=

# Checks need settings, but no server: everything they touch fits in memory.
CHECK_ENV := DJANGO_SETTINGS_MODULE=config.settings.test DATABASE_URL=sqlite://:memory: REDIS_URL=

.DEFAULT_GOAL := help
.PHONY: help run test test-long simulate mutants check fmt lock schema states events bench profile clean venv-core venv-dev venv-bench venv-mutants

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: venv-core ## Start everything on PORT (8000), play one payment, stay until Ctrl-C
	@exec $(BIN)/python manage.py run_embedded

test: venv-dev ## All tests, on private MariaDB and Redis (or DATABASE_URL and REDIS_URL); ARGS for pytest
	$(BIN)/python tests/servers.py run -- $(BIN)/python -m pytest -n 4 --dist loadgroup $(ARGS)

test-long: venv-dev venv-bench ## The long versions of the tests
	$(BIN)/python tests/servers.py run -- $(BIN)/python -m pytest -n 2 --dist loadgroup -m long --timeout 3600 $(ARGS)

simulate: venv-dev ## Whole deployments in one thread, a seed each, and every promise after every move; SEEDS=10000
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),1000) $(ARGS)

mutants: venv-dev venv-mutants ## How much the tests notice: a mutation score (half an hour); ARGS="payments/states money.py"
	$(BIN)/python tests/servers.py run -- $(BIN)/python -m tests.mutants.run $(MUTANTS_VENV)/bin/python $(ARGS)

check: venv-dev ## Style, types, import direction, drift of migrations and OpenAPI, Django's and pip's checks
	@$(MAKE) --no-print-directory --keep-going --jobs 2 --output-sync=target \
		check-ruff check-types check-imports check-migrations check-schema check-django check-packages

.PHONY: check-ruff check-types check-imports check-migrations check-schema check-django check-packages
check-ruff:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-types:
	$(CHECK_ENV) $(BIN)/mypy .

check-imports:
	$(BIN)/lint-imports --no-logo

check-migrations:
	$(CHECK_ENV) $(BIN)/python manage.py makemigrations --check --dry-run

check-schema:
	@mkdir -p .local
	$(CHECK_ENV) $(BIN)/python manage.py spectacular --validate --fail-on-warn --file .local/openapi.yaml
	@diff -u docs/openapi.yaml .local/openapi.yaml || { echo "docs/openapi.yaml is stale: run make schema"; exit 1; }

check-django:
	$(CHECK_ENV) $(BIN)/python manage.py check --fail-level WARNING

check-packages:
	$(BIN)/python -m pip check

fmt: venv-dev ## Format the code and sort its imports
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

schema: venv-dev ## Write docs/openapi.yaml from the code
	$(CHECK_ENV) $(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

states: venv-dev ## Write docs/states.md from the code
	$(CHECK_ENV) $(BIN)/python manage.py draw_states

events: venv-dev ## Write docs/events.json and docs/events.md from the code; refuses what would break subscribers
	$(CHECK_ENV) $(BIN)/python manage.py event_catalogue

lock: venv-dev ## Compile pyproject.toml into the hashed locks; UPGRADE=--upgrade for newer versions
	$(LOCK) --extra mysql --extra flower --extra kafka --extra rabbitmq --extra dev --output-file requirements-dev.txt
	$(LOCK) --extra mysql --extra flower --extra kafka --extra rabbitmq --output-file requirements.txt
	$(LOCK) --output-file requirements-core.txt
	$(COMPILE) bench/requirements.in --output-file bench/requirements.txt
	$(COMPILE) tests/mutants/requirements.in --output-file tests/mutants/requirements.txt

COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile \
	--quiet --universal --generate-hashes --python-version 3.11 $(UPGRADE)
LOCK = $(COMPILE) pyproject.toml

bench: venv-dev venv-bench ## How fast it is, against a floor and peers (minutes); ARGS="--only webhooks --rounds 3"
	@$(BIN)/python -m bench.run $(ARGS)

profile: venv-dev ## What each hot path spends its time on; ARGS="--only pay --calls 1000"
	@$(BIN)/python -m bench.profile $(ARGS)

clean: ## Remove the environment, caches and the embedded run's data
	rm -rf $(VENV) .local .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: .venv holds a copy of each lock it was made from, so an unchanged lock costs nothing.

venv-core: $(BIN)/python
	@cmp -s requirements-core.txt $(VENV)/requirements-core.txt || { \
		echo "Installing requirements-core.txt into $(VENV)"; \
		$(BIN)/python -m pip install -qq --require-hashes -r requirements-core.txt \
		&& cp requirements-core.txt $(VENV)/; }

venv-dev: $(BIN)/python
	@cmp -s requirements-dev.txt $(VENV)/requirements-dev.txt || { \
		$(BIN)/python tests/servers.py prepare \
		&& echo "Installing requirements-dev.txt into $(VENV)" \
		&& $(BIN)/python -m pip install -qq --require-hashes -r requirements-dev.txt \
		&& cp requirements-dev.txt $(VENV)/; }

# What Quittance is measured against has an environment of its own.
BENCH_VENV := .local/bench-venv
venv-bench: venv-dev
	@cmp -s bench/requirements.txt $(BENCH_VENV)/requirements.txt || { \
		echo "Installing bench/requirements.txt into $(BENCH_VENV)" \
		&& rm -rf $(BENCH_VENV) && $(BIN)/python -m venv $(BENCH_VENV) \
		&& $(BENCH_VENV)/bin/python -m pip install -qq --require-hashes -r bench/requirements.txt \
		&& cp bench/requirements.txt $(BENCH_VENV)/; }

# What makes mutants has one too: it depends on much that nothing here needs.
MUTANTS_VENV := .local/mutants-venv
venv-mutants: venv-dev
	@cmp -s tests/mutants/requirements.txt $(MUTANTS_VENV)/requirements.txt || { \
		echo "Installing tests/mutants/requirements.txt into $(MUTANTS_VENV)" \
		&& rm -rf $(MUTANTS_VENV) && $(BIN)/python -m venv $(MUTANTS_VENV) \
		&& $(MUTANTS_VENV)/bin/python -m pip install -qq --require-hashes -r tests/mutants/requirements.txt \
		&& cp tests/mutants/requirements.txt $(MUTANTS_VENV)/; }

# A Python suits when it runs, is new enough and can make virtual environments.
$(BIN)/python:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
		version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
		found="$$found $$python ($$version)"; \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue; \
		$$python -c 'import ensurepip, venv' 2>/dev/null || { bare="$$python"; continue; }; \
		echo "Making $(VENV) with $$python ($$version)"; \
		rm -rf $(VENV); \
		exec $$python -m venv $(VENV); \
	done; \
	if [ -n "$$bare" ]; then \
		echo "$$bare cannot make virtual environments: install its venv module (Debian, Ubuntu: apt-get install python3-venv)."; \
	elif [ -n "$$found" ]; then \
		echo "Quittance needs Python 3.11 or newer; found only:$$found. Name another with: make PYTHON=/path/to/python3.12 …"; \
	else \
		echo "Quittance needs Python 3.11 or newer, and no python3 was found. Name one with: make PYTHON=/path/to/python3.12 …"; \
	fi >&2; exit 1
