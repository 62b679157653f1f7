#!/bin/sh
# Puts Visard and all it needs into .venv, beside the README. With --test also what the tests need.
set -eu
cd "$(dirname "$0")/.."

stop() {
    echo "setup: $*" >&2
    exit 1
}

case "${1-}" in
    "")
        sets="runtime build"
        [ ! -e /proc/driver/nvidia/version ] || sets="$sets rtx"
        ;;
    --test) sets="runtime build rtx test" ;; # compiles for GPUs without having one
    *) stop "usage: $0 [--test]" ;;
esac

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt() {
    command -v apt-get >/dev/null || stop "install $* first"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$@" >/dev/null
}

find_python() { # the system's own first, then any newer one beside it
    for name in python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
}

command -v python3 >/dev/null || apt python3
python=$(find_python)
[ -n "$python" ] || stop "Visard needs Python 3.11 or later; install it, python3.12 for example, and try again"
"$python" -c 'import ensurepip, venv' 2>/dev/null || apt "$python-venv"
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv
[ -t 1 ] || quiet=-q
install() {
    .venv/bin/python -m pip install ${quiet-} --disable-pip-version-check "$@"
}

# Every file is one that packaging/lock.sh has seen, and Visard itself is built with those.
install --require-hashes $(printf -- '-r packaging/locked/%s.txt ' $sets)
install --no-deps --no-build-isolation -e .
