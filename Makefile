# Each target does its own set-up, in .venv; nothing but Python 3.11 or later is needed. Node.js comes with it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
# The newest command line that reads what aws-cdk-lib writes; npm's newest, 3.0.0, does not.
CDK_CLI := aws-cdk@2.1148.1
KINESALITE := kinesalite@3.3.3
KINESALITE_INSTALLED := $(VENV)/kinesalite-installed
CDK_INSTALLED := $(VENV)/cdk-installed
# The command line reads the cdk.json of the folder that it runs in.
CDK = cd "$(PLANT_FOLDER)" && PATH="$(CURDIR)/$(BIN):$$PATH" CDK_DISABLE_CLI_TELEMETRY=true "$(CURDIR)/$(BIN)/cdk"
CDK_APP := --app 'exec "$(CURDIR)/$(BIN)/python" "$(CURDIR)/app.py"'
# The folder of a plant of your own; without one, the plant is this repository's.
PLANT ?=
# By the shell: make's own functions would cut a path at its spaces.
PLANT_FOLDER := $(if $(PLANT),$(shell test -f "$(PLANT)/cdk.json" && cd "$(PLANT)" && pwd),$(CURDIR))
ifneq ($(PLANT),)
  ifeq ($(PLANT_FOLDER),)
    $(error PLANT=$(PLANT) has no cdk.json: correct the path, or make such a folder: .venv/bin/python -m ops new PATH)
  endif
  export PLANT := $(PLANT_FOLDER)
endif
STACK ?= --all
# Where build/template will be uploaded; without it, whoever deploys names the bucket.
BUCKET ?=
PREFIX ?=
SEEDS ?= 1000
FUZZ_SECONDS ?= 60
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --custom-compile-command "make lock"
AUDIT := $(VENV)/audit.txt

.DEFAULT_GOAL := help
.PHONY: help demo load test test-newest sim sim-mutants fuzz soak check bench quality synth template deploy lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(INSTALLED) ## The whole pipeline on this machine: send, learn, alert; leaves build/demo (takes PLANT=path)
	@$(BIN)/python -m local

load: $(INSTALLED) ## A load test of a minute on this machine; leaves build/load/report.html
	@echo "Sending 5,000 observations a second for a minute, to the pipeline on this machine"
	@$(BIN)/python -m producer_sim simulate --local --plant steady --signals 500 --rate 5000 --duration 60 \
	  --shape columns --batch 10 --run build/load

ifeq ($(PLANT),)
test: $(CDK_INSTALLED) ## All tests (takes PLANT=path: those of a plant of your own)
	@echo "Testing on two processes; a test that fails says what was promised"
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal
else
test: $(CDK_INSTALLED)
	@echo "Testing the use cases of $(PLANT), and what its own tests expect"
	@$(BIN)/python -m pytest -q -n 2 tests/consumer/test_conformance.py -k registered
	@if [ -d "$(PLANT)/tests" ]; then $(BIN)/python -m pytest -q "$(PLANT)/tests"; fi
	@$(BIN)/python -m stack.bundling
endif

test-newest: $(INSTALLED) ## What depends on Python, on the newest one of this machine; installs into build/python3.N
	@$(BIN)/python -m tests.newest_python

sim: $(INSTALLED) ## The promise, through faults at every step of SEEDS=1000 simulated worlds
	@echo "Simulating $(SEEDS) worlds; one that breaks a promise prints how to play it again"
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS)

sim-mutants: $(INSTALLED) ## The same with mistakes put into the protocol: each has to be seen
	@echo "Simulating with one mistake at a time, until it is caught"
	@$(BIN)/python -m tests.simulation --all-mutants --seeds 1000

fuzz: $(INSTALLED) ## Hostile payloads, and FUZZ_SECONDS=60 of looking for more; first, that a planted bug is found
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

soak: $(KINESALITE_INSTALLED) ## Real components for three minutes, killed, slowed and resharded
	@$(BIN)/python -m tests.soak

