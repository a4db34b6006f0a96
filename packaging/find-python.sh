#!/bin/sh
# Prints the Python to set up with: the one .venv was made with, else the first that Chatdesk runs
# with. Where there is none it prints a command that says so and fails, because make cannot stop
# politely from inside $(shell).
made_with=$(sed -n 's/^executable = //p' .venv/pyvenv.cfg 2>/dev/null)
for name in "$made_with" python3.11 python3.12 python3.13 python3 python; do
    path=$(command -v "$name" 2>/dev/null) || continue
    if "$path" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
    then
        echo "$path"
        exit 0
    fi
done
echo "sh packaging/no-python.sh"
