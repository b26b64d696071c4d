# Works with GNU make, also macOS's old one, and with BSD make: the recipes have
# what needs a shell.
.POSIX:

GO = go
# What `make test`, `make race` and `make long` test.
PACKAGES = ./...
# The packages whose tests take minutes under the race detector, and those files
# of theirs whose tests run with it.
NO_RACE = /cmd/mosha$$|/internal/bootstrap$$|/internal/link$$|/internal/lab
RACE = cmd/mosha/load_test.go cmd/mosha/recover_test.go cmd/mosha/killed_test.go cmd/mosha/keep_test.go \
	internal/link/holder_test.go internal/link/claims_test.go internal/link/listen_test.go internal/link/lines_test.go
# The lab makes users and network namespaces, so the tests run as root. HOME is
# root's then, so that no file of root's stays in the caches of the person who
# builds. Tests wait more than they compute, so more run at once than there are
# processors. The limit ends a test that hangs.
GO_TEST = root="sudo -E -H env 'PATH=$$PATH' GOFLAGS=-buildvcs=false"; [ "$$(id -u)" -ne 0 ] || root=; \
	set -x; $(GO) test -timeout 60m -parallel 16 -exec "$$root $$with"
# The files whose tests run with the OpenSSH of other suites of Debian, too,
# beside those with the build tag openssh. Files with the tag sid as well are
# for what the newest alone has.
OPENSSH = cmd/mosha/alike_test.go cmd/mosha/recover_test.go cmd/mosha/forwarding_test.go cmd/mosha/owner_test.go \
	internal/bootstrap/sshd_linux_test.go internal/bootstrap/unlink_test.go internal/link/sshd_linux_test.go \
	internal/link/owner_linux_test.go internal/link/laptops_linux_test.go internal/link/recipes_linux_test.go internal/link/socket_test.go \
	internal/guard/agent_test.go internal/guard/bind_test.go internal/guard/locked_test.go internal/guard/master_test.go \
	internal/sshconn/transport/sessionbind_test.go internal/sshconn/transport/auth_test.go \
	internal/sshconn/transport/relayedkey_test.go internal/sshconn/transport/jump_test.go \
	internal/sshconn/transport/token_test.go internal/sshconn/transport/methods_test.go \
	internal/sshconn/transport/keysize_test.go internal/sshconn/transport/hostkeyupdate_test.go \
	internal/sshconn/transport/hostkeyoptions_test.go internal/sshconn/transport/hostkeyoptions_oracle_test.go \
	internal/sshconfig/hostkeys_test.go

# How long `make fuzz` runs each fuzz test. Not a time: when that is up, go test
# sometimes calls it a failure.
FUZZTIME = 50000x
# The options of `make bench`.
ARGS =

GOLANGCI_LINT_VERSION = v2.15.0
GOLANGCI_LINT = build/golangci-lint-$(GOLANGCI_LINT_VERSION)

.PHONY: build test race long openssh check lint cross fuzz demo bench clean help

build: ## build bin/mosha
	@version=$$(git describe --tags --always --dirty 2>/dev/null) || version=dev; \
	set -x; \
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-X main.version=$$version" -o bin/mosha ./cmd/mosha

test: ## install what the tests need and run them, as root
	@scripts/install-deps test
	@$(GO_TEST) $(PACKAGES)

# A program that a lab runs has the race detector when its test has it.
race: ## run the unit tests and some of the lab's with the race detector
	@scripts/install-deps test
	@$(GO_TEST) -race $$($(GO) list $(PACKAGES) | grep -vE '$(NO_RACE)')
	@tests=$$(scripts/tests-in $(RACE)) || exit 1; $(GO_TEST) -race -run "$$tests" $$(printf './%s\n' $(RACE) | sed 's,/[^/]*$$,,' | sort -u)

# With the build tag long, tests try all of their tables: those below name
# labtest.Whole, and those of set-up go by shells.
long: ## run the tests of long tables with all rows: homes, shells, outages, cases by chance
	@scripts/install-deps test
	@files="$$(grep -rl --include='*_test.go' 'labtest\.\(Whole\|Rows\|Number\)' .; grep -rlE --include='*_test.go' '^//go:build .*long' ./cmd ./internal; \
	ls ./internal/bootstrap/*_test.go ./internal/link/*_test.go)"; \
	tests=$$(scripts/tests-in $$files) || exit 1; \
	$(GO_TEST) -tags long -run "$$tests" $$(printf '%s\n' $$files | sed 's,/[^/]*$$,,' | sort -u)

# Current versions, and those to come: sid's is not always there.
openssh: ## run the tests that go by OpenSSH's version with that of Debian 13, and with sid's
	@scripts/install-deps test
	@files="$(OPENSSH) $$(grep -rlE --include='*_test.go' '^//go:build .*openssh' cmd internal)"; \
	tests=$$(scripts/tests-in $$files) || exit 1; \
	for suite in trixie sid; do \
		if ! dir=$$(scripts/fetch-openssh $$suite); then \
			[ $$suite = sid ] || exit 1; \
			echo "make openssh: NOTHING WAS TRIED WITH THE OPENSSH OF SID, which is not there"; continue; \
		fi; \
		with="'$$PWD/scripts/with-openssh' '$$dir'"; \
		($(GO_TEST) -tags "openssh $$suite" -run "$$tests" $$(printf './%s\n' $$files | sed 's,/[^/]*$$,,' | sort -u)) || exit 1; \
	done

check: ## all that must hold before a change is taken; CI runs this
	.ci/run

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

bench: ## measure mosha beside mosh and others, as root, and print tables; ARGS='-h' lists its options
	@scripts/install-deps bench
	@$(GO) build -buildvcs=false -o build/bench ./internal/lab/bench
	@if [ "$$(id -u)" -eq 0 ]; then build/bench $(ARGS); else \
	sudo -E -H env "PATH=$$PATH" GOFLAGS=-buildvcs=false build/bench $(ARGS); fi

clean: ## remove what was built
	rm -rf bin build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 8
