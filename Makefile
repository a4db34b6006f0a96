# The two commands are `make run` and `make test`. Everything they need is set up first, in .venv.
# Another Python: make setup PYTHON=python3.12

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests setup-installers run test lint test-unit test-pool test-model test-ui test-e2e smoke bench
.PHONY: installer installer-test clean-systems package-test clean distclean

PYTHON ?= $(shell sh packaging/find-python.sh)
BIN := .venv/bin
# Containers often set the variable: then each program that a test starts is compiled anew.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q

help:
	@echo 'make run      set up and open the window (in the terminal where there is no display)'
	@echo 'make test     set up and run every check and test'
	@echo 'make setup    only set up: .venv with everything in it'
	@echo 'make lint     only the checks: ruff, mypy, the layers'
	@echo 'make smoke    ask the model one question as a check of the whole'
	@echo 'make bench    measure, and compare with the budgets'
	@echo 'make installer       build the installers for this system into dist'
	@echo 'make installer-test  build what is missing of them, and try them on clean systems (as root)'
	@echo 'make clean    remove what the tools left; make distclean also removes .venv'

setup:
	@$(PYTHON) packaging/bootstrap.py

setup-tests:
	@$(PYTHON) packaging/bootstrap.py --tests

setup-installers:
	@$(PYTHON) packaging/bootstrap.py --installers

run: setup
	@exec $(BIN)/chatdesk

# Every group runs, so that one run tells all that is wrong. The groups are processes of their own:
# the unit tests prove that nothing below the window needs Qt, the e2e tests start real windows. The
# pool's tests mostly wait, for what is silent or gone, so they do it beside the others.
test: lint
	@failed=; log=$$(mktemp); \
	$(PYTEST) tests/pool >"$$log" 2>&1 & pool=$$!; \
	trap 'kill $$pool 2>/dev/null; rm -f "$$log"' EXIT; \
	for group in unit model ui e2e; do \
	    echo "== tests/$$group"; \
	    $(PYTEST) tests/$$group || failed="$$failed $$group"; \
	done; \
	wait $$pool || failed="$$failed pool"; \
	echo "== tests/pool"; cat "$$log"; \
	if [ -n "$$failed" ]; then echo "Failed:$$failed" >&2; exit 1; fi

lint: setup-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test-unit test-pool test-model test-ui test-e2e: test-%: setup-tests
	$(PYTEST) tests/$*

smoke: setup
	@$(BIN)/python packaging/smoke.py $(BIN)/chatdesk

bench: setup
	@$(BIN)/python -m benchmarks

# With the Python of .venv: it is the one that is inside. Another one: make installer PYTHON=...
installer: setup
	@echo 'The first time this takes about 20 minutes on two cores, 14 of them for llama.cpp; then 5.'
	@$(BIN)/python packaging/build.py

installer-test: clean-systems setup-installers
	@echo 'What is missing is built first (5 to 20 minutes); the tests take about 20.'
	@$(BIN)/python packaging/build.py --missing
	$(PYTEST) -rs tests/installer

# Said before anything is installed or built. On other systems the tests that need none of it are
# run.
clean-systems:
	@if [ "$$(uname -s)" = Linux ] && [ "$$(id -u)" != 0 ]; then \
	    echo 'Clean systems are made with debootstrap and chroot, which needs root: run' >&2; \
	    echo 'make installer-test as root, in a container or a machine that may mount.' >&2; \
	    exit 1; \
	fi
	@if [ "$$(uname -s)" = Linux ] && ! unshare --mount --net mount -t tmpfs none /mnt; then \
	    echo 'Clean systems need mounts and a network of their own, which are not allowed' >&2; \
	    echo 'here: run make installer-test in a container or a machine that may mount.' >&2; \
	    exit 1; \
	fi

package-test: setup-tests
	@$(BIN)/python packaging/try_package.py

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
