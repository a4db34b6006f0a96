"""What the frozen programs run: the command line, which opens the window without a command."""

import sys

from chatdesk.cli import main

if __name__ == "__main__":
    sys.exit(main())
