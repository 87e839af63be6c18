# The entry to the build; CMakePresets.json has the configurations that it uses.

PREFIX ?= /usr/local
SETUP := $(shell sha256sum scripts/setup | cut -c1-16)
DUCKDB := third_party/duckdb/libduckdb.so third_party/duckdb/duckdb.h

.PHONY: build demo test test-cloud bench screenshots fmt coverage install deb deb-arm64 clean help
.DEFAULT_GOAL := build

build: .setup/base-$(SETUP) $(DUCKDB) ## Build build/pinion
	@cmake --preset release >/dev/null
	@cmake --build --preset release

demo: build ## Run the whole pipeline once: HTTP requests to query results
	@build/pinion demo

test: .setup/test-$(SETUP) build ## Run every test (about 40 minutes)
	@scripts/test

test-cloud: .setup/cloud-$(SETUP) build deb ## Check deploy/ with the real tools (an hour)
	@scripts/test-cloud

bench: .setup/bench-$(SETUP) build ## Measure against the peers, side by side
	@bench/run

screenshots: .setup/test-$(SETUP) build ## Take the pictures of docs/ui.md again
	@PINION_PICTURES=1 .venv-test/bin/python -m pytest -q test/integration/test_ui_pictures.py

fmt: .setup/test-$(SETUP) ## Format the C sources in place
	@scripts/style --fix

coverage: .setup/test-$(SETUP) build ## Run the unit tests and print what they cover
	@scripts/coverage

install: build ## Install below PREFIX (/usr/local); DESTDIR goes before it
	@cmake --preset release -DCMAKE_INSTALL_PREFIX=$(PREFIX) >/dev/null
	@cmake --build --preset release --target printed
	@cmake --install build

deb: .setup/deb-$(SETUP) $(DUCKDB) ## Build the Debian package in build-package
	@cmake --preset package >/dev/null
	@cmake --build --preset package
	@cd build-package && cpack

deb-arm64: .setup/deb-arm64-$(SETUP) ## Build the Debian package for arm64 on another machine
	@cmake --preset package-arm64 >/dev/null
	@cmake --build --preset package-arm64
	@cd build-package-arm64 && DEB_HOST_ARCH=arm64 cpack

clean: ## Remove what was built (what was fetched stays)
	@rm -rf build build-*

help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 8

# The stamps of scripts/setup: made again when the script or what it reads has changed.
.setup/base-$(SETUP): src/ui/packages.txt
.setup/test-$(SETUP): test/requirements.txt test/spark/pom.xml test/java/pom.xml src/ui/packages.txt
.setup/cloud-$(SETUP): bench/kafka/pom.xml test/cloud/ansible/pom.xml
.setup/cloud-$(SETUP): test/requirements.txt $(wildcard test/cloud/python/* test/cloud/tools/*/*)
.setup/bench-$(SETUP): bench/requirements.txt test/requirements.txt test/spark/pom.xml
.setup/%-$(SETUP):
	@scripts/setup $*

$(DUCKDB): | .setup/base-$(SETUP)
	@scripts/setup
