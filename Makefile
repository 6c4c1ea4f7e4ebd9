# What a contributor runs. Nothing is assumed but Python 3.11 or later, its pip, and make.
.DEFAULT_GOAL := help
.PHONY: help up test quick bench check chaos format lock openapi browser brokers node

# The first interpreter that is new enough and has what an installation needs. A distribution's is asked first: it was
# built with profiles, and runs the suite in two thirds of the time that one built by hand without them takes.
PYTHON ?= $(shell for name in /usr/bin/python3 python3 python3.11 python3.12 python3.13 python3.14; do \
	$$name -c 'import pip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
PIP = $(PYTHON) -m pip --python .venv/bin/python --disable-pip-version-check install --quiet
LOCK = .venv/bin/uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-header --python-version 3.11 --group build
# What pytest compiles is kept even where the environment forbids it: rewriting every test takes each process seconds.
PYTEST = PYTHONDONTWRITEBYTECODE= .venv/bin/python -m pytest
CHROMIUM = command -v chromium || command -v chromium-browser
WITHOUT_BROWSER = $(if $(shell $(CHROMIUM)),,and not browser)
BROKERS = $(PYTHON) -c 'import socket; [socket.create_connection(("127.0.0.1", port), 1).close() for port in (5672, 4222)]' \
	2>/dev/null && echo both
WITHOUT_BROKERS = $(if $(shell $(BROKERS)),,and not broker)
WITHOUT_NODE = $(if $(shell command -v node),,and not node)
WITHOUT = $(WITHOUT_BROWSER) $(WITHOUT_BROKERS) $(WITHOUT_NODE)

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

up: .venv/run.stamp ## Install what is missing and run the product, e.g. make up ARGS="--port 0 --seed demo"
	@exec .venv/bin/crm up $(ARGS)

# What needs servers of its own waits more than it computes: it runs one test at a time beside the others, and is shown
# after them.
test: .venv/dev.stamp browser brokers node ## Install what is missing and run the whole suite
	@shown=$$(mktemp); trap 'kill $$!' INT TERM; \
	$(PYTEST) -m "own_server $(WITHOUT)" $(ARGS) >"$$shown" 2>&1 & \
	$(PYTEST) -n 2 --dist worksteal -m "not own_server $(WITHOUT)" $(ARGS); together=$$?; \
	wait $$!; alone=$$?; cat "$$shown"; rm -f "$$shown"; exit $$((together | alone))

quick: .venv/dev.stamp ## Run the promises that every commit must keep, in under two minutes
	@$(PYTEST) -n 2 --dist worksteal -m "quick and not own_server" && { $(PYTEST) -m "quick and own_server" || [ $$? -eq 5 ]; }

bench: .venv/run.stamp ## Measure the product against the limit, e.g. make bench ARGS="get list --keep DIR"
	@.venv/bin/python -m bench $(ARGS)

chaos: .venv/dev.stamp ## Kill everything while clients write, e.g. make chaos ARGS="--seed 7 --events 50000 --kills 200"
	@.venv/bin/python -m tests.chaos $(ARGS)

check: .venv/dev.stamp ## Check format, lint, types, architecture, locks and the OpenAPI document
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTEST) -q tests/architecture
	.venv/bin/crm openapi --check

format: .venv/dev.stamp ## Format the code and mend what ruff can mend
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

openapi: .venv/dev.stamp ## Write openapi/v1.json from the code
	.venv/bin/crm openapi > openapi/v1.json.new
	mv openapi/v1.json.new openapi/v1.json

lock: .venv/dev.stamp ## Pin what pyproject.toml asks for, e.g. make lock ARGS=--upgrade
	$(LOCK) $(ARGS) --output-file requirements.lock
	$(LOCK) $(ARGS) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

browser: ## Install Debian's Chromium where it is missing and this user may
	@$(CHROMIUM) >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends chromium >/dev/null; } \
		|| echo "No Chromium here, so the documentation page is not tried in a browser."

brokers:
	@$(BROKERS) >/dev/null || echo "No RabbitMQ and NATS here, so publishing is tried on a broker in memory only."

node:
	@command -v node >/dev/null || echo "No Node here, so of the two receivers of webhooks only that in Python is tried."

# The interpreter's own pip installs into an environment without one: that saves a copy, and needs no ensurepip.
.venv/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later with pip and venv is needed; name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv --without-pip .venv

# Wheels only: a source distribution would fetch unpinned build tools and want a compiler. The package itself is
# built by the pinned setuptools, from nothing but this folder.
.venv/run.stamp: requirements.lock pyproject.toml | .venv/bin/python
	$(PIP) --require-hashes --only-binary :all: --requirement requirements.lock
	$(PIP) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/run.stamp
	$(PIP) --require-hashes --only-binary :all: --requirement requirements-dev.lock
	@touch $@
