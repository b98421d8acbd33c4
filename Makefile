# Trade Nexus from a clone, without root: `make demo` shows it, `make test` proves it. Every target may be run again.
#   make setup   the virtual environment with hash-checked packages, and the browser files
#   make demo    one file all the way, over the API and the command line, then serves on (ONCE=1: stops after the story)
#   make up      server + worker + Lona sandbox          PORT=8000  NEXUS_HOME=./var
#   make stop / make status                              the stack that runs on NEXUS_HOME
#   make test    the suite (DATABASE_URL and REDIS_URL choose what it runs on; ARGS="tests/jobs -k claim" narrows it)
#   make soak    the longer forms of the tests about faults: many kills on the whole tape (minutes)
#   make browser the pages in a real browser (needs chromium); pictures of every screen go to build/screenshots
#   make flow-data   the nightly cycle: watched folder, stale entries, audit, features, export (exit 1 names the stage)
#   make data-audit  drift and toxic sessions of the lake, as JSON (exit 1 when one is found)
#   make data-repair the gaps of the lake, filled from vendors, as JSON (exit 1 when something failed)
#   make bench   the figures in docs/figures.md          make lint types imports: style, types, import contracts
#   PYTHON=...   which Python 3.11+ makes the virtual environment

VENV ?= .venv
NEXUS_HOME ?= ./var
PORT ?= 8000
JOBS ?= 2
ARGS ?=
PY = $(VENV)/bin/python
STACK = $(PY) -m tradenexus.stack

.DEFAULT_GOAL := help
.PHONY: help setup runtime demo-data frontend demo up stop status test soak browser bench flow-data data-audit data-repair lint types imports docker-lint clean

help:
	@sed -n 's/^#//p' Makefile | head -13

setup:
	@requirements/install.sh $(VENV) base postgres s3 dask demo dev
	@requirements/frontend/install.sh $(VENV)

runtime:
	@requirements/install.sh $(VENV) base
	@requirements/frontend/install.sh $(VENV)

demo-data:
	@requirements/install.sh $(VENV) demo

demo: runtime demo-data
	@$(STACK) demo --home $(NEXUS_HOME) $(if $(ONCE),--once)

up: runtime
	@$(STACK) up --home $(NEXUS_HOME) --port $(PORT)

stop:
	@$(STACK) stop --home $(NEXUS_HOME)

status:
	@$(STACK) status --home $(NEXUS_HOME)

test: setup
	@$(PY) -m pytest -n $(JOBS) --dist loadscope $(ARGS)

browser: setup
	@$(PY) -m pytest -n $(JOBS) --dist loadfile tests/browser -m "browser and not soak" $(ARGS)

soak: setup
	@$(PY) -m pytest -m soak $(ARGS)

bench: setup
	@$(PY) -m benchmarks $(or $(ARGS),all)

flow-data: runtime
	@NEXUS_HOME=$(NEXUS_HOME) $(PY) manage.py flow $(ARGS)

data-repair: runtime
	@NEXUS_HOME=$(NEXUS_HOME) $(PY) manage.py repair $(ARGS)

data-audit: runtime
	@NEXUS_HOME=$(NEXUS_HOME) $(PY) manage.py maintenance audit

lint: setup
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

types: setup
	@$(VENV)/bin/mypy tradenexus datasets backfill lona

imports: setup
	@$(VENV)/bin/lint-imports --config importlinter.ini

docker-lint: setup
	@$(VENV)/bin/hadolint Dockerfile

clean:
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
