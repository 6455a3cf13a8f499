#!/bin/sh
# What some checks need beyond Python, as root on Debian 12:
#   test     the hosts, PostgreSQL with its driver, and the proxy of docs/operations.md, which `make test` follows where they are;
#            what reads the units of systemd, and the kernel's numbers of calls
#   outside  Go, and the packages of Go's checksum database, for `make outside`
set -eu
case "${1:-}" in
  test) packages="iproute2 postgresql python3-psycopg nginx-light openssl curl systemd linux-libc-dev" ;;
  outside) packages="golang-go golang-golang-x-mod-dev" ;;
  *) echo "usage: sh deployments/debian-packages.sh test | outside" >&2; exit 2 ;;
esac
missing=""
for package in $packages; do
  dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
apt-get update --quiet=2
# shellcheck disable=SC2086  (a list of words)
DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends $missing
