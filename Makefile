# Every target brings what it needs: a .venv that holds exactly a lock file (see .ci/environment.py).
#   make test ARGS="-k orders -x"      make serve ARGS="--port 9000"      make PYTHON=python3.13 ...

PYTHON ?= python3
ARGS ?=
RUN := .venv/bin/python

# Tests start Python by the dozen, which would compile all that it imports each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help serve test check bench lock schema golden clean python runtime development

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: runtime ## The gateway with everything embedded, and demo data at the first start
	@exec $(RUN) -m app serve $(ARGS)

# Three processes for two cores: some tests wait for what they have killed.
test: development ## All tests (ARGS="..." goes to pytest)
	@$(RUN) -m pytest -n 3 --dist worksteal $(ARGS)

check: development ## Lint, format, types, and the import rules between packages
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	.venv/bin/basedpyright
	.venv/bin/lint-imports

bench: development ## Load figures, beside plain Strawberry, hand-written SQL and a bare aiohttp handler
	@$(RUN) -m tests.bench $(ARGS)

schema: runtime ## Print the GraphQL schema into schema/schema.graphql
	@$(RUN) -m app export-schema $(ARGS)

golden: development ## Write the SQL of the most asked documents into tests/golden
	@STOREGRAPH_TEST_UPDATE=1 $(RUN) -m pytest --quiet -k "is_what_was_read_before" \
	  tests/test_compiled_golden.py $(ARGS)

# --universal: one lock for every platform and Python, with markers where they differ.
# The second lock obeys the first, so both name the same versions; the larger one comes first, as
# what tests need may want an older version of something than what is served.
lock: python ## Resolve pyproject.toml into both lock files (ARGS=--upgrade for newer versions)
	@set -e; tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; \
	"$$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv; \
	resolve() { "$$tools/bin/uv" pip compile pyproject.toml --quiet --no-config --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" "$$@" >/dev/null; }; \
	resolve --output-file requirements-dev.lock --group dev $(ARGS); \
	resolve --output-file requirements.lock --constraint requirements-dev.lock $(ARGS)
	@! grep -nE '://|file:|--(index|extra|find|trusted)' requirements.lock requirements-dev.lock

clean: ## Remove the .venv and what tools left behind (var/, the data, stays)
	rm -rf .venv .venv.lock dist htmlcov .coverage* .hypothesis .import_linter_cache .pytest_cache \
	  .ruff_cache .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "No $(PYTHON) here: install Python 3.11 or newer, or name one: make PYTHON=..." >&2; exit 1; }

runtime: python
	@$(PYTHON) .ci/environment.py runtime

development: python
	@$(PYTHON) .ci/environment.py development
