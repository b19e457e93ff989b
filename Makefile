# Everything a newcomer needs: make demo, make run, make test. Needs Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Such as py311: the Python that runs all tests need not run most of them again.
OWN_FACTOR = $$($(BIN)/python -c 'import sys; print("py{}{}".format(*sys.version_info))')

.DEFAULT_GOAL := help
.PHONY: help demo run test test-cluster bench bench-quick dist lambda lock clean

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(VENV)/.demo ## mirror events into a simulated vRealize Operations, lose one, forge one
	@$(BIN)/python -m lab.demo

run: $(VENV)/.run ## leave vCenter, vRealize Operations, the function and its page up, to play with
	@$(BIN)/python -m lab

test: $(VENV)/.tox ## lint, types, import rules and all tests; most of them on other Pythons, too
	@$(BIN)/tox run $(or $(TOXARGS),--skip-env $(OWN_FACTOR))

test-cluster: $(VENV)/.tox ## give the manifests to a real API server, which Go builds once (4 minutes)
	@$(BIN)/tox run -e cluster

bench: $(VENV)/.demo ## measure everything, and write docs/benchmarks.md (10 minutes)
	@$(BIN)/python -m bench

bench-quick: $(VENV)/.demo ## measure in a minute, into build/bench
	@$(BIN)/python -m bench --quick

dist: $(VENV)/.build ## build the wheel and the source distribution
	@$(BIN)/python -m hatchling build

lambda: $(BIN)/python ## build the zip for AWS Lambda
	@$(BIN)/python deploy/eventbridge/build.py

lock: $(VENV)/.uv ## write the lock files from pyproject.toml; LOCKARGS=--upgrade takes the newest
	@sh requirements/lock.sh $(BIN)/uv $(LOCKARGS)

clean: ## remove what make has made
	rm -rf $(VENV) .tox build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python requirements/demo.txt pyproject.toml
	@echo "setting up $(VENV) (once)"
	@$(PIP) --require-hashes -r requirements/demo.txt
	@$(PIP) --no-deps --editable .
	@touch $@

# What tells people is a fifth of all of it, so that make demo does without. Locks have one version
# of each package, so that this only adds to it.
$(VENV)/.run: $(VENV)/.demo requirements/notify.txt
	@$(PIP) --require-hashes -r requirements/notify.txt
	@touch $@

$(VENV)/.tox: $(BIN)/python requirements/tox.txt
	@$(PIP) --require-hashes -r requirements/tox.txt
	@touch $@

$(VENV)/.build: $(BIN)/python requirements/build.txt
	@$(PIP) --require-hashes -r requirements/build.txt
	@touch $@

$(VENV)/.uv: $(BIN)/python
	@$(PIP) 'uv>=0.9,<1'
	@touch $@
