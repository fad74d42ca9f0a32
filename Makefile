# Each command sets up what it needs: a .venv and the project in it. Only python3 >= 3.11
# and a package index have to be there. `make help` is the manual.

PYTHON ?= python3
VENV   ?= .venv
PYTEST ?=
RESULTS ?= benchmarks/results/new.json

SHELL  := /bin/bash
bin    := $(VENV)/bin
ready  := $(VENV)/.ready
# Of tests that were asked for by name, one half may hold none (pytest ends with 5).
none_ok := $(if $(PYTEST),|| [ $$? -eq 5 ])

.DEFAULT_GOAL := help
.PHONY: help demo notebooks test check format page docs pictures bench soak setup clean

help:  ## this page
	@echo "make <what> [PYTHON=python3.12] [VENV=.venv-3.12] [PYTEST='-k plan -x']"
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(or $(wildcard $(ready)),$(VENV)/.demo)  ## the same heights twice, xarray as it comes and cryodata, on a cloud of your own
	$(bin)/cryodata demo

notebooks: $(ready)  ## build/notebooks: the notebooks, executed, with their pictures
	mkdir -p build/notebooks
	cd build/notebooks && for text in $(CURDIR)/notebooks/*.py; do \
	  $(abspath $(bin))/jupytext --quiet --to ipynb --execute --output $$(basename $$text .py).ipynb $$text \
	    || exit 1; done

# Most tests two files at a time; those that hold to times afterwards, alone.
test: $(ready)  ## the tests
	$(bin)/python -m pytest -m "not soak and not clock" -n 2 --dist loadfile $(PYTEST) $(none_ok)
	$(bin)/python -m pytest -m "clock and not soak" $(PYTEST) $(none_ok)

check: $(ready)  ## lint, format, types, direction of imports
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy src tests benchmarks
	$(bin)/python -m pytest -q tests/test_layers.py

format: $(ready)  ## mend what ruff can mend
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

page: $(ready)  ## docs/products.md from the tables of the products
	$(bin)/python -c 'from cryodata.products import page, registry; print(page.page(registry.shipped()), end="")' \
	  > docs/products.md

docs: $(ready)  ## these pages as a site, in build/site; a warning is an error
	$(bin)/sphinx-build -q -n -W --keep-going -d build/doctrees docs build/site
	@echo "build/site/index.html"

pictures: $(ready)  ## docs/images, photographed by Chromium
	$(bin)/python docs/pictures.py

bench: $(ready)  ## cryodata beside its peers, from files here, in region and out of it
	$(bin)/python -m benchmarks --into $(RESULTS)
	$(bin)/python -m benchmarks.scaling --into $(RESULTS)
	$(bin)/python -m benchmarks.many_granules --count 300 --into $(RESULTS)
	$(bin)/python -m benchmarks.references --count 30 --many 1000 --into $(RESULTS)
	@echo "for the docs: $(bin)/python -m benchmarks.page $(RESULTS)"

soak: $(ready)  ## the promises at their full counts
	$(bin)/python -m pytest -m soak --timeout=3600 $(PYTEST)

setup: $(ready)  ## only the environment

clean:  ## forget the environment and what was built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The environment: made once, and again when pyproject.toml changes. The demo needs less of it.
extras := earthdata,geo,plot,s3fs,sandbox

$(VENV)/.demo: wanted := ".[$(extras)]"
$(ready): wanted := . --group test --group lint --group bench
$(VENV)/.demo $(ready): pyproject.toml
	@echo "Setting up $(VENV): once, a minute or two"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "cryodata needs Python >= 3.11; try make PYTHON=python3.12"; exit 1; }
	test -x $(bin)/python || $(PYTHON) -m venv $(VENV)
	$(bin)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(bin)/python -m pip install --quiet --editable $(wanted)
	@touch $@
