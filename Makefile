# Two commands do the set-up and the rest: `make demo` and `make test`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
BENCH  := $(VENV)/.bench

.DEFAULT_GOAL := help

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; this is `$(PYTHON) --version`. Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) (once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[aiohttp,postgres,redis,serve]' --group dev
	@touch $@

demo: $(READY) ## Stream answers in the terminal (with OpenAI when OPENAI_API_KEY is set)
	@$(BIN)/python examples/movie.py
	@$(BIN)/python examples/films.py

chatbot: web ## Serve the chatbot and its page (with OpenAI when OPENAI_API_KEY is set)
	@$(BIN)/python examples/streaming_chatbot/server.py

web: $(READY) ## Build the chatbot's page
	@$(BIN)/python examples/streaming_chatbot/build.py

quick: $(READY) ## Check the form and run the fast tests, in under a minute
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@DECLARAI_QUICK=1 $(BIN)/python -m pytest -q -n auto --dist loadgroup -m 'not slow'

test-one: $(READY) ## Run the tests whose names match: make test-one K=fair_lock
	@$(BIN)/python -m pytest -q -k '$(K)'

test: $(READY) ## Run all checks and tests, in parallel, with coverage
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -q -n auto --dist loadgroup --cov --cov-report=term

check: $(READY) ## Check the form, the types and the layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/pyright --pythonpath $(BIN)/python

mutants: $(READY) ## Change the code in small ways, each of which a test must catch
	@$(BIN)/python tests/mutants.py $(K)

format: $(READY) ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(READY) ## Build the documentation into site/
	@$(BIN)/python docs/llms.py
	@$(BIN)/mkdocs build --strict
	@echo "The pages are in site/"

bench: $(READY) ## Measure the speed beside the bare minimum and other libraries
	@test -e $(BENCH) || { $(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'instructor>=1.17' && touch $(BENCH); }
	@$(BIN)/python benchmarks/all.py $(if $(TRUSS),--python $(TRUSS))

clean: ## Remove what was made
	rm -rf $(VENV) site dist examples/streaming_chatbot/static examples/streaming_chatbot/web/node_modules .coverage* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.PHONY: help demo chatbot web quick test-one test check mutants format docs bench clean
