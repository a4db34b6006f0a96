"""How long until a person can type, and how much memory the window takes.

Both programs are started as processes of their own, in turns, on the same platform plug-in; each
says when its window is shown and takes keys. The baseline is a bare PySide6 window with one text
field.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

RUNS = 5

BARE = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QPlainTextEdit
app = QApplication(sys.argv[:1])
edit = QPlainTextEdit()
edit.show()
edit.setFocus()
QTimer.singleShot(0, lambda: print("ready", flush=True))
app.exec()
"""

# What the `chatdesk` command does to open the window (cli/window.py), with a word when it is ready.
WINDOW = """
import gc
gc.disable()
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from chatdesk import app
from chatdesk.paths import DataDir
app.main(DataDir(Path(sys.argv[1])), on_ready=lambda: print("ready", flush=True))
"""


def _until_ready(code: str, *arguments: str) -> tuple[float, int]:
    """(seconds until the program said ready, bytes of memory two seconds later)."""
    environment = os.environ | {"QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
    # A person's second start finds compiled modules; so does this, whatever the shell is set to.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    took = time.perf_counter() - began
    assert line == b"ready\n", line
    time.sleep(2)
    memory = int(psutil.Process(process.pid).memory_info().rss)
    process.terminate()
    process.wait()
    process.stdout.close()
    return took, memory


def rows() -> list[dict[str, Any]]:
    """Cold start to a focused composer against a bare window, and memory with the model loaded."""
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder) / "data")
        _until_ready(BARE)
        _until_ready(WINDOW, data)
        bare, full = [], []
        for _ in range(RUNS):
            bare.append(_until_ready(BARE))
            full.append(_until_ready(WINDOW, data))
    bare_s = statistics.median(seconds for seconds, _ in bare)
    full_s = statistics.median(seconds for seconds, _ in full)
    memory = statistics.median(size for _, size in full) / 1e6
    return [
        {
            "suite": "startup",
            "name": "start to a typed-in composer : bare window",
            "value": full_s,
            "unit": "s",
            "baseline": bare_s,
            "ratio": full_s / bare_s,
            "budget": 1.5,
            "within": full_s / bare_s <= 1.5,
            "min": min(seconds for seconds, _ in full),
            "max": max(seconds for seconds, _ in full),
        },
        {
            "suite": "startup",
            "name": "memory of the window with the model loaded",
            "value": memory,
            "unit": "MB",
            "baseline": statistics.median(size for _, size in bare) / 1e6,
            "ratio": None,
            "budget": None,
            "within": None,
        },
    ]
