#!/bin/sh
# Installs Chatdesk for this person alone: no administrator, no network, nothing outside the home.
#
#   ~/.local/lib/chatdesk     the application
#   ~/.local/bin/chatdesk     a link to it, for the terminal
#   ~/.local/share            the menu's entry, icons and the file type of models
#
# A newer version's install.sh takes the place of an older one. Conversations, settings and models
# are in ~/.local/share/Chatdesk and are not touched.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
# title, version, architecture, glibc, releases: what the build knows.
. "$here/share/about.sh"

home=$(cd "$HOME" && pwd -P)
place=$home/.local/lib/chatdesk
link=$home/.local/bin/chatdesk
share=${XDG_DATA_HOME:-$home/.local/share}

refuse() {
    printf '%s\n' "$@" >&2
    exit 1
}

is_running() {
    for program in /proc/[0-9]*/exe; do
        [ "$(readlink "$program" 2>/dev/null)" != "$1" ] || return 0
    done
    return 1
}

[ "$(id -u)" != 0 ] || refuse \
    "This installs $title for one person, and you are root." \
    "Run it as yourself, or take the .deb or .rpm to install it for everyone."
[ "$(uname -m)" = "$architecture" ] || refuse \
    "This $title is for $architecture processors, and this computer has $(uname -m)." \
    "Others are at $releases"
have=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)
if [ -z "$have" ] || [ "$(printf '%s\n' "$glibc" "$have" | sort -V | head -n 1)" != "$glibc" ]; then
    refuse "This $title needs the C library glibc $glibc or newer; this system has ${have:-another}." \
        "Ubuntu 22.04, Debian 12, Fedora 36 and newer ones have it."
fi
# The menu's entry holds the path, and not every desktop reads these there.
case $home$share in
*[\"\\\`\$%\&\|]*) refuse "The home folder's path has a character that menus cannot hold: $home" ;;
esac
[ "$here" != "$place" ] || refuse "$title $version is installed already, here."
if [ -e "$place" ] && ! [ -f "$place/uninstall.sh" ]; then
    refuse "There is something else at $place: nothing was changed." "Move it away, then try again."
fi
if [ -e "$link" ] || [ -L "$link" ]; then
    [ "$(readlink "$link")" = "$place/chatdesk" ] || refuse \
        "There is another program at $link: nothing was changed." \
        "Move it away, then try again."
fi
! is_running "$place/chatdesk" || refuse "$title is running. Quit it, then try again."

# Beside its place first: what fails half-way leaves the older version as it was.
mkdir -p "$home/.local/lib" "$home/.local/bin"
rm -rf "$place.new"
cp -RP "$here" "$place.new" || {
    rm -rf "$place.new"
    refuse "The application could not be copied: nothing was changed."
}
rm -rf "$place"
mv "$place.new" "$place"
ln -sfn "$place/chatdesk" "$link"

(cd "$place/share" && find icons mime -type f) | while read -r file; do
    mkdir -p "$share/$(dirname "$file")"
    cp "$place/share/$file" "$share/$file"
done
mkdir -p "$share/applications"
# The whole path: a desktop's own PATH may be without ~/.local/bin.
sed -e "s|^Exec=chatdesk|Exec=\"$link\"|" -e "s|^TryExec=chatdesk|TryExec=$link|" \
    "$place/share/applications/chatdesk.desktop" > "$share/applications/chatdesk.desktop"
sh "$place/share/refresh.sh" "$share"

echo "$title $version is installed: find it in the menu, or start it with"
case :$PATH: in
*:"$home/.local/bin":* | *:"$HOME/.local/bin":*) echo "    chatdesk" ;;
*) echo "    $link" ;;
esac
echo "This folder is no longer needed. To remove $title: $place/uninstall.sh"
missing=$(LD_LIBRARY_PATH=$place/_internal ldd \
    "$place/_internal/PySide6/Qt/plugins/platforms/libqxcb.so" 2>/dev/null |
    sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | sort -u | tr '\n' ' ')
if [ -n "$missing" ]; then
    echo "Its window needs libraries that this system does not have yet: $missing" >&2
fi
