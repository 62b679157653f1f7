#!/bin/sh
# Writes packaging/locked: every library that is installed, by version and digest, for all systems and Pythons.
# Needs uv. What is locked stays as it is where it fits; 'lock.sh --upgrade' takes the newest. Run the tests then.
set -eu
cd "$(dirname "$0")/.."
locked=packaging/locked
export UV_CUSTOM_COMPILE_COMMAND=packaging/lock.sh

lock() { # NAME FILE ARGUMENTS: what FILE needs beyond what is in BELOW
    name=$1 file=$2
    shift 2
    without=
    for one in $below; do
        set -- "$@" -c "$locked/$one.txt"
        without="$without $(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package=\1/p' "$locked/$one.txt")"
    done
    # shellcheck disable=SC2086
    uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate \
        "$file" "$@" $without $upgrade -o "$locked/$name.txt"
    below="$below $name"
}

[ $# -eq 0 ] || [ "$*" = --upgrade ] || {
    echo "usage: $0 [--upgrade]" >&2
    exit 1
}
upgrade=${1-}
below=
lock runtime pyproject.toml --extra camera --extra tray
lock rtx pyproject.toml --extra camera --extra tray --extra rtx
below= # what builds the Debian package's wheel stands alone
lock build - -c "$locked/runtime.txt" <<END
hatchling>=1.27,<2
END
below="runtime rtx build"
lock test pyproject.toml --extra camera --extra tray --extra rtx --extra dev
