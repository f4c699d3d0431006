# Everything the project's tools need is set up on first use, in .venv, from requirements.lock.
# PYTHON=/path/to/python chooses the interpreter; otherwise the newest one found from 3.11 on.
# PYTEST holds further options for make test.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help demo reports notebooks test check bench lock clean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP)  ## play the whole loop on the built-in sample; into reports/ or OUTPUT=folder
	$(BIN)/hygiene demo $(if $(OUTPUT),--output "$(OUTPUT)")

reports: $(STAMP)  ## remake what reports/ holds of the sample: pages, pictures and data
	$(BIN)/hygiene demo --output reports >/dev/null

notebooks: $(STAMP)  ## remake notebooks/ from hygiene/notebooks/
	for kind in kpi list audit ab; do $(BIN)/hygiene notebook $$kind --output notebooks --force; done

test: $(STAMP)  ## run the tests
	$(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal $(PYTEST)

check: $(STAMP)  ## formatting, lint and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: $(STAMP)  ## measure each part beside its peers
	$(BIN)/python -m tests.bench

lock: $(STAMP)  ## resolve the lock files again; UPGRADE=1 takes newer versions
	$(COMPILE) pyproject.toml --group dev --output-file requirements.lock
	$(COMPILE) pyproject.toml --all-extras --constraint requirements.lock --output-file requirements-extras.lock

clean:  ## remove the environment and all caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find hygiene tests -name __pycache__ -type d -prune -exec rm -rf {} +

# An interpreter on the path may be a stand-in that does not run, so each is tried; a working .venv is kept.
$(STAMP): requirements.lock pyproject.toml
	@set -e; new_enough='import sys; sys.exit(sys.version_info < (3, 11))'; found=; \
	if $(BIN)/python -c "$$new_enough" 2>/dev/null; then exit 0; fi; \
	for candidate in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	  if "$$candidate" -c "$$new_enough" 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "no Python from 3.11 on was found: name one with PYTHON=/path/to/python" >&2; exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip' 2>/dev/null; then \
	  echo "$$found cannot set up an environment: install its venv package (python3-venv on Debian)" >&2; exit 1; \
	fi; \
	echo "setting up $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(VENV)
	@$(INSTALL) --require-hashes --use-pep517 -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@
