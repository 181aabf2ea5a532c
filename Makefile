# `make` alone explains itself.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PY := .venv/bin/python
# The functions' runtime: the newest supported interpreter on this machine compiles the layers and names the runtime.
RUNTIME_PYTHON := $(firstword $(foreach v,3.13 3.12 3.11,$(shell python$(v) -c '' 2>/dev/null && echo python$(v))) python3)
RUNTIME := $(shell $(RUNTIME_PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
SAM := SAM_CLI_TELEMETRY=0 HUB_PYTHON=$(RUNTIME_PYTHON) .venv-sam/bin/sam

.PHONY: help setup setup-dev run demo test check lint format proofs bench openapi validate build deploy clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/run ## create .venv with what the local stack needs
setup-dev: .venv/dev ## ... and with the tools of tests and checks

.venv/run: pyproject.toml layers/dependencies/requirements.txt
	test -x $(PY) || python3 -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[local]'
	touch $@

.venv/dev: .venv/run
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

run: setup ## start the whole hub on this machine (http://127.0.0.1:8787)
	$(PY) -m local run

demo: setup ## tell the story against the running stack
	$(PY) -m local demo

test: setup-dev ## run every test
	$(PY) -m pytest -n 3 --dist loadgroup

check: lint test ## ruff, format, mypy, cfn-lint, tests

lint: setup-dev ## the checks that run nothing
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy layers/shared/hub functions local tests
	.venv/bin/cfn-lint template.yaml

format: setup-dev ## format the code
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

proofs: setup-dev ## kill, cut and fault everything, and show that nothing is lost
	HUB_PROOFS=1 HUB_PROOF_DELIVERIES=10000 HUB_PROOF_JOBS=100 HUB_PROOF_RECORDS=5000 HUB_PROOF_DOCUMENTS=100000 HUB_PROOF_STORED=100000 \
		HUB_PROOF_STRIDE=1 HUB_PROOF_MANY=10000 HUB_PROOF_SEEDS=200 HUB_FLOW_DELIVERIES=500 HUB_FLOW_SYNC_KILLS=10 HUB_FLOW_SYNC_RECORDS=500 \
		$(PY) -m pytest tests/proofs tests/flows/test_sync_kills.py tests/flows/test_sync_faulty_cloud.py tests/flows/test_sync_rivals.py \
		tests/flows/test_sync_jobs_kills.py tests/flows/test_two_way.py tests/flows/test_sync_slots.py tests/flows/test_sync_pushes.py \
		tests/flows/test_delivery_kills.py tests/flows/test_delivery_faults.py -v

bench: setup-dev .venv-dlt/made ## measure the ratios that README states (8 minutes)
	$(PY) -m tests.bench

# What the bench is compared with; its dependencies are none of ours.
.venv-dlt/made: tests/bench/dlt.txt
	test -x .venv-dlt/bin/python || python3 -m venv .venv-dlt
	.venv-dlt/bin/pip install --quiet --disable-pip-version-check -r tests/bench/dlt.txt
	touch $@

openapi: setup-dev ## write functions/insights/openapi.json from the routes
	$(PY) -m local openapi

.venv-sam/bin/sam:
	python3 -m venv .venv-sam
	.venv-sam/bin/pip install --quiet --disable-pip-version-check aws-sam-cli

validate: .venv-sam/bin/sam ## check the template as AWS would
	$(SAM) validate --lint --region us-east-1

build: .venv-sam/bin/sam ## build functions and layers for deployment
	@echo "building for $(RUNTIME) with $(RUNTIME_PYTHON)"
	$(SAM) build --parameter-overrides PythonRuntime=$(RUNTIME)

deploy: build ## put the hub into your AWS account (asks for your identity provider)
	$(SAM) deploy --guided --parameter-overrides PythonRuntime=$(RUNTIME)

clean: ## remove what was built, not the state of the local stack
	rm -rf .aws-sam .mypy_cache .ruff_cache .pytest_cache
