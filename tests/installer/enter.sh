#!/bin/sh
# enter.sh ROOT COMMAND...: mounts what a system has besides its files, then runs the command, which
# is a chroot into ROOT. clean_root.py starts it in a mount namespace of its own: however the command
# ends, nothing stays mounted.
set -e

root=$1
shift

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
# The display is outside, so that its programs bring no library into the root.
if [ -d /tmp/.X11-unix ]; then
    mkdir -p "$root/tmp/.X11-unix"
    mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
fi
# What apt downloaded for one root is there for the next.
if [ -n "$CLEAN_ROOT_PACKAGES" ]; then
    mount --bind "$CLEAN_ROOT_PACKAGES" "$root/var/cache/apt/archives"
    mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
fi
exec "$@"
