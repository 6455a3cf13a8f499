#!/bin/sh
# What `make outside` needs beyond Python, as root on Debian 12: Go, and the packages of Go's checksum database.
set -eu
apt-get install --yes --no-install-recommends golang-go golang-golang-x-mod-dev
