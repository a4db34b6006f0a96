# The two commands are `make run` and `make test`. Everything they need is set up first, in .venv.
# Another Python: make setup PYTHON=python3.12

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests run test lint test-unit test-model test-ui test-e2e smoke bench clean distclean

PYTHON ?= $(shell sh packaging/find-python.sh)
BIN := .venv/bin
PYTEST := $(BIN)/pytest -q

help:
	@echo 'make run      set up and open the window (in the terminal where there is no display)'
	@echo 'make test     set up and run every check and test'
	@echo 'make setup    only set up: .venv with everything in it'
	@echo 'make lint     only the checks: ruff, mypy, the layers'
	@echo 'make smoke    ask the model one question as a check of the whole'
	@echo 'make bench    measure, and compare with the budgets'
	@echo 'make clean    remove what the tools left; make distclean also removes .venv'

setup:
	@$(PYTHON) packaging/bootstrap.py

setup-tests:
	@$(PYTHON) packaging/bootstrap.py --tests

run: setup
	@exec $(BIN)/chatdesk

# Every group runs, so that one run tells all that is wrong. The groups are processes of their own:
# the unit tests prove that nothing below the window needs Qt, the e2e tests start real windows.
test: lint
	@failed=; \
	for group in unit model ui e2e; do \
	    find tests/$$group -name 'test_*.py' 2>/dev/null | grep -q . || continue; \
	    echo "== tests/$$group"; \
	    $(PYTEST) tests/$$group || failed="$$failed $$group"; \
	done; \
	if [ -n "$$failed" ]; then echo "Failed:$$failed" >&2; exit 1; fi

lint: setup-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test-unit test-model test-ui test-e2e: test-%: setup-tests
	$(PYTEST) tests/$*

smoke: setup
	@$(BIN)/python packaging/smoke.py $(BIN)/chatdesk

bench: setup
	@$(BIN)/python -m benchmarks

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
