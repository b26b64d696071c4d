# Works with GNU make, also macOS's old one, and with BSD make: what needs a shell stands in the recipes.
.POSIX:

GO = go
# What `make test` tests.
PACKAGES = ./...
# How long `make fuzz` runs each fuzz test. Not a time: when that is up, go test sometimes calls it a failure.
FUZZTIME = 50000x
# The options of `make bench`.
ARGS =

GOLANGCI_LINT_VERSION = v2.15.0
GOLANGCI_LINT = build/golangci-lint-$(GOLANGCI_LINT_VERSION)

.PHONY: build test lint cross fuzz demo bench clean help

build: ## build bin/mosha
	@version=$$(git describe --tags --always --dirty 2>/dev/null) || version=dev; \
	set -x; \
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-X main.version=$$version" -o bin/mosha ./cmd/mosha

# The lab makes users and network namespaces, so the tests run as root. HOME is root's then, so that no file of root's is
# left in the caches of the person who builds.
test: ## install what the tests need and run them all, as root, with the race detector
	@scripts/install-deps test
	@set -x; if [ "$$(id -u)" -eq 0 ]; then $(GO) test -race -timeout 30m $(PACKAGES); else \
	$(GO) test -race -timeout 30m -exec "sudo -E -H env 'PATH=$$PATH' GOFLAGS=-buildvcs=false" $(PACKAGES); fi

lint: $(GOLANGCI_LINT) ## gofmt, golangci-lint, shellcheck
	@scripts/install-deps lint
	$(GOLANGCI_LINT) run ./...
	git ls-files '*.sh' scripts | xargs shellcheck -s sh
	shellcheck -s bash .ci/run

$(GOLANGCI_LINT):
	mkdir -p build/tmp
	GOBIN=$$PWD/build/tmp $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv build/tmp/golangci-lint $@

cross: ## build and vet for every system that mosha is for
	@for os in linux darwin freebsd openbsd; do for arch in amd64 arm64; do \
		echo "$$os/$$arch"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build ./... || exit 1; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) vet ./... || exit 1; \
	done; done

fuzz: ## run every fuzz test for FUZZTIME
	@for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		for name in $$(grep -h -o '^func Fuzz[A-Za-z0-9_]*' "$$package"/*_test.go | cut -c 6-); do \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
	done; done

demo: build ## a mosh session into a throwaway sshd on this machine; with CMD='ssh-add -l' only that command, in it
	@scripts/install-deps demo
	@$(GO) build -o build/demo ./internal/lab/demo
	@build/demo bin/mosha $${CMD:+"$$CMD"}

bench: ## measure mosha beside mosh and others, as root, and print tables; ARGS='-h' says what can be chosen
	@scripts/install-deps bench
	@$(GO) build -buildvcs=false -o build/bench ./internal/lab/bench
	@if [ "$$(id -u)" -eq 0 ]; then build/bench $(ARGS); else \
	sudo -E -H env "PATH=$$PATH" GOFLAGS=-buildvcs=false build/bench $(ARGS); fi

clean: ## remove what was built
	rm -rf bin build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 8
