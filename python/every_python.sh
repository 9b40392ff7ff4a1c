#!/bin/sh
# Runs the tests with the one wheel under every other CPython from 3.12 on that is at hand: on the path, or among
# the versions of pyenv. Those that are missing are said to be missing.
#
#     sh python/every_python.sh target/wheels
#
# The minute of load is left to the one Python of `make test-python`.
set -eu
wheels=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
for version in 3.12 3.13 3.14; do
    python=$(command -v "python$version" || true)
    if [ -z "$python" ] || ! "$python" -c '' 2>/dev/null; then
        python=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version."*/bin/python 2>/dev/null | tail -n 1)
    fi
    if [ -z "$python" ]; then
        echo "no CPython $version at hand: the wheel was not tried with it"
        continue
    fi
    venv=.venv-$version
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --requirement python/requirements-engines.txt
    "$venv/bin/python" -m pip install --quiet --force-reinstall --no-deps "$wheels"/npzarrow-*.whl
    echo "the wheel under CPython $version:"
    (cd python && "../$venv/bin/python" -P -m pytest -q --deselect tests/test_processes.py::TestLoad::test_a_minute_of_soaking)
done
