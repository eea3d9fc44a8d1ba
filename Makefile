# The first use of a command installs what it needs; after that it starts at once. `make` alone lists the commands.
.DEFAULT_GOAL := help
.PHONY: help run test test-long lint format train-mini install install-robot install-tests clean

VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=

# One thread a process: on few cores, OpenMP's busy waiting makes a forward pass of the small models several times slower.
export OMP_NUM_THREADS ?= 1
export GRADIO_ANALYTICS_ENABLED ?= False
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo "Options of a command go in ARGS, for instance: make run ARGS='--port 7861'"

run: install ## serve the console; ARGS='--help' lists its options
	$(PY) app.py $(ARGS)

# Two processes halve the time of most tests; then the pages, which draw without a GPU, have the machine to themselves.
test: install-tests lint ## lint, then all tests; ARGS='-k geometry' takes some
ifeq ($(strip $(ARGS)),)
	$(PY) -m pytest -m "not browser and not long" --numprocesses 2 --dist loadfile
	$(PY) -m pytest -m "browser and not long"
else
	$(PY) -m pytest $(ARGS)
endif

test-long: install-tests ## what repeats shorter checks for longer; enough once a night
	$(PY) -m pytest -m long

lint: install-tests ## style, types, and the direction of the imports
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo

format: install-tests ## put the code into its standard form
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

train-mini: install ## generate data, train clap-mini on two cores, evaluate it; ARGS='--resume' goes on
	$(PY) -m training.mini $(ARGS)

clean: ## remove the virtual environment and all caches; data and runs stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name node_modules -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

install: $(VENV)/.debian-packages $(VENV)/bin/clap

install-robot: install $(VENV)/.requirements-robot ## what a real Franka and RealSense cameras need, beside the console

install-tests: install $(VENV)/.debian-packages-dev $(VENV)/.requirements-dev

$(PY): | tools/make-venv.sh
	@tools/make-venv.sh $(VENV)

$(VENV)/.requirements: requirements.txt $(PY)
	@echo "Installing requirements.txt (the first time takes some minutes) ..."
	$(PY) -m pip install --progress-bar off --quiet -r requirements.txt
	@touch $@

# The command `clap`, which runs the files that lie here. Without isolation nothing is fetched: setuptools is there already.
$(VENV)/bin/clap: pyproject.toml $(VENV)/.requirements
	$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.requirements-robot: requirements-robot.txt $(VENV)/.requirements
	$(PY) -m pip install --progress-bar off --quiet -r requirements-robot.txt
	@touch $@

$(VENV)/.requirements-dev: requirements-dev.txt requirements-robot.txt $(VENV)/.requirements
	$(PY) -m pip install --progress-bar off --quiet -r requirements-dev.txt
	@touch $@

# packages.txt and packages-dev.txt. Where packages cannot be installed, the script says which are missing, and make goes
# on: the app and the tests name what they lack.
$(VENV)/.debian-%: %.txt $(PY)
	@if tools/debian-packages.sh $$(cat $<); then touch $@; fi
