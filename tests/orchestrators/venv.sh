#!/bin/bash
# usage: venv.sh DIR TOOL PYTHON UV   Make the environment of one orchestrator from its hash-locked requirements, all or nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=$1 tool=$2 python=$3 uv=$4
[ -e "$dir/.complete" ] && exit 0
echo "making the environment of $tool (once)" >&2
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
[ -e "$dir/.complete" ] && exit 0
rm -rf "$dir"
"$python" -m venv --without-pip "$dir"
"$uv" pip install -q --python "$dir/bin/python" --require-hashes --only-binary :all: -r "examples/$tool/requirements.txt"
touch "$dir/.complete"
