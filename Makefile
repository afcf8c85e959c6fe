# Two commands for a newcomer, `make demo` and `make test`; the rest is for whoever works on the code.
# On Windows, where make is rare, `python .ci/setup.py` does the same set-up.

PYTHON ?= python3
BIN := .venv/bin
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test mutation pictures format lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## install everything into .venv (the other targets do this first)
	@$(PYTHON) .ci/setup.py

demo: setup ## open the technician's screen against a server on this machine (headless without a terminal)
	@$(BIN)/tailboard-sim demo

test: setup ## run the whole check: format, lint, types, import contracts, tests
	@echo '== format';           $(BIN)/ruff format --check --quiet --output-format concise . || { echo 'run `make format`'; exit 1; }
	@echo '== lint';             $(BIN)/ruff check --quiet --output-format concise .
	@echo '== types';            $(BIN)/mypy --no-error-summary
	@echo '== import contracts'; out=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$out"; exit 1; }
	@echo '== tests';            $(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

mutation: setup ## plant bugs in the rules and list those that no test notices (minutes; BUGS=… for some)
	@$(BIN)/python .ci/mutation.py $(BUGS)

pictures: setup ## draw the pages of the office's console anew for the documentation (needs chromium)
	@$(BIN)/python -m tests.console.pictures docs/images

format: setup ## format the code and fix what the linter can
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

lock: setup ## resolve all dependencies anew: the newest versions that pyproject.toml allows
	@$(BIN)/uv lock --quiet --upgrade
	@$(BIN)/uv export --quiet --no-emit-project --no-header --format requirements-txt --output-file requirements.lock
	@echo 'requirements.lock is new; the next make installs it'

clean: ## remove .venv and the tools' caches (the compiled wheel stays in the user's cache folder)
	@rm -rf .venv uv.lock dist build mutants mutants.log .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
