# `make setup` makes both environments in this folder: .venv (the tools) and .venv-kaggle (for running kernels).
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.set-up

.PHONY: setup clean

setup: $(STAMP)
	@$(VENV)/bin/python -m kernelgen.running.environment

# The stamp is written last: an interrupted installation is taken up again.
$(STAMP): pyproject.toml constraints.txt
	@$(VENV)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "$(VENV): installing the tools ..."
	@$(VENV)/bin/python -m pip install -qq --disable-pip-version-check -e ".[test,push]" -c constraints.txt
	@touch $@

clean:
	@rm -rf $(VENV) .venv-kaggle build demo *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
