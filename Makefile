# Each target makes its own .venv and installs what it needs: Python 3.11 and make are enough.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
PYTEST_ARGS ?= -n 2 --dist loadfile
SERVE_ARGS ?=
SOAK_ARGS ?= --jobs 10000
# of each target; the seeds begin at FUZZ_SEED, so that a finding can be shown again
FUZZ_SECONDS ?= 600
FUZZ_SEED ?= $(shell date +%s)

.PHONY: demo demo-prototypes test check bench bench-service soak poison serve lock docs clean fuzz
.PHONY: check-lint check-format check-types check-imports check-docs check-wheel
.DELETE_ON_ERROR:

demo: $(READY)
	$(BIN)/python examples/demo.py

demo-prototypes: $(READY)
	$(BIN)/python examples/prototypes.py

test: $(READY)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

fuzz: $(READY)
	ONNXPLAIN_FUZZ_SECONDS=$(FUZZ_SECONDS) ONNXPLAIN_FUZZ_SEED=$(FUZZ_SEED) \
	  $(BIN)/python -m pytest -s --timeout=0 tests/fuzz

check: $(READY) check-lint check-format check-types check-imports check-docs check-wheel

check-lint: $(READY)
	$(BIN)/ruff check .

check-format: $(READY)
	$(BIN)/ruff format --check .

check-types: $(READY)
	$(BIN)/mypy

check-imports: $(READY)
	$(BIN)/lint-imports

check-docs: $(READY)
	$(BIN)/python tools/docs.py --check
	$(BIN)/python tools/operators.py --check

check-wheel: $(READY)
	$(BIN)/python tools/wheel.py

bench: $(READY)
	$(BIN)/python -m benchmarks

bench-service: $(READY)
	$(BIN)/python -m benchmarks service

# many small jobs under random faults: prints how many were lost, doubled or wrong
soak: $(READY)
	PYTHONPATH=.:tests $(BIN)/python -m faults.soak $(SOAK_ARGS)

# models that bring their runner down: prints what the workers hold after each round
poison: $(READY)
	PYTHONPATH=.:tests $(BIN)/python -m faults.poison $(POISON_ARGS)

serve: $(READY)
	$(BIN)/onnxplain serve $(SERVE_ARGS)

docs: $(READY)
	$(BIN)/python tools/docs.py
	$(BIN)/python tools/operators.py

lock:
	$(PYTHON) tools/lock.py

clean:
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "onnxplain needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[all]'
	touch $@
