#!/bin/sh
echo "Chatdesk needs Python 3.11, 3.12 or 3.13, and none of them is on the path." >&2
echo "On Debian or Ubuntu: sudo apt-get install -y python3 python3-venv" >&2
echo "Or name one: make setup PYTHON=/path/to/python3.11" >&2
exit 1
