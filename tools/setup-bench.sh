#!/bin/sh
# Make .venv-bench and install in it what `make bench` measures beside Watchroom, with the versions of
# bench/constraints.txt. They cannot share .venv: Quix Streams holds pydantic below Watchroom's pin.
set -eu
cd "$(dirname "$0")/.."

version=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
    3.11 | 3.12) ;;
    *) printf '%s\n' "Bytewax has no package for Python $version: make bench PYTHON=/path/to/python3.12" >&2; exit 1 ;;
esac
printf '%s\n' "Installing Bytewax, Quix Streams and matplotlib in .venv-bench; the first time this downloads about 150 MB."
.venv/bin/python -m venv --clear .venv-bench
.venv-bench/bin/python -m pip install --disable-pip-version-check --no-input \
    --constraint bench/constraints.txt --editable '.[bench]' >.venv-bench/setup.log 2>&1 || {
    tail -n 25 .venv-bench/setup.log >&2
    printf '%s\n' "pip could not install it; its last words are above, all of them in .venv-bench/setup.log." >&2
    exit 1
}
: >.venv-bench/.ready
