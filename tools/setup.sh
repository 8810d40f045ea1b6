#!/bin/sh
# Make .venv and install Watchroom in it, with the versions of constraints.txt.
#
#   tools/setup.sh         what it takes to run
#   tools/setup.sh dev     that, and what it takes to test
#
# Called by `make`, which knows when it is due. PYTHON names an interpreter; without it the first of
# python3, python3.13, python3.12 and python3.11 that will do is taken. Says what it does in plain
# sentences; what pip has to say goes to .venv/setup.log, and to the screen if it fails.
set -eu
cd "$(dirname "$0")/.."

what=${1:-run}
here=$(pwd -P)
log=.venv/setup.log
began=$(date +%s)

say() { printf '%s\n' "$*"; }
die() { printf '\n%s\n' "$*" >&2; exit 1; }

# One at a time in one checkout: two shells that both say `make` must not install over each other.
if command -v flock >/dev/null 2>&1; then
    exec 9<Makefile
    flock 9
fi

# ---------------------------------------------------------------------------------- the interpreter

will_do() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3 python3.13 python3.12 python3.11; fi
    for candidate; do
        if will_do "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
}

python=$(find_python)
if [ -z "$python" ]; then
    asked=${PYTHON:-python3}
    have=$("$asked" -c 'import platform; print(platform.python_version())' 2>/dev/null || true)
    die "Watchroom needs Python 3.11, 3.12 or 3.13, and $asked here is ${have:-missing}; install one of them, or name it: make setup PYTHON=/path/to/python3.12"
fi
version=$("$python" -c 'import platform; print(platform.python_version())')

# ------------------------------------------------------------------------- the virtual environment

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() {
    [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }
}

# Debian and Ubuntu keep ensurepip, which venv needs, in a package of its own.
mend_ensurepip() {
    package=python$(printf '%s' "$version" | cut -d. -f1,2)-venv
    mend="apt-get update && apt-get install -y $package"
    if ! command -v apt-get >/dev/null 2>&1; then
        die "$python cannot make a virtual environment: its module ensurepip is missing. Install your system's package of Python's venv, and say make again."
    fi
    if ! can_be_root; then
        die "$python cannot make a virtual environment: its module ensurepip is missing. The mend:

    sudo sh -c '$mend'

and then make again."
    fi
    say "Python's venv module is incomplete here, so this installs Debian's package $package ($mend)."
    { as_root apt-get -q update && as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy install "$package"; } \
        >/tmp/watchroom-apt.$$ 2>&1 || {
        tail -n 15 /tmp/watchroom-apt.$$ >&2
        rm -f /tmp/watchroom-apt.$$
        die "Installing $package failed, as above. The mend is to run it by hand: $mend"
    }
    rm -f /tmp/watchroom-apt.$$
}

# Left whole if it still fits: made in this folder, by this version of Python.
fits() {
    [ "$(cat .venv/.made-in 2>/dev/null)" = "$here" ] &&
        [ "$(.venv/bin/python -c 'import pip, platform; print(platform.python_version())' 2>/dev/null)" = "$version" ]
}

if ! fits; then
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || mend_ensurepip
    say "Making a virtual environment in .venv with Python $version ($python)."
    "$python" -m venv --clear .venv || die "That failed. The mend is to remove .venv and to see that this works: $python -m venv .venv"
    printf '%s\n' "$here" >.venv/.made-in
fi

# ------------------------------------------------------------------------------------ the packages

case $what in
    run) target=. size=70 said="Watchroom and what it needs to run (a Java runtime among it)" ;;
    dev) target='.[dev]' size=150 said="Watchroom, what it needs to run, and the tools to test it" ;;
    *) die "tools/setup.sh knows 'run' and 'dev', not '$what'." ;;
esac

say "Installing $said; the first time this downloads about $size MB."
if ! .venv/bin/python -m pip install --disable-pip-version-check --no-input \
    --constraint constraints.txt --editable "$target" >"$log" 2>&1; then
    say ""
    tail -n 25 "$log" >&2
    die "pip could not install it; its last words are above, all of them in $log. Most often the package index could not be reached: mend that, and say make again."
fi
: >".venv/.ready-$what"
[ "$what" = run ] || : >.venv/.ready-run

# Under sudo the folder would be root's, and the next plain `make` could not touch it.
if [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_UID:-}" ]; then
    chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" .venv
fi

say "Ready in $(($(date +%s) - began)) s."
