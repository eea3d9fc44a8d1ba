#!/usr/bin/env bash
# Makes the virtual environment given as argument with the first Python that fits: 3.11 to 3.13, with venv and pip.
set -euo pipefail

environment=${1:?usage: make-venv.sh FOLDER}
fits='import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

first_fitting_python() {
    local python
    for python in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        # Run it: a version manager's shim is on the PATH even for versions that it does not have.
        if "$python" -c "$fits" 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

if ! python=$(first_fitting_python); then
    "$(dirname "$0")/debian-packages.sh" python3-venv || true # Debian keeps venv and pip in a package of their own
    if ! python=$(first_fitting_python); then
        echo "No Python from 3.11 to 3.13 with the venv module was found." >&2
        echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python" >&2
        exit 1
    fi
fi

echo "Making $environment with $("$python" --version) ..."
rm -rf "$environment" # a half-made one, or one whose Python is gone
if ! "$python" -m venv "$environment"; then
    rm -rf "$environment"
    exit 1
fi
