"""The command line: the same conversations, models and settings without a window and without Qt.

A module for each group of commands, imported when it is asked for. What a command promises to
scripts (output, exit codes) is said in root.py and output.py.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: the process's own); returns the exit code.

    A bug's traceback is printed here: Python would print it with everything that is in it.
    """
    try:
        from chatdesk.cli.root import run

        return run(arguments)
    except KeyboardInterrupt:  # while modules were being imported, or a third time
        return 130
    except Exception:
        from chatdesk.diagnostics import describe_exception

        if sys.stderr is not None:
            print(describe_exception(*sys.exc_info()), file=sys.stderr)
        return 1
