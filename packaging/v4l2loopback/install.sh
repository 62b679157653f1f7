#!/bin/bash
# Sets up Visard's virtual camera on Debian and Ubuntu: the driver, its options, loading at every start.
# Running it again changes nothing. --dry-run only says what would be done.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

here=$(cd "$(dirname "$0")" && pwd)
dry_run=
label="Visard Camera"

main() {
    case "${1-}" in
        "") ;;
        --dry-run) dry_run=yes ;;
        *) stop "usage: $0 [--dry-run]" ;;
    esac
    command -v apt-get >/dev/null || stop "this script is for Debian and Ubuntu; see visard doctor for other systems"
    [ -n "$dry_run" ] || [ "$(id -u)" = 0 ] || stop "run it as root: sudo $0"
    refuse_foreign_options
    install_driver
    put modprobe.conf /etc/modprobe.d/visard-camera.conf
    put modules-load.conf /etc/modules-load.d/visard-camera.conf
    load_driver
}

refuse_foreign_options() { # two sets of options for one module would be merged into nonsense
    local others
    others=$(grep -ls '^ *options  *v4l2loopback' /etc/modprobe.d/*.conf | grep -v '/visard-camera.conf$' || true)
    [ -z "$others" ] || stop "v4l2loopback already has options in $others; add a device called $label there instead"
}

install_driver() { # the headers let DKMS build the driver for the running kernel
    if modinfo v4l2loopback >/dev/null 2>&1; then
        echo "driver: already there"
    else
        act "refresh the list of packages" apt-get update
        act "install the driver" apt-get install -y v4l2loopback-dkms "linux-headers-$(uname -r)"
    fi
}

put() {
    if cmp -s "$here/$1" "$2"; then
        echo "$2: already there"
    else
        act "write $2" install -m 644 "$here/$1" "$2"
    fi
}

load_driver() {
    if grep -qsx "$label" /sys/class/video4linux/*/name; then
        echo "$label: already there"
        return
    fi
    if [ -d /sys/module/v4l2loopback ]; then
        act "unload the driver, to load it with the new options" modprobe -r v4l2loopback ||
            stop "v4l2loopback is in use: close the programs that use it, or restart the computer"
    fi
    act "load the driver" modprobe v4l2loopback ||
        stop "the driver cannot be loaded; with Secure Boot run: mokutil --import /var/lib/dkms/mok.pub, and restart"
}

act() { # what for, then the command
    echo "$1: ${*:2}"
    [ -n "$dry_run" ] || "${@:2}"
}

stop() {
    echo "$1" >&2
    exit 1
}

main "$@"
