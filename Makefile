# Everything a developer does here is a target: `make help` lists them. CONTRIBUTING.md says which to run after which edit.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.SILENT:
MAKEFLAGS += --no-builtin-rules --no-print-directory

export GOTOOLCHAIN := go1.27.3
# Static programs, and tests of what is shipped: with one setting for both, each package is compiled once. The race detector needs
# CGO_ENABLED=1.
export CGO_ENABLED ?= 0
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/carrier-operator
CHART := charts/carrier-operator

comma := ,

# Pinned tools: built from their module in hack/tools on first use, then a matter of milliseconds.
tool = $$(hack/tools/tool $(1))
# A tier's tests, closed by one line: "tier2: N passed, N failed, N skipped". PKG=./internal/x and RUN=REGEXP pick some; ARGS="-race" goes to go test.
testsum = go run ./hack/testsum $(1) $(if $(RUN),-run '$(RUN)') $(PKG) -- $(ARGS)
# The development cluster: its own module, so that its dependencies stay out of the product.
CLUSTER ?= carrier
devcluster = go run -C hack/devcluster . $(1) --name $(CLUSTER)
# Whether KUBECONFIG names a cluster of somebody's own, not one that `make cluster-env` has named.
own_cluster = [[ -n $${KUBECONFIG:-} && $$KUBECONFIG != */carrier-operator/devcluster/clusters/* ]]

##@ Code

.PHONY: generate
generate: generate-code manifests docs ## Generate all that is generated: code, CRDs, RBAC, chart files, API reference

.PHONY: generate-code
generate-code: ## Generate deep copies and apply configurations of the API types
	controller_gen=$(call tool,controller-gen)
	"$$controller_gen" object paths=./api/v1alpha1
	"$$controller_gen" applyconfiguration paths=./api/v1alpha1

.PHONY: manifests
manifests: ## Generate the CRDs and the manager's ClusterRole from the markers in the code
	controller_gen=$(call tool,controller-gen)
	"$$controller_gen" crd paths=./api/v1alpha1 output:crd:dir=config/crd/bases
	if [[ -d controllers ]]; then
	  "$$controller_gen" rbac:roleName=carrier-operator-manager paths=./controllers/... output:rbac:dir=config/rbac
	fi
	# A chart cannot read outside of its folder.
	mkdir -p $(CHART)/files/crds
	rm -f $(CHART)/files/crds/*.yaml
	cp config/crd/bases/*.yaml $(CHART)/files/crds/
	cp config/rbac/role.yaml $(CHART)/files/manager-role.yaml

.PHONY: docs
docs: ## Generate docs/reference: the API from the CRDs, the shipped profiles from config/profiles
	go run ./hack/apidocs -crds config/crd/bases -out docs/reference/api.md
	go run ./hack/profiledocs -out docs/reference/profiles.md

GENERATED := api/v1alpha1/zz_generated.deepcopy.go api/applyconfiguration config/crd/bases config/rbac/role.yaml $(CHART)/files docs/reference/api.md docs/reference/profiles.md

.PHONY: verify-generate
verify-generate: ## Fail if generated files are not what `make generate` makes
	before=$$(mktemp -d)
	trap 'rm -rf "$$before"' EXIT
	cp -r --parents $(wildcard $(GENERATED)) "$$before"
	$(MAKE) generate
	for path in $(GENERATED); do
	  [[ ! -e $$path ]] || diff -ru "$$before/$$path" "$$path" || stale=yes
	done
	[[ -z $${stale:-} ]] || { echo "generated files were out of date; they are right now: commit them" >&2; exit 1; }

.PHONY: fmt
fmt: ## Format the Go code, imports grouped
	$(call tool,golangci-lint) fmt

.PHONY: lint
lint: ## Check the code, the import directions and the API conventions
	$(call tool,golangci-lint) run $(ARGS)

.PHONY: lint-fix
lint-fix: ## Repair what linters can repair by themselves
	$(call tool,golangci-lint) run --fix $(ARGS)

PROGRAMS := $(notdir $(wildcard cmd/*))

.PHONY: build
build: ## Build the programs as static binaries into bin/
	mkdir -p bin
	go build -ldflags='-s -w' -o bin/ $(PROGRAMS:%=./cmd/%)

##@ Test

.PHONY: test
test: ## Run all four tiers, as CI does (cold up to 60 min, warm up to 25)
	hack/test-all

.PHONY: test-unit
test-unit: ## Tier 1: pure logic and fuzz seeds
	$(call testsum,-name tier1 -budget 20s -also hack/devcluster)

.PHONY: test-integration
test-integration: ## Tier 2: gateway and purger against real servers on loopback; policies before an independent judge
	$(call testsum,-name tier2 -tag integration -budget 4m -also test/networkoracle -race ./internal/gateway$(comma)./internal/upstream$(comma)./internal/limit) -timeout 30m

.PHONY: test-controllers
test-controllers: ## Tier 3: controllers against a real API server
	KUBEBUILDER_ASSETS=$$(go run -C hack/devcluster ./envtest)
	# A busy machine takes longer than the 20 s that envtest waits by itself.
	export KUBEBUILDER_ASSETS KUBEBUILDER_CONTROLPLANE_START_TIMEOUT=2m KUBEBUILDER_CONTROLPLANE_STOP_TIMEOUT=1m
	$(call testsum,-name tier3 -tag envtest -budget 4m)

.PHONY: test-e2e
test-e2e: ## Tier 4: a user's stories on a development cluster of their own
	$(call testsum,-name tier4 -tag e2e -budget 12m -stream) -timeout 30m

FUZZTIME ?= 10s

.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME (10s)
	grep -rlE --include='*_test.go' '^func Fuzz' $(wildcard api controllers internal cmd) | while read -r file; do
	  for target in $$(grep -oE '^func Fuzz\w+' "$$file" | cut -d' ' -f2); do
	    echo "fuzzing $$target in $$(dirname "$$file")"
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")"
	  done
	done

##@ Benchmarks

# For instance BENCH_ARGS="-reps 3 -time 1s": a first look; `-h` lists the flags.
BENCH_ARGS ?=

.PHONY: bench
bench: bench-gateway bench-purge ## Both benchmarks, on a quiet machine (about 45 min)

.PHONY: bench-gateway
bench-gateway: ## Compare the gateway with nginx, haproxy and Caddy: processor time, latency, memory (about 30 min)
	hack/bench/prereqs.sh
	go run -C hack/bench . $(BENCH_ARGS)

.PHONY: bench-purge
bench-purge: ## Compare the purger with pt-archiver and DELETE statements: throughput, latency of others, memory (about 15 min)
	hack/benchpurge/prereqs.sh
	go run -C hack/benchpurge . $(BENCH_ARGS)

##@ Cluster

.PHONY: setup
setup: ## Install the Debian packages that tests and cluster need, if missing
	hack/devcluster/prereqs.sh

.PHONY: demo
demo: setup ## Start a real cluster and show on it what the operator does
	go run ./hack/demo

.PHONY: demo-down
demo-down: ## Remove the demo's cluster and all that belongs to it
	go run -C hack/devcluster . down --name demo

.PHONY: cluster-build
cluster-build: ## Build the cluster's programs into the cache (cold up to 25 min)
	$(call devcluster,build)

.PHONY: cluster-up
cluster-up: ## Start the development cluster (CLUSTER=name for another one), or use that of KUBECONFIG
	if $(own_cluster); then
	  kubectl get nodes
	  echo "KUBECONFIG is set: that cluster is used and none is started (unset it for a development cluster)"
	else
	  $(call devcluster,up)
	fi

.PHONY: cluster-down
cluster-down: ## Stop it and leave nothing behind
	$(call devcluster,down)

.PHONY: cluster-status
cluster-status: ## Tell what runs, since when, and where the logs are
	$(call devcluster,status)

.PHONY: cluster-env
cluster-env: ## Print the shell lines that point kubectl at it: eval "$(make cluster-env)"
	$(call devcluster,env)

##@ Delivery

.PHONY: images
images: build ## Make the three images and give them to the cluster's node, without a container engine
	for program in manager gateway purger; do
	  $(call devcluster,load-image) --image "$$program:dev" --binary "$(CURDIR)/bin/$$program"
	done

SCHEMAS := $(CACHE)/schemas

.PHONY: chart-lint
chart-lint: ## Check the Helm chart, the kustomize folders and the samples against the schemas of Kubernetes and of our CRDs
	helm=$(call tool,helm) kustomize=$(call tool,kustomize) kubeconform=$(call tool,kubeconform)
	hack/chart-lint "$$helm" "$$kustomize" "$$kubeconform" "$(CHART)" "$(SCHEMAS)"

.PHONY: clean
clean: ## Remove what was built into the tree; the caches stay (they are keyed by version): rm -r $(CACHE) removes them
	rm -rf bin

##@ Help

.PHONY: help
help: ## Show this list
	awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} \
	  /^[a-zA-Z0-9_-]+:.*## / {printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
