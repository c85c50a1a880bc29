#!/bin/sh
# Installs Debian's PostgreSQL server and client programs for the tests, where they are missing, and starts nothing.
set -eu

if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && command -v openssl >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "PostgreSQL's server is missing; as root: apt-get install postgresql" >&2
    exit 1
fi

# Without this, Debian's package makes a cluster and starts it.
mkdir -p /etc/postgresql-common
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends postgresql openssl
