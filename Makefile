# Watchroom. `make` alone says what there is.
#
# A machine needs Python 3.11, 3.12 or 3.13 and make; everything else is installed into .venv.
#   PYTHON=/path/to/python3.12   the interpreter to use
#   ARGS='...'                   handed on to the command of `demo`, `test` (pytest), `bench` or `drill`

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

BIN := .venv/bin
ROOMS := schemas sources streams sinks watchroom
INPUTS := pyproject.toml constraints.txt tools/setup.sh

.PHONY: help
help: ## Say what there is
	@echo 'Watchroom, a real-time operations centre for emergency response.'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'A first look: make demo'

.PHONY: setup
setup: .venv/.ready-run ## Install what it takes to run, into .venv
	@echo 'Set up: $(BIN)/watchroom is the command.'

.PHONY: dev
dev: .venv/.ready-dev ## Install what it takes to test, too

.venv/.ready-run: $(INPUTS)
	@tools/setup.sh run

.venv/.ready-dev: $(INPUTS)
	@tools/setup.sh dev

# Due again, too, where a checkout was copied or moved (its .venv still points to the old place) and where
# an interpreter is named.
ifneq ($(realpath .) $(origin PYTHON),$(shell cat .venv/.made-in 2>/dev/null) undefined)
.PHONY: .venv/.ready-run .venv/.ready-dev
endif

.PHONY: demo
demo: .venv/.ready-run ## Run it here: a broker, the workers, the board, and a week of San Francisco
	@$(BIN)/watchroom demo $(ARGS)

.PHONY: test
test: check ## Everything that must hold: check, then every test
	@tools/test-tools.sh
	@$(BIN)/python -m pytest --numprocesses 2 $(ARGS)

.PHONY: check
check: .venv/.ready-dev ## Format, lint, types and the laws of imports
	@echo 'Checking the format.'
	@$(BIN)/ruff format --check --quiet --output-format concise . || { echo 'The format differs above: make format mends it.'; exit 1; }
	@echo 'Checking for lint.'
	@$(BIN)/ruff check --quiet .
	@echo 'Checking the types.'
	@$(BIN)/mypy --no-error-summary
	@echo 'Checking who imports whom.'
	@$(BIN)/lint-imports >.venv/imports.log 2>&1 || { cat .venv/imports.log; exit 1; }

.PHONY: fast
fast: .venv/.ready-dev ## Compile the core of both stages (needs gcc and Python's headers)
	@$(BIN)/python -m tools.compile_core $(ARGS)

.PHONY: bench
bench: .venv/.ready-dev ## Measure how fast it is
	@[ -f .venv-bench/.ready ] || tools/setup-bench.sh
	@$(BIN)/python -m bench $(ARGS)

.PHONY: compose-drill
compose-drill: .venv/.ready-dev ## Run docker-compose.yml with stand-in images, kill a worker, compare (root, docker.io)
	@$(BIN)/python -m tools.compose_drill $(ARGS)

.PHONY: drill
drill: .venv/.ready-dev ## Break what can be broken and hold the answer against the reference (half an hour, root)
	@$(BIN)/python -m tests.drills $(ARGS)

.PHONY: format
format: .venv/.ready-dev ## Put the code into the house format
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix-only .

.PHONY: pins
pins: ## Resolve constraints.txt afresh (needs Python 3.11, 3.12 and 3.13)
	@python3 tools/pin.py

.PHONY: clean
clean: ## Remove all that this Makefile made; records and settings stay
	@rm -rf .venv .venv-bench build dist streams/_compiled .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
