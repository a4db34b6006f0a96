# shellcheck shell=sh
# Tells the desktop that entries, file types and icons in a person's share folder ($1) changed.
# A tool that is not there is no loss: then nothing keeps a list that would be out of date.
if command -v update-desktop-database > /dev/null; then
    update-desktop-database -q "$1/applications" || true
fi
if command -v update-mime-database > /dev/null && [ -d "$1/mime" ]; then
    update-mime-database "$1/mime" > /dev/null 2>&1 || true
fi
# Icons are found without their cache; one that is there must be younger than its folder.
if [ -f "$1/icons/hicolor/icon-theme.cache" ]; then
    gtk-update-icon-cache -q -t "$1/icons/hicolor" 2> /dev/null || true
fi
