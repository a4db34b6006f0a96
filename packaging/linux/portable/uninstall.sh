#!/bin/sh
# Takes away what install.sh put into this person's home. Conversations, settings and models stay.
set -eu

home=$(cd "$HOME" && pwd -P)
place=$home/.local/lib/chatdesk
link=$home/.local/bin/chatdesk
share=${XDG_DATA_HOME:-$home/.local/share}

if ! [ -f "$place/share/about.sh" ]; then
    echo "No Chatdesk is installed at $place: nothing was changed." >&2
    exit 1
fi
. "$place/share/about.sh"
for program in /proc/[0-9]*/exe; do
    if [ "$(readlink "$program" 2>/dev/null)" = "$place/chatdesk" ]; then
        echo "$title is running. Quit it, then try again." >&2
        exit 1
    fi
done

if [ "$(readlink "$link")" = "$place/chatdesk" ]; then
    rm "$link"
fi
(cd "$place/share" && find icons mime applications -type f) | while read -r file; do
    rm -f "$share/$file"
done
# Read to its end before it is removed with the rest.
refresh=$(cat "$place/share/refresh.sh")
rm -rf "$place"
sh -c "$refresh" refresh "$share"

echo "$title is removed. Conversations, settings and models stay in $share/Chatdesk;"
echo "delete that folder to remove them."
