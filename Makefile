# Two commands do everything: `make demo` and `make test`. The rest is for working on the project.
SHELL := /bin/bash
.DEFAULT_GOAL := help
DATAREPLICATION_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/datareplication-operator
export DATAREPLICATION_CACHE
# A clean checkout starts with what mypy knows of the libraries, half of its time; it compares contents, not times.
export MYPY_CACHE_DIR := $(DATAREPLICATION_CACHE)/mypy
# Hundreds of processes import the same modules: their bytecode is kept whatever the shell says, outside of the checkout.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(DATAREPLICATION_CACHE)/bytecode
PYTHON ?= python3
# The environment is in the cache, keyed by its lock file, so that a clean checkout can reuse it.
VENV := $(DATAREPLICATION_CACHE)/venv/$(shell cat requirements/dev.txt tests/venv.sh | sha256sum | cut -c1-16)
BIN := $(VENV)/bin
# PostgreSQL's major versions are in the cache too, keyed by the files that fetch them.
POSTGRESQL := $(DATAREPLICATION_CACHE)/postgresql/$(shell cat tests/versions/*.txt tests/versions/install.sh | sha256sum | cut -c1-16)
# Each orchestrator has an environment of its own: they do not agree on the versions of their libraries.
ORCHESTRATORS := $(foreach tool,airflow prefect dagster,$(DATAREPLICATION_CACHE)/orchestrators/$(tool)-$(shell \
	cat examples/$(tool)/requirements.txt tests/orchestrators/venv.sh | sha256sum | cut -c1-16))
HARNESS := PYTHONPATH=tests/cluster $(BIN)/python -m harness
PYTEST := $(BIN)/python -m pytest

.PHONY: help demo test short-tests check lint types contracts unit controller-tests faults-tests plugin-tests test-faults machine-tests loaded-cluster postgres-tests test-bijections versions-tests browser-tests cluster-tests orchestrators-tests lock-orchestrators cluster-up cluster-down \
	bench-board bench-memory bench-engine bench-masking bench-operator browser pictures pictures-terminal pictures-cluster images manifests lock venv python packages clean

help: ## Show all targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-20s %s\n", $$1, $$2}'

demo: cluster-up images ## Show one replication end to end on a real cluster
	PYTHONPATH=tests/cluster:operator $(BIN)/python -m demo

test: ## Run all tests: check, then faults and real PostgreSQL (all majors) beside the real cluster
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line check loaded-cluster
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line machine-tests cluster-tests

loaded-cluster: venv # Making a cluster is mostly waiting.
	$(HARNESS) up
	$(HARNESS) images

machine-tests: # These need the CPU, the cluster's tests mostly wait. The faults' tests come last, when the cluster's are done
# or nearly so: they start API servers of their own, and leave a core to two short suites.
	@$(MAKE) --no-print-directory --jobs=1 browser-tests postgres-tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line faults-tests short-tests

short-tests:
	@$(MAKE) --no-print-directory --jobs=1 versions-tests plugin-tests

check: venv ## Run lint, types, contracts, unit and controller tests (under 60 s, two at a time)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target unit controller-tests types lint contracts

lint: venv ## Run ruff, and check that generated files are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=operator $(BIN)/python manifests/generate.py --check

types: venv ## Run mypy, strict
	$(BIN)/mypy --explicit-package-bases operator/datareplication manifests/generate.py tests/mypy_having.py \
		helm/datareplication-operator/files/check_install.py \
		tests/{support,unit,controller,browser,plugin,postgres,versions,cluster}
	for part in faults orchestrators bench; do $(BIN)/mypy tests/$$part || exit 1; done  # names like tests/cluster's

contracts: venv ## Check the import contracts
	cd operator && PYTHONPATH=. $(BIN)/lint-imports --config ../.importlinter --no-cache

unit: venv ## Test the pure parts
	$(PYTEST) -q tests/unit

controller-tests: venv ## Test the operator against an in-memory API server, killed at every call
	$(PYTEST) -q tests/controller

faults-tests: venv ## Test the operator's process against an API that gives wrong answers and breaks, a sample (four minutes)
	$(PYTEST) -q --durations=12 tests/faults

test-faults: venv ## Test the same at length: 500 kills, every field's values, outages of ten minutes (three quarters of an hour); ARGUMENTS="--seed 1"
	PYTHONPATH=operator:tests:tests/cluster:tests/faults $(BIN)/python tests/faults/long.py $(ARGUMENTS)

plugin-tests: venv ## Test kubectl datareplication against a real API server (a minute)
	$(PYTEST) -q tests/plugin

postgres-tests: venv packages ## Test the programs against real PostgreSQL servers
	$(PYTEST) -q --durations=12 --numprocesses=2 --dist=loadfile tests/postgres

test-bijections: venv packages ## Test with 1,000,000 values that masking rules keep values apart (five minutes)
	BIJECTION_VALUES=1000000 $(PYTEST) -q tests/postgres/test_bijections.py

versions-tests: venv packages $(POSTGRESQL)/.complete ## Test the programs between PostgreSQL 14, 15, 16, 17 and 18
	POSTGRESQL=$(POSTGRESQL) $(PYTEST) -q tests/versions

browser-tests: venv browser ## Test the board in a real browser (a minute)
	$(PYTEST) -q tests/browser

cluster-tests: cluster-up images ## Test everything on a real cluster
	$(PYTEST) -q --durations=12 --numprocesses=4 --dist=loadfile -m "not alone" tests/cluster
	$(PYTEST) -q --durations=6 -m alone tests/cluster

orchestrators-tests: $(ORCHESTRATORS:%=%/.complete) cluster-up images ## Test the examples for orchestrators on a real cluster (10 to 20 minutes)
	ORCHESTRATORS="$(ORCHESTRATORS)" $(PYTEST) -q tests/orchestrators

bench-board: venv ## Measure the board with 1,000 DataReplications (seconds)
	PYTHONPATH=operator:tests $(BIN)/python tests/bench/board.py $(ARGUMENTS)

bench-memory: venv packages ## Measure the programs' memory at two sizes of data (a few minutes)
	PYTHONPATH=operator:tests $(BIN)/python tests/bench/memory.py --mebibytes 200

bench-engine: venv packages ## Measure dump and load against pg_dump, pg_restore and the server's limit (half an hour)
	PYTHONPATH=operator:tests $(BIN)/python tests/bench/engine.py $(ARGUMENTS); met=$$?; \
	PYTHONPATH=operator:tests $(BIN)/python tests/bench/masking.py && exit $$met

bench-masking: venv packages ## Measure what each masking rule costs the source (a few minutes)
	PYTHONPATH=operator:tests $(BIN)/python tests/bench/masking.py $(ARGUMENTS)

bench-operator: venv ## Measure the operator at scale against the CronJob controller (half an hour)
	PYTHONPATH=operator:tests:tests/cluster:tests/faults $(BIN)/python tests/bench/scale.py $(ARGUMENTS)

cluster-up: venv ## Start the kind cluster (and a Docker engine where there is none)
	$(HARNESS) up

cluster-down: venv ## Remove the clusters and the Docker engine that cluster-up started
	$(HARNESS) down --all

images: venv ## Build the images and load them into the cluster
	$(HARNESS) images

pictures: venv browser ## Take the pictures of the documents; ARGUMENTS="--url http://localhost:8081" for those of a cluster
	PYTHONPATH=operator:tests $(BIN)/python tests/browser/pictures.py $(ARGUMENTS)

manifests: venv ## Generate CRDs and manifests/operator.yaml from the model and the chart
	PYTHONPATH=operator $(BIN)/python manifests/generate.py

pictures-terminal: venv ## Draw the documents' pictures of kubectl datareplication
	PYTHONPATH=operator:tests:tests/faults:tests/cluster $(BIN)/python -m support.pictures

pictures-cluster: cluster-up images browser ## Take the pictures that show a running cluster, after make demo (five minutes)
	PYTHONPATH=operator:tests:tests/faults:tests/cluster $(BIN)/python tests/cluster/pictures.py

lock: venv ## Lock the dependencies again, with hashes
	for extra in operator job; do $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command "make lock" --extra $$extra pyproject.toml -o requirements/$$extra.txt; done
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" \
		--extra operator --extra job --extra cli --extra test --extra lint pyproject.toml -o requirements/dev.txt

lock-orchestrators: venv ## Lock the versions that the examples of orchestrators are tested with, with hashes
	for tool in airflow prefect dagster; do $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command "make lock-orchestrators" examples/$$tool/requirements.in -o examples/$$tool/requirements.txt; done

python: venv # for $(make -s python) -m pytest …
	@echo $(BIN)/python

venv: $(VENV)/.complete
$(VENV)/.complete:
	tests/venv.sh $(VENV) $(PYTHON)

$(POSTGRESQL)/.complete: | venv
	tests/versions/install.sh $(POSTGRESQL) $(BIN)/python

$(DATAREPLICATION_CACHE)/orchestrators/%/.complete: | venv
	tests/orchestrators/venv.sh $(@D) $(firstword $(subst -, ,$*)) $(BIN)/python $(BIN)/uv

packages: ## Install PostgreSQL's server programs if they are missing (Debian)
	tests/postgres/install.sh

browser: ## Install Chromium if it is missing (Debian)
	tests/browser/install.sh

clean: ## Remove everything built in the checkout
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
