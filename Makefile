# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install run test check bench lock format

install: .venv/.ready

.venv/.ready: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@

.venv/.ready-dev: .venv/.ready requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

run: install
	$(BIN)/python -m bot

test: .venv/.ready-dev
	tests/install_tools
	$(MAKE) --no-print-directory check

check: .venv/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	if command -v mariadbd >/dev/null; then \
	  $(BIN)/python -m pytest -q -n 2 --dist loadfile --database mysql && \
	  $(BIN)/python -m pytest -q -n 2 --dist loadfile --database aiomysql tests/integration/test_database*.py; fi
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: .venv/.ready-dev
	$(BIN)/python -m tests.bench

format: .venv/.ready-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Renew the pins: needs uv.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header requirements-dev.in -o requirements-dev.txt
