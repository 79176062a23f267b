# The two commands that matter are `make up` and `make test`; `make help` lists all.
SHELL := /bin/bash
.DEFAULT_GOAL := help
GO ?= go

LINT := bin/golangci-lint
START := $(shell date +%s)
MEASURED := /tests/(failover|patterns|drills)$$
took = @echo "make $@ took $$(($$(date +%s) - $(START))) s"

.PHONY: help up down status demo patterns allowed drill-matrix scale sizes mutants facts test check fmt reference fuzz bench conformance build clean FORCE

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

up: bin/polygate ## stand up the local environment: three local clouds, two regions each, one hostname
	bin/polygate up -s local
	$(took)

down: bin/polygate ## remove the local environment and all it kept
	bin/polygate destroy -s local

status: bin/polygate ## who serves, and how every region is
	bin/polygate status -s local

demo: bin/polygate ## lose a region, a provider, two providers; print what it cost clients against the bound
	$(GO) run ./tests/demo

patterns: bin/polygate ## every pattern under every manager: who answers whom, and what a loss costs clients
	$(GO) run ./tests/patterns/report
	$(took)

allowed: bin/polygate ## deploy every pattern under every manager over every set of providers, in 20 min or so
	$(GO) test -count=1 -vet=off -timeout 60m -v ./tests/patterns -run '^(TestForbidden|TestAllowed)$$' -every
	$(took)

drill-matrix: bin/polygate ## every fault against every pattern under every manager: recovery against its bound
	$(GO) run ./tests/drills/matrix
	$(took)

scale: bin/polygate ## time `up` and `preview` at 6, 12, 24 and 48 regions, and how they grow
	$(GO) run ./tests/scale
	$(took)

sizes: bin/polygate ## what the heavy parts of a gateway cost those that need them: binaries, zips and a start
	$(GO) run ./tests/sizes
	$(took)

mutants: ## break every rule of the local clouds in turn and see its fact fail, in 5 min or so: AREA=route53 for one area
	$(GO) run ./tests/mutants -area '$(AREA)'
	$(took)

facts: ## count the facts about the clouds, and name those that no mutant is for
	$(GO) run ./tests/mutants -facts

test: bin/polygate ## all tests
	$(GO) test -count=1 -vet=off -timeout 10m $$($(GO) list ./... | grep -v /tests/) # `make check` vets
	$(GO) test -count=1 -vet=off -timeout 20m -p 2 $$($(GO) list ./tests/... | grep -vE '$(MEASURED)')
	$(GO) test -count=1 -vet=off -timeout 30m -p 1 $$($(GO) list ./tests/... | grep -E '$(MEASURED)') # one after the other: what is measured there is time
	$(took)

conformance: bin/polygate ## the conformance table, also on the vendors' own hosts where they are on PATH
	$(GO) test -count=1 -timeout 20m -v ./tests/conformance
	@found=$$(for host in aws-lambda-rie func; do command -v $$host || true; done); \
	if [ -n "$$found" ]; then \
	  echo "the same table on the vendors' own hosts:" $$found; \
	  CONFORMANCE_VENDOR_HOSTS=1 $(GO) test -count=1 -timeout 20m -v ./tests/conformance; \
	else echo "neither aws-lambda-rie nor func is on PATH: the table ran on the local clouds' hosts only"; fi

check: $(LINT) ## formatter, vet, linters, tidy modules
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) mod verify >/dev/null
	$(GO) mod tidy -diff
	$(LINT) run ./...

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

reference: ## rewrite the reference pages and the guide to a first deployment
	$(GO) test -count=1 ./infra/reference -update

fuzz: ## each fuzz target for 20 seconds
	tools/fuzz.sh 20s

bench: ## benchmarks, as ratios in one run
	$(GO) test -run '^$$' -bench . -benchmem ./shared/... ./functions/...

build: bin/polygate ## the polygate command

bin/polygate: FORCE
	@tools/build.sh bin/polygate ./tools/polygate

$(LINT): tools/lint/go.mod tools/lint/go.sum
	@cd tools/lint && ../build.sh ../../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

clean: ## remove what was built
	rm -rf bin dist
