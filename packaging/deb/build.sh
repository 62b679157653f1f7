#!/bin/bash
# Builds visard_VERSION_ARCH.deb from this checkout, as any user: build.sh [FOLDER]. The last line is its path.
# Needs python3 (the system's own, which the package will run on), dpkg-deb and pip; pip fetches the libraries.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
python=/usr/bin/python3
umask 022

main() {
    local out work
    [ $# -le 1 ] || stop "usage: $0 [FOLDER]"
    out=${1:-$checkout/dist}
    mkdir -p "$out"
    out=$(cd "$out" && pwd)
    work=$(mktemp -d)
    trap "rm -rf '$work'" EXIT # while the name is known
    tree=$work/tree
    place=$tree/usr/lib/visard
    site=$place/lib/$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')/site-packages
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$checkout/pyproject.toml" | head -n 1)
    export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$checkout" log -1 --format=%ct 2>/dev/null || date +%s)}
    make_environment
    install_libraries "$work"
    "$here/slim.sh" "$site"
    find "$site" -type f -exec chmod 644 {} +
    compile
    "$place/bin/python3" -I "$here/furnish.py" "$checkout" "$tree"
    make_control
    pack "$out/visard_${version}_$(dpkg --print-architecture).deb"
}

make_environment() { # a virtual environment that stays one wherever the tree lies
    mkdir -p "$place/bin" "$site"
    ln -s "$python" "$place/bin/python3"
    printf 'home = /usr/bin\ninclude-system-site-packages = false\n' >"$place/pyvenv.cfg"
}

install_libraries() {
    local builder=$1/builder wheels=$1/wheels locked=$checkout/packaging/locked
    say "building Visard's wheel"
    pip --python "$python" install --target "$builder" --no-warn-conflicts --require-hashes -r "$locked/build.txt"
    mkdir "$wheels"
    (cd "$checkout" && PYTHONPATH=$builder "$python" -m hatchling build -t wheel -d "$wheels" >/dev/null)
    say "installing it with its libraries"
    pip --python "$python" install --target "$site" --no-compile --only-binary=:all: --no-warn-conflicts \
        --require-hashes -r "$locked/runtime.txt"
    pip --python "$python" install --target "$site" --no-compile --no-deps "$wheels"/visard-*.whl
}

pip() { # whichever pip there is can install for the system's Python
    local one
    for one in "$checkout/.venv/bin/python" "$python" python3; do
        if "$one" -m pip --version >/dev/null 2>&1; then
            "$one" -m pip --disable-pip-version-check -q "$@"
            return
        fi
    done
    stop "pip is needed; run packaging/setup.sh, or install python3-pip"
}

compile() { # nothing is left to be written at run time, nor to be compiled on the user's machine
    say "compiling"
    find "$site" -name __pycache__ -prune -exec rm -r {} +
    "$place/bin/python3" -I -m compileall -q -f --invalidation-mode unchecked-hash -s "$tree" "$site"
}

make_control() {
    mkdir "$tree/DEBIAN"
    install -m 755 "$here"/{postinst,prerm,postrm} "$tree/DEBIAN/"
    "$python" -I "$here/control.py" "$tree" "$version" >"$tree/DEBIAN/control"
    (cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
}

pack() {
    say "packing"
    chmod -R u+rwX,go=rX "$tree"
    find "$tree" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zzstd -z"${VISARD_DEB_LEVEL:-10}" --build "$tree" "$1" >&2
    echo "$1"
}

say() {
    echo "build: $*" >&2
}

stop() {
    say "$*"
    exit 1
}

main "$@"
