"""`python -m chatdesk` is the same as `chatdesk`."""

from __future__ import annotations

import sys

from chatdesk.cli import main

if __name__ == "__main__":
    sys.exit(main())
