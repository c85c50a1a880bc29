#!/bin/bash
# usage: venv.sh DIR [PYTHON]   Make the project's Python environment from the hash-locked requirements, all or nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$1 python=${2:-python3}
[ -e "$dir/.complete" ] && exit 0
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  # Debian keeps venv in a package of its own.
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "Python's venv is missing: install python3-venv" >&2; exit 1; }
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv python3-pip
fi
echo "making the Python environment (once)" >&2
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
[ -e "$dir/.complete" ] && exit 0
rm -rf "$dir"
"$python" -m venv "$dir"
"$dir/bin/python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements/dev.txt
touch "$dir/.complete"
