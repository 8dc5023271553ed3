# What a person types here. Everything made lies in .venv and .greenops; nothing outside this folder is changed.
#
#   PYTHON=python3.12     the interpreter to build .venv with (default: the first below that works)
#   ARGS="-k modbus"      passed on to pytest
#   GREENOPS_SERVERS=DIR  a folder with prometheus, alertmanager and so on, instead of unpacking them

PYTHON = python3 python3.13 python3.12 python3.11
BIN = .venv/bin
DEMOS = demo-normal demo-exceedance demo-failure demo-drift demo-calibration

.DEFAULT_GOAL = help
.PHONY: help setup up $(DEMOS) test soak lint generate record bench pictures clean

help: ## say what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

setup: .venv/.stamp ## build .venv and unpack the servers (minutes at first, then at once)
	@$(BIN)/python deploy/local/servers.py

up: setup ## run everything on this machine: gateway, exporter, agent, Prometheus, Alertmanager
	@$(BIN)/python deploy/local/up.py

demo-normal: ## while make up runs: the simulated stack stays below its limits
demo-exceedance: ## while make up runs: SO2 goes over its limit
demo-failure: ## while make up runs: the gas analyser stops answering
demo-calibration: ## while make up runs: calibration gas flows, and no value is what the stack emits
demo-drift: ## while make up runs: the analyser drifts out of calibration
$(DEMOS): demo-%: setup
	@$(BIN)/python deploy/local/up.py --scenario $*

test: setup ## run the tests; ARGS goes to pytest
	-@$(BIN)/python dashboards/schema/npm_build.py --source tests/opcua_node --dest .greenops/opcua-node # a server of another make
	@$(BIN)/pytest $(ARGS)

soak: setup ## run the long form of the tests under faults, an hour and more; ARGS goes to pytest
	@$(BIN)/pytest -m soak $(ARGS)

lint: .venv/.stamp ## check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

generate: .venv/.stamp ## write the rules, dashboards and reference pages anew from the catalogue
	$(BIN)/greenops-alerting write
	$(BIN)/greenops-dashboards write
	$(BIN)/python docs/generate.py

record: setup ## run the documented commands anew and write what they print
	@$(BIN)/python docs/record.py docs/connect-a-device.md docs/commissioning.md

bench: setup ## measure footprint and throughput on this machine
	@$(BIN)/python benchmarks/run.py

pictures: setup ## take the dashboards' pictures anew
	@$(BIN)/python dashboards/preview/take.py

clean: ## remove .venv, .greenops and the tools' caches
	rm -rf .venv .greenops .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -prune -exec rm -rf {} +

# An interpreter must be run to know that it is there: version managers put names on the PATH that only print an error.
.venv/.stamp: pyproject.toml deploy/constraints.txt
	@for python in $(PYTHON); do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    python=; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "make: none of '$(PYTHON)' is Python 3.11 or newer." >&2; \
	    echo "      Install one (Debian, Ubuntu: apt-get install python3 python3-venv) or name one: make setup PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "make: $$python has no venv or no ensurepip." >&2; \
	    echo "      Install it: apt-get install $$("$$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2; \
	    exit 1; \
	fi; \
	if ! $(BIN)/python -c 'import pip' 2>/dev/null; then \
	    echo "building .venv with $$python ($$("$$python" -c 'import platform; print(platform.python_version())'))"; \
	    "$$python" -m venv --clear .venv || exit 1; \
	fi
	@$(BIN)/python -m pip install -c deploy/constraints.txt -e ".[agent,gateway,exporter,otlp,reports,dashboards,dev]"
	@touch $@
