# Every command of the project. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install install-dev system demo seed-large run test lint format bench faults mutants doctor docs shots clean

BIN := $(CURDIR)/.venv/bin
PY := $(BIN)/python
export PATH := $(BIN):$(PATH)
ARGS ?=

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | column -t -s "$$(printf '\t')"

# --- the environment -------------------------------------------------------------------------------------------------
$(PY):
	@for name in python3.11 python3.12 python3.13 python3.14 python3; do \
	  if command -v $$name >/dev/null && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then found=$$name; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then echo "Python 3.11 or newer is needed; none was found on PATH." >&2; exit 1; fi; \
	"$$found" -m venv .venv || { echo "$$found cannot make a virtual environment (Debian: apt install python3-venv)." >&2; exit 1; }

# The stamps hold the requirement files' checksum, so a touched but unchanged file installs nothing.
install: $(PY) ## install what the portal needs into .venv
	@sum=$$(cat requirements.txt pyproject.toml | cksum); \
	if [ "$$(cat .venv/installed 2>/dev/null)" != "$$sum" ]; then \
	  $(PY) -m pip install --disable-pip-version-check -r requirements.txt && echo "$$sum" > .venv/installed; \
	fi

install-dev: install ## install what tests and static checks need as well
	@sum=$$(cat requirements.txt requirements-dev.txt pyproject.toml | cksum); \
	if [ "$$(cat .venv/installed-dev 2>/dev/null)" != "$$sum" ]; then \
	  $(PY) -m pip install --disable-pip-version-check -r requirements-dev.txt && echo "$$sum" > .venv/installed-dev; \
	fi

# --- serve -----------------------------------------------------------------------------------------------------------
run: install ## serve web, worker and beat at http://localhost:8000
	@$(PY) manage.py prepare
	@exec honcho start

demo: export PORTAL_DEMO = 1
demo: install ## a year of demo business, then serve it; ARGS=--reset starts anew, ARGS=--no-serve stops after the data
	@$(PY) manage.py prepare
	@$(PY) manage.py demo $(ARGS)
	@case " $(ARGS) " in *" --no-serve "*) ;; *) exec honcho start ;; esac

seed-large: install ## 5,000 partners, 1,000,000 orders, 10,000,000 touches in an empty database; ARGS="--orders 100000"
	@$(PY) manage.py prepare
	@$(PY) manage.py seed_large $(ARGS)

# --- check -----------------------------------------------------------------------------------------------------------
system:
	@missing=""; \
	[ -n "$${CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
	  || command -v google-chrome >/dev/null || missing="$$missing chromium"; \
	command -v xgettext >/dev/null || missing="$$missing gettext"; \
	if command -v fc-list >/dev/null; then [ -n "$$(fc-list :lang=zh)" ] || missing="$$missing fonts-noto-cjk"; \
	else missing="$$missing fontconfig fonts-noto-cjk"; fi; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else \
	  echo "Not installed:$$missing. Tests that need them are left out; install them, or set CHROMIUM." >&2; \
	  [ "$${CI:-}" != true ]; \
	fi

# One worker more than cores: a test waits for the database or the browser a sixth of its time.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))

# Bytecode is kept, whatever the shell says: the suite starts many processes that read the same files.
test: export PYTHONDONTWRITEBYTECODE =
test: install-dev system ## the whole test suite
	@$(PY) manage.py compile_catalogues --verbosity 0
ifeq ($(strip $(ARGS)),)
	@$(PY) -m pytest -n $(WORKERS) --cov --cov-report=
	@$(BIN)/coverage report --show-missing --skip-covered --fail-under=100
else
	@$(PY) -m pytest $(ARGS)
endif

# Settings as on a public installation, so that `check --deploy` has something to say; the hosts do not exist.
PUBLIC := PORTAL_DEMO=0 PORTAL_DEBUG=0 PORTAL_HTTPS=1 PORTAL_PROXY=1 PORTAL_BASE_URL=https://portal.example \
  PORTAL_ALLOWED_HOSTS=portal.example PORTAL_SECRET_KEY=lint-only-lint-only-0123456789-abcdefghij-ABCDEFGHIJ-lint-only \
  DATABASE_URL=postgresql://app:app@db.example/portal DATABASE_OWNER_URL=postgresql://owner:owner@db.example/portal \
  BROKER_URL=amqp://user:user@broker.example// CACHE_URL=redis://cache.example/0 EMAIL_URL=smtp+tls://u:p@mail.example

lint: install-dev ## static checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z 'templates/*.html' '*/templates/*.html' | xargs -0 -r $(BIN)/djade --check --target-version 5.2
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
	$(PUBLIC) $(PY) manage.py check --deploy --fail-level WARNING
	$(PY) manage.py check_catalogues

format: install-dev ## put source and templates into their one form
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .
	git ls-files -z 'templates/*.html' '*/templates/*.html' | xargs -0 -r $(BIN)/djade --target-version 5.2

bench: install-dev ## every benchmark in bench/, as JSON lines; ARGS=recommender runs that one
	@for name in $(or $(ARGS),$(basename $(notdir $(wildcard bench/[a-z]*.py))) $(notdir $(patsubst %/__main__.py,%,$(wildcard bench/*/__main__.py)))); do OMP_NUM_THREADS=1 $(PY) -m "bench.$$name"; done

faults: install-dev ## the long tests: races, servers and holders killed, thousands of histories; ARGS="-k ground"
	@$(PY) -m pytest tests -m "race or long or hypothesis" --hypothesis-profile=faults $(ARGS)

mutants: install-dev ## plant faults one at a time and see the suite go red; ARGS="--only reserve"
	@$(PY) -m tests.mutants $(ARGS)

doctor: install ## look this installation over
	@$(PY) manage.py doctor

docs: install-dev ## build the documentation into build/docs
	@$(BIN)/mkdocs build --strict --quiet && echo "build/docs/index.html"

shots: install-dev system ## take the README's screenshots from the demo
	@PORTAL_DEMO=1 $(PY) manage.py shots $(ARGS)

clean: ## remove what was built; data stays
	@rm -rf build staticfiles .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
