# `make` lists what there is. Everything is installed into .venv and node_modules, nothing outside of this folder.
# PORT, DATA_DIR, AZURITE_BLOB_PORT, AZURITE_QUEUE_PORT and AZURITE_TABLE_PORT reach the stack from the environment
# or from the command line: make start PORT=7072 DATA_DIR=.data2 AZURITE_BLOB_PORT=10010 ...
# BACKEND=azure-stub lets the app provision on a stand-in for Azure Resource Manager; BACKEND=azureml-stub, experimental,
# hands registries over to Azure Machine Learning there.
# TLS=1 makes it serve https, with a certificate that it makes itself.

PYTHON ?= python3
BIN := .venv/bin
UV := uv==0.13.9
PIP_AUDIT := pip-audit==2.10.1
LOCK := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

PYTHON_PACKAGES := .venv/.installed
NODE_PACKAGES := node_modules/.installed
CLIENTS := .venv/clients/.installed
SWAGGER_UI := swagger-ui.css swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt LICENSE NOTICE
ASSETS := registry_api/http/assets/.installed

.DEFAULT_GOAL := help
.PHONY: help install assets clients start azurite demo package test fuzz soak chaos mutants check format lint types lock \
	audit bench bench-quick clean

help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

install: $(PYTHON_PACKAGES) $(NODE_PACKAGES) assets ## Install the pinned packages, unless they are there

assets: $(ASSETS) ## Put the files of the API page where the app serves them

clients: $(CLIENTS) ## Install the official clients of Resource Manager, for the tests, unless they are there

start: install local.settings.json ## Start the API and its storage; Ctrl-C ends both; BACKEND=azure-stub tries the other backend
	@exec $(BIN)/python -m devstack start

azurite: install ## Start the storage alone, for `func start`
	@exec $(BIN)/python -m devstack azurite

demo: install local.settings.json ## Show and check everything the API does, on a running stack or one of its own
	@exec $(BIN)/python -m devstack demo

package: install ## Build the zip that is deployed, for the version of Python that runs this
	@exec $(BIN)/python -m devstack package

test: install clients ## Run the tests, two files at a time; they start what they need
	@exec $(BIN)/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

fuzz: install ## Ask the app a quarter of a million questions, an hour at most, 50,000 as a thief; plant faults in 50,000 documents
	@$(BIN)/python -m tests.openapi.fuzz
	@TWO_TENANT_REQUESTS=50000 $(BIN)/pytest --quiet tests/http/test_two_tenants.py
	@FAULT_DOCUMENTS=50000 $(BIN)/pytest --quiet --timeout=3600 tests/properties

soak: install ## Simulate 10,000 histories with faults in memory, an hour at most; all has to end right
	@exec $(BIN)/python -m tests.simulation 10000 3600

chaos: install ## Kill 500 workers in the middle of their work and break storage, an hour at most; all has to end right
	@exec $(BIN)/python -m tests.chaos

mutants: install ## Plant thousands of small faults, one at a time, and count those that the tests notice; half an hour
	@$(BIN)/python -m tests.mutants

check: lint types test ## Check format, style and types, and run the tests, as CI does

format: $(PYTHON_PACKAGES) ## Format the code
	@$(BIN)/ruff check --quiet --select I --fix .
	@$(BIN)/ruff format .

lint: $(PYTHON_PACKAGES) ## Check format, style and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports

types: $(PYTHON_PACKAGES) ## Check types
	@$(BIN)/mypy

bench: install ## Measure, and print one table of ratios to floors
	@exec $(BIN)/python -m benchmarks

bench-quick: install ## The same in less than a minute, with fewer repetitions
	@exec $(BIN)/python -m benchmarks --quick

lock: $(BIN)/python ## Pin the newest versions that requirements*.in allow
	@test -x .venv/lock/bin/uv || $(BIN)/python -m venv .venv/lock
	@.venv/lock/bin/python -m pip install --quiet --disable-pip-version-check '$(UV)'
	@.venv/lock/bin/uv $(LOCK) --upgrade --output-file requirements.txt requirements.in
	@.venv/lock/bin/uv $(LOCK) --upgrade --constraint requirements.txt --output-file requirements-dev.txt requirements-dev.in
	@.venv/lock/bin/uv $(LOCK) --upgrade --output-file tests/clients/requirements.txt tests/clients/requirements.in

audit: $(BIN)/python ## Ask PyPI and npm for known vulnerabilities of what is pinned; needs the network, so not part of check
	@test -x .venv/audit/bin/pip-audit || $(BIN)/python -m venv .venv/audit
	@.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check '$(PIP_AUDIT)'
	@.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.txt
	@.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-dev.txt
	@npm audit

clean: ## Remove what was installed and cached; data and settings stay
	rm -rf .venv node_modules $(dir $(ASSETS)) mutants dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed, as Azure Functions runs it. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv

$(PYTHON_PACKAGES): requirements-dev.txt | $(BIN)/python
	@echo "Installing Python packages (half a minute, once)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

$(CLIENTS): tests/clients/requirements.txt | $(BIN)/python
	@echo "Installing the official clients for the tests (a minute, once)..."
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(NODE_PACKAGES): package-lock.json
	@command -v npm >/dev/null || \
		{ echo "Node.js 20 or newer is needed, with npm: Azurite, the local storage, runs on it." >&2; exit 1; }
	@echo "Installing Azurite (a few seconds, once)..."
	@npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

$(ASSETS): $(NODE_PACKAGES)
	@mkdir -p $(@D)
	@cp $(addprefix node_modules/swagger-ui-dist/,$(SWAGGER_UI)) $(@D)
	@touch $@

local.settings.json:
	@cp local.settings.sample.json $@