check: $(INSTALLED) ## Lint, format, types, and known vulnerabilities of what is installed
	@echo "Linting" && $(BIN)/ruff check .
	@echo "Checking the format" && $(BIN)/ruff format --check .
	@echo "Checking types" && $(BIN)/mypy
	@echo "Auditing what requirements.lock pins"
	@$(BIN)/pip-audit --progress-spinner off --disable-pip --require-hashes -r requirements.lock >$(AUDIT) 2>&1 || { \
	  grep -q "known vulnerabilit" $(AUDIT) && { cat $(AUDIT); echo "Pin a version without them, then make lock"; exit 1; }; \
	  echo "NOT AUDITED, for the list of vulnerabilities could not be read: $$(tail -n 1 $(AUDIT))"; }
	@grep -q "could not be audited" $(AUDIT) && \
	  echo "NOT AUDITED: $$(grep -c "could not be audited" $(AUDIT)) packages that the list does not know" || true

bench: $(INSTALLED) ## Speed and cost compared with a bare loop and others, with bars; leaves build/bench
	@$(BIN)/python -m stack.compiling
	@$(BIN)/python -m benchmarks

quality: $(INSTALLED) ## How right the alerts are, on labelled series beside the project or in NAB_DATA
	@$(BIN)/python -m benchmarks.quality

synth: $(CDK_INSTALLED) ## The CloudFormation templates of cdk.json; needs no account (takes PLANT=path)
	@echo "Synthesising $(PLANT_FOLDER)/cdk.json into cdk.out beside it"
	@cd "$(PLANT_FOLDER)" && mkdir -p cdk.out/before && rm -f cdk.out/before/* && \
	  find cdk.out -maxdepth 1 -name '*.template.json' -exec mv {} cdk.out/before/ \; && \
	  find cdk.out -mindepth 1 -maxdepth 1 ! -name before -exec rm -rf {} +
	@$(CDK) synth --quiet --output cdk.out $(CDK_APP)
	@ls "$(PLANT_FOLDER)"/cdk.out/*.template.json

template: $(INSTALLED) ## Plain templates and their assets, into build/template: no bootstrap (BUCKET=name, PREFIX=path; takes PLANT=path)
	@echo "Writing $(PLANT_FOLDER)/build/template"
	@cd "$(PLANT_FOLDER)" && "$(CURDIR)/$(BIN)/python" "$(CURDIR)/app.py" template --bucket "$(BUCKET)" --prefix "$(PREFIX)"

deploy: $(CDK_INSTALLED) ## Deploy cdk.json with your AWS credentials; STACK=name for one of its stacks (takes PLANT=path)
	@$(CDK) deploy $(STACK) --output cdk.out $(CDK_APP)

lock: $(INSTALLED) ## Pin all that ships, and all that is installed, after a change of a requirements.txt
	@$(LOCK) consumer/requirements.txt --output-file consumer/requirements.lock
	@$(LOCK) requirements.txt --constraint consumer/requirements.lock --output-file requirements.lock

clean: ## Remove all that was made here
	rm -rf $(VENV) build cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis consumer/decode/plain/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed, and '$(PYTHON)' is not it: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "No virtual environment could be made: install Python's venv and pip (Debian: python3-venv)"; exit 1; }
	@echo "Installing what requirements.lock pins; this takes a minute or two"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock || { \
	  echo "pip could not install it: is there a network, and a wheel for this Python? Then run make again"; exit 1; }
	@touch $@

$(CDK_INSTALLED): $(INSTALLED)
	@echo "Installing the CDK's command line, $(CDK_CLI)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm install --global --prefix $(VENV) --silent --no-audit --no-fund $(CDK_CLI) || { \
	  echo "npm could not install it: is there a network? Then run make again"; exit 1; }
	@echo "Fetching what ships in the function, for Lambda's platform"
	@$(BIN)/python -m stack.bundling
	@touch $@

$(KINESALITE_INSTALLED): $(INSTALLED)
	@echo "Installing a Kinesis that can reshard, $(KINESALITE)"
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm install --prefix $(VENV)/kinesalite --silent --no-audit --no-fund \
	  --ignore-scripts $(KINESALITE) || { echo "npm could not install it: is there a network? Then run make again"; exit 1; }
	@touch $@
