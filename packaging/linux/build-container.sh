#!/bin/sh
# Puts what the build and its tests need into a fresh Debian 12, as root: the container that the
# installers for Linux are built in (debian:12). Its Python 3.11 is the one that is frozen.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends \
    ca-certificates git make g++ pkg-config \
    python3 python3-dev python3-venv libpython3.11 \
    binutils dpkg-dev rpm squashfs-tools libc6-dev libzstd-dev xz-utils \
    xvfb xauth
