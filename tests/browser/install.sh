#!/bin/sh
# Installs Debian's Chromium (without a window) for the tests in a browser, where there is none, and starts nothing.
set -eu

for name in chromium-headless-shell chromium; do
    if command -v "$name" >/dev/null; then
        exit 0
    fi
done
if [ "$(id -u)" -ne 0 ]; then
    echo "Chromium is missing; as root: apt-get install chromium-headless-shell" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# Older Debians have no package of the shell alone. The fonts are those that the pictures are made with.
apt-get install -y -q --no-install-recommends chromium-headless-shell fonts-inter fonts-dejavu-core ||
    apt-get install -y -q --no-install-recommends chromium fonts-inter fonts-dejavu-core
