#!/usr/bin/env bash
# Installs those of the given Debian packages that are missing: with apt-get, as root or by passwordless sudo.
# Where it may not, it says what to install and exits with 1; the caller decides whether to go on.
set -euo pipefail

if [ "$(uname -s)" != Linux ]; then
    exit 0 # macOS draws with its own OpenGL
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian-like system: make sure that it has what these Debian packages hold: $*" >&2
    exit 0
fi

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for package in "$@"; do
    is_installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "Missing Debian packages. Please run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo -n)
fi
apt() {
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@"
}

echo "Installing the Debian packages ${missing[*]} ..."
apt update || echo "apt-get update failed; trying with the package lists at hand." >&2
offered=()
for package in "${missing[@]}"; do
    # A release may lack one: newer ones have no OSMesa, for instance, which is only the fallback for EGL.
    if apt-cache show --quiet=2 "$package" >/dev/null 2>&1; then
        offered+=("$package")
    else
        echo "This release offers no package $package; going on without it." >&2
    fi
done
if [ ${#offered[@]} -eq 0 ]; then
    exit 0
fi
if ! apt install -y --no-install-recommends "${offered[@]}" >/dev/null; then
    echo "apt-get could not install these packages. Please install them by hand: ${offered[*]}" >&2
    exit 1
fi
