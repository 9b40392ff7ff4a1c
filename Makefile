# make demo   build the package and run the main job on files that NumPy wrote
# make test   everything that CI runs
# make bench  the benchmark tables of README.md
# make fuzz   twenty minutes of each fuzz target (needs a nightly toolchain and cargo-fuzz)

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
WHEELS  := target/wheels
CARGO   ?= cargo
# For `make fuzz`.
FUZZ_TARGETS := header literal archive ranges differential inflate writer
FUZZ_SECONDS := 1200
SOURCES := $(shell find src python/src python/npzarrow -type f) Cargo.toml Cargo.lock python/Cargo.toml python/pyproject.toml README.md

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-rust test-python test-every-python lint bench fuzz clean

demo: $(VENV)/.installed
	$(BIN)/python -P python/demo.py

test: lint test-rust test-python test-every-python

lint: $(VENV)/.tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --no-default-features --lib -- -D warnings
	$(CARGO) clippy --no-default-features --features cli --lib -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --package npzarrow --features cli,datafusion,datafusion-proto
	$(BIN)/ruff check python tests
	$(BIN)/ruff format --check python tests

test-rust:
	$(CARGO) test --workspace
	@# What is allocated can be counted if nothing is mapped.
	$(CARGO) test --no-default-features --test allocation
	@# The fuzz targets must build; libFuzzer itself is C++.
	@if command -v c++ >/dev/null; then $(CARGO) build --package npzarrow-fuzz --features libfuzzer --bins; \
	else echo "no C++ compiler: the fuzz targets were run on their seeds, but not built with libFuzzer"; fi

test-python: $(VENV)/.installed $(VENV)/.tools
	cd python && ../$(BIN)/python -m mypy
	cd python && ../$(BIN)/python -P -m mypy.stubtest npzarrow --mypy-config-file pyproject.toml --allowlist stubtest.txt
	cd python && ../$(BIN)/python -P -m pytest

test-every-python: $(VENV)/.installed
	sh python/every_python.sh $(WHEELS)

bench: $(VENV)/.installed
	$(CARGO) bench
	$(BIN)/python python/benchmarks/compare.py
	$(BIN)/python python/benchmarks/scan.py
	$(BIN)/python python/benchmarks/write.py
	$(BIN)/python python/benchmarks/sql.py --folder target/sql-shards
	$(CARGO) bench --package npzarrow-sql-tests --bench sql --profile engine --features parquet -- target/sql-shards

fuzz:
	@# Sanitizer coverage does not survive link-time optimisation.
	export CARGO_PROFILE_RELEASE_LTO=off; cd fuzz && for target in $(FUZZ_TARGETS); do \
		$(CARGO) +nightly fuzz run --features libfuzzer $$target corpus/$$target seeds/$$target -- \
			-dict=npz.dict -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=2048 || exit 1; done

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

# Everything that the tests and the demo use, at the versions of the file.
$(VENV)/.tools: $(BIN)/python python/requirements.txt python/requirements-engines.txt
	$(BIN)/python -m pip install --quiet --requirement python/requirements.txt
	touch $@

# Without link-time optimisation: it takes minutes, and gains little.
$(VENV)/.installed: $(VENV)/.tools $(SOURCES)
	rm -rf $(WHEELS)
	$(BIN)/maturin build --quiet --manifest-path python/Cargo.toml --profile dist-test --interpreter $(BIN)/python --out $(WHEELS)
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps $(WHEELS)/npzarrow-*.whl
	touch $@

clean:
	rm -rf target .venv .venv-*
