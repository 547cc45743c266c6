# Thin: each line could be typed by hand. `make demo ARGS="--no-serve --json out.json"` passes arguments on.
PYTHON ?= python3
ARGS ?=
MANAGE = .venv/bin/python manage.py
BEGAN := $(shell date +%s)
.PHONY: install demo up test lint bench vllm

install:
	@$(PYTHON) scripts/bootstrap.py

demo: install
	@$(MANAGE) demo --began $(BEGAN) $(ARGS)

up: install
	@$(MANAGE) up $(ARGS)

test:
	@$(PYTHON) scripts/bootstrap.py --dev --browser
	@.venv/bin/python -m pytest -n 2 $(ARGS)

lint:
	@$(PYTHON) scripts/bootstrap.py --dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy .
	@.venv/bin/lint-imports

bench:
	@$(PYTHON) scripts/bootstrap.py --dev
	@.venv/bin/python -m benchmarks $(ARGS)

vllm:
	@$(PYTHON) scripts/vllm_environment.py
