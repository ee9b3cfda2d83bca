# SPDX-License-Identifier: Apache-2.0
# The list of commands; each is a script, and what it takes is said in its first lines.
.PHONY: help run build test test-sanitize test-interop images bench lint format clean
help:
	@sed -n 's/^\([a-z-]*\): *## /make \1	/p' Makefile | expand -t 22
run: ## Install what is missing, build, serve on loopback with two examples deployed; Ctrl-C stops it
	@scripts/run
build: ## Install what is missing and build into build/ (build/bin/kiln)
	@scripts/setup run && scripts/build
test: ## Unit, contract and integration tests
	@scripts/test
test-sanitize: ## The tests under AddressSanitizer and UBSan, then under ThreadSanitizer
	@scripts/test-sanitize
test-interop: ## Official clients on our server, our runtimes under the official emulator; needs the language registries
	@scripts/test-interop
images: ## Build the container images (images/README.md); installs podman, buildah and runc
	@images/build.sh
test-images: ## Build the container images, run them, take their figures; needs root
	@scripts/test-images
bench: ## Take the figures; fails where a must is missed
	@scripts/bench
lint: ## clang-format, clang-tidy, shellcheck, layers
	@scripts/lint
format: ## Format the sources in place
	@scripts/format
clean: ## Remove every build folder (not the data of `make run`)
	@rm -rf build build-*/ .cache
