# tagline: `make demo` shows it, `make test` tests it. Each target sets up what it needs: a virtual
# environment from the lock file, and the programs of the local environment built once into the user's cache.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Without a cluster a quarter of the packages will do, and a newcomer waits for them.
DEMO_VENV := .work/demo-venv
DEMO_READY := $(DEMO_VENV)/.ready
# The site has packages of its own, which nothing else needs.
DOCS_VENV := .venv-docs
DOCS_READY := $(DOCS_VENV)/.ready
SOURCES := api cli controllers testing e2e hack
PYTEST := $(BIN)/pytest -q
CONFORMANCE ?= hack/conformance/data
SCENARIOS ?= e2e/scenarios
CLI_GOLDEN ?= hack/cligolden/recorded
BENCH_ARGS ?=
FUZZ_SECONDS ?= 60
ATTACKS ?=
CHAOS_SECONDS ?= 600
MODEL_STEPS ?= $(if $(REAL),200,3000)
MODEL_SEED ?=
FAULTS ?= all
FAULTS_SEED ?=
FAULTS_AT ?=
FAULTS_SCENARIOS ?=
FAULTS_LOG ?=

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

$(READY): requirements/dev.txt setup.cfg setup.py pyproject.toml
	@echo "setting up $(VENV) from requirements/dev.txt"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tagline needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

.PHONY: setup
setup: $(READY) ## Make the virtual environment

$(DEMO_READY): requirements/demo.txt
	@echo "setting up $(DEMO_VENV) from requirements/demo.txt"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tagline needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	@test -x $(DEMO_VENV)/bin/python || $(PYTHON) -m venv $(DEMO_VENV)
	@$(DEMO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/demo.txt
	@touch $(DEMO_READY)

.PHONY: demo
demo: $(if $(wildcard $(READY)),$(READY),$(DEMO_READY)) ## Watch a pushed tag become a commit, without a cluster (KEEP=1 leaves all running)
	@$(if $(wildcard $(READY)),$(BIN),$(DEMO_VENV)/bin)/python -m hack.demo $(if $(KEEP),--keep)

.PHONY: demo-cluster
demo-cluster: $(READY) ## The same on a Kubernetes API server; the first run builds it, about ten minutes
	@$(BIN)/python -m hack.demo --cluster $(if $(KEEP),--keep)

.PHONY: demo-node
demo-node: $(READY) ## The same in pods, deployed by Flux from Git (root on Debian; builds all; ENGINE=argocd: by Argo CD)
	@$(BIN)/python -m hack.env check
	@$(BIN)/python -m hack.env build --node
	@$(MAKE) --no-print-directory $(if $(filter argocd,$(ENGINE)),argocd,flux-engines)
	@$(BIN)/python -m hack.image build --unless-current
	@$(BIN)/python -m hack.demo --node $(if $(ENGINE),--engine $(ENGINE)) $(if $(KEEP),--keep)

$(DOCS_READY): requirements/docs.txt
	@echo "setting up $(DOCS_VENV) from requirements/docs.txt"
	@test -x $(DOCS_VENV)/bin/python || $(PYTHON) -m venv $(DOCS_VENV)
	@$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	@touch $(DOCS_READY)

.PHONY: docs
docs: $(DOCS_READY) ## Build the site of docs/ into site/; dead links fail
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict
	@echo "open site/index.html"

.PHONY: docs-serve
docs-serve: $(DOCS_READY) ## Show the site at http://127.0.0.1:8000 while you write
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs serve --no-strict

.PHONY: test
test: $(READY) ## All tests: unit, integration, conformance, e2e on a real control plane
	@$(BIN)/python -m hack.env build
	$(PYTEST) --durations=10

.PHONY: unit
unit: $(READY) ## Only the tests that need nothing running
	$(PYTEST) -m "not e2e"

.PHONY: quick
quick: $(READY) ## Only the unit tests of what changed since the branch left main, and of what imports it
	@$(BIN)/python -m hack.quick

.PHONY: e2e
e2e: $(READY) ## End-to-end tests (KUBECONFIG and E2E_* name given parts, else they are started)
	@$(BIN)/python -m hack.env build
	$(PYTEST) e2e

.PHONY: image
image: $(READY) ## Build the image without Docker into .work/image and check it (root on Debian; CLOUD=0 without clouds)
	@$(BIN)/python -m hack.image build $(if $(filter 0,$(CLOUD)),--no-cloud) $(if $(PYTHON_IMAGE),--python-image $(PYTHON_IMAGE)) $(if $(FRESH),--fresh)

.PHONY: flux-cli
flux-cli: $(READY) ## Build the flux command line, so that the tests try it as well
	@$(BIN)/python -m hack.env path flux

.PHONY: flux-engines
flux-engines: $(READY) ## Build Flux's source- and kustomize-controller, so that the tests deploy with them
	@for program in source-controller kustomize-controller controller-gen; do \
		$(BIN)/python -m hack.env path $$program; done

.PHONY: e2e-flux
e2e-flux: flux-cli flux-engines ## Tests in which Flux's controllers deploy, and of the way from Flux's image controllers and back
	@$(BIN)/python -m hack.env build
	$(PYTEST) --durations=5 e2e/flux_engines_test.py e2e/beside_flux_test.py

.PHONY: argocd
argocd: $(READY) ## Build Argo CD's application controller and repo server, helm and kustomize; fetch redis (long)
	@$(BIN)/python -m hack.env build --argocd

.PHONY: e2e-argocd
e2e-argocd: argocd ## Tests in which Argo CD deploys what tagline commits
	@$(BIN)/python -m hack.env build
	$(PYTEST) -m argocd --durations=5 e2e/argocd_test.py

.PHONY: e2e-node
e2e-node: $(READY) ## Tests of the image as pods on a node of this machine (root on Debian; see docs/development.md)
	@$(BIN)/python -m hack.env check
	@$(BIN)/python -m hack.env build --node
	$(MAKE) image
	E2E_IMAGE="$$($(BIN)/python -m hack.image path)" $(PYTEST) -m node --durations=10 e2e/node
	$(BIN)/python -m hack.deployed --node "$$($(BIN)/python -m hack.image path)" --durations=5

.PHONY: node-smoke
node-smoke: $(READY) ## The short part of it, for every commit: pods run, a tag is committed, a leader is followed
	@$(BIN)/python -m hack.env check
	@$(BIN)/python -m hack.env build --node
	@$(BIN)/python -m hack.image build --unless-current
	E2E_IMAGE="$$($(BIN)/python -m hack.image path)" $(PYTEST) -m node --durations=5 e2e/node/smoke_test.py

.PHONY: helm
helm: $(READY) ## Build the helm command line, so that the tests try the chart with it
	@$(BIN)/python -m hack.env path helm

.PHONY: monitoring
monitoring: $(READY) ## Check and test the alerts with promtool, ask a real Prometheus what the dashboard asks (builds both)
	@$(BIN)/python -m hack.env build
	@$(BIN)/python -m hack.env path promtool
	$(PYTEST) hack/monitoring e2e/prometheus_test.py e2e/monitoring_test.py

.PHONY: release-dry-run
release-dry-run: $(READY) ## Build the files of a release into .work/release and use them; publishes nothing
	@$(BIN)/python -m hack.release dry-run

.PHONY: e2e-kind
e2e-kind: $(READY) ## The same on a kind cluster (needs Docker and kind; see docs/development.md)
	hack/kind.sh

.PHONY: conformance
conformance: $(READY) ## Recorded questions and answers of the reference (CONFORMANCE=folder)
	@$(BIN)/python -m hack.conformance all $(CONFORMANCE)

.PHONY: scenarios
scenarios: $(READY) ## Play system scenarios and compare with their recorded transcripts (SCENARIOS=folder)
	@$(BIN)/python -m hack.scenarios $(SCENARIOS)

.PHONY: cli-golden
cli-golden: $(READY) ## Play recorded invocations of the flux command line with tagline (CLI_GOLDEN=folder)
	@$(BIN)/python -m hack.cligolden $(CLI_GOLDEN)

.PHONY: fuzz
fuzz: $(READY) ## Random tests of what reads foreign input, another seed each time (FUZZ_SECONDS=60 a target)
	@$(BIN)/python -m hack.fuzz --seconds $(FUZZ_SECONDS)

.PHONY: attacks
attacks: $(READY) ## Attack the real controllers and print what victims notice (ATTACKS="drips ports --repeat 3")
	@$(BIN)/python -m hack.env build
	@$(BIN)/python -m hack.attacks $(ATTACKS)

.PHONY: pr-chaos
pr-chaos: $(READY) ## Pull requests on a real Gitea while people do what they like and the process is killed (CHAOS_SECONDS=600)
	@$(BIN)/python -m hack.env build
	@$(BIN)/python -m e2e.prchaos --seconds $(CHAOS_SECONDS)

.PHONY: model
model: $(READY) ## Random histories beside a model of the controllers, every edit of specs (MODEL_STEPS=3000 MODEL_SEED= REAL=1)
	@$(if $(REAL),$(BIN)/python -m hack.env build,true)
	@$(BIN)/python -m $(if $(REAL),e2e.modelled,hack.model) --steps $(MODEL_STEPS) $(if $(MODEL_SEED),--seed $(MODEL_SEED))
	@$(if $(REAL),true,MODEL_STEPS=$(MODEL_STEPS) $(PYTEST) hack/specedits)

.PHONY: faults
faults: $(READY) ## One fault at every position of every scenario, long (FAULTS=sample or 7/16; FAULTS_SCENARIOS=tag,hook, FAULTS_SEED=n, FAULTS_AT=one, FAULTS_LOG=file)
	@$(BIN)/python -m hack.env build
	@$(BIN)/python -m e2e.apifaults --which '$(FAULTS)' --seed '$(FAULTS_SEED)' --at '$(FAULTS_AT)' \
		$(if $(FAULTS_SCENARIOS),--scenarios '$(FAULTS_SCENARIOS)') $(if $(FAULTS_LOG),--log '$(FAULTS_LOG)')

.PHONY: bench
bench: $(READY) ## Print figures of the parts and of the whole (BENCH_ARGS=--help)
	@$(BIN)/python -m hack.bench $(BENCH_ARGS)

.PHONY: fmt
fmt: $(READY) ## Format the code and sort its imports
	$(BIN)/ruff check --quiet --select I --fix $(SOURCES) conftest.py setup.py
	$(BIN)/ruff format $(SOURCES) conftest.py setup.py

.PHONY: lint
lint: $(READY) ## Style, layers
	$(BIN)/ruff check $(SOURCES) conftest.py setup.py
	$(BIN)/ruff format --check $(SOURCES) conftest.py setup.py
	$(BIN)/lint-imports --no-cache

.PHONY: types
types: $(READY) ## Strict type check
	$(BIN)/mypy $(SOURCES) conftest.py

.PHONY: generate
generate: $(READY) ## Write generated files: CRDs, install.yaml, shards, the packaged manifests, the Helm chart, the reference in docs/
	KUBECTL="$$($(BIN)/python -m hack.env path kubectl)" $(BIN)/python -m hack.crds --install
	$(BIN)/python -m hack.monitoring
	$(BIN)/python -m hack.shards
	KUBECTL="$$($(BIN)/python -m hack.env path kubectl)" $(BIN)/python -m hack.packaged
	KUBECTL="$$($(BIN)/python -m hack.env path kubectl)" $(BIN)/python -m hack.chart
	$(BIN)/python -m hack.reference

.PHONY: drift
drift: $(READY) ## Fail when a generated file is stale
	KUBECTL="$$($(BIN)/python -m hack.env path kubectl)" $(BIN)/python -m hack.crds --check --install
	$(BIN)/python -m hack.monitoring --check
	$(BIN)/python -m hack.shards --check
	KUBECTL="$$($(BIN)/python -m hack.env path kubectl)" $(BIN)/python -m hack.packaged --check
	KUBECTL="$$($(BIN)/python -m hack.env path kubectl)" $(BIN)/python -m hack.chart --check
	$(BIN)/python -m hack.reference --check

.PHONY: lock
lock: ## Resolve requirements/*.txt again (needs uv: pip install uv)
	uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --extra ssh --extra openpgp --extra aws --extra azure --extra gcp --extra otel -o requirements/run.txt setup.cfg
	uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --extra ssh --extra openpgp -c requirements/run.txt -o requirements/run-nocloud.txt setup.cfg
	uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header -o requirements/build.txt requirements/build.in
	uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --all-extras -o requirements/dev.txt setup.cfg requirements/build.in
	uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --no-annotate -c requirements/dev.txt -o requirements/demo.txt requirements/demo.in
	uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header -o requirements/docs.txt requirements/docs.in

.PHONY: env-up
env-up: $(READY) ## Start a local environment and print what to export (NODE=1: with a node that runs pods)
	@$(BIN)/python -m hack.env up $(if $(NODE),--node)

.PHONY: env-down
env-down: $(READY) ## Stop it
	@$(BIN)/python -m hack.env down

.PHONY: clean
clean: ## Remove what the targets made in this checkout (the tool cache stays)
	@test ! -x $(BIN)/python || $(BIN)/python -m hack.env down
	rm -rf $(VENV) $(DOCS_VENV) site .work build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
