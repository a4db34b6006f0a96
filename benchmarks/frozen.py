"""How long the packaged application takes to its window, cold and warm, and what its parts weigh.

Compared with the same sources run by Python, and with a bare PySide6 window that is packaged in the
same way. All are started on a display of their own (Xvfb without a window manager), and the clock
stops when the X server tells that a window is on the screen: the field for a message has the focus
before that, so what is typed from then on arrives in it.

Cold: before each start the kernel is asked to drop its copies of the files (posix_fadvise), which
anyone may do for files that nobody else has open. What other programs have mapped, such as libc,
stays, so a start after the computer's own start takes longer still.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.startup import BARE, WINDOW

RUNS = 7
PATIENCE_S = 60.0
ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "installer"
FROZEN = BUILT / "frozen" / "chatdesk"
BARE_FROZEN = ROOT / "build" / "bare" / "bare"

# What belongs together in the folder, by the beginning of the path below _internal.
PARTS = {
    "the model": ("resources/models",),
    "llama.cpp": ("llama_cpp", "libggml", "libllama", "libgomp"),
    "Qt and PySide6": ("PySide6", "shiboken6", "libQt6", "libpyside6", "libshiboken6", "libicu"),
    "numpy": ("numpy", "libscipy", "libgfortran", "libquadmath"),
}


@dataclass(frozen=True)
class Program:
    """Something that opens a window. files: what its start reads, for the cold starts."""

    command: Sequence[str]
    files: Sequence[Path]


@contextmanager
def display() -> Iterator[str]:
    """A display that nobody else uses; its name."""
    read_end, write_end = os.pipe()
    screen = ["-screen", "0", "1280x860x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), *screen],
        pass_fds=(write_end,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            yield f":{pipe.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


def until_window(program: Program, screen: str, home: Path) -> float:
    """Seconds from the start of a program to its window on the screen."""
    environment = os.environ | {
        "DISPLAY": screen,
        "QT_QPA_PLATFORM": "xcb",
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "CHATDESK_DATA_DIR": str(home / "data"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    quiet: Any = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    watcher = subprocess.Popen(
        ["xev", "-root", "-event", "substructure"], stdout=subprocess.PIPE, **quiet
    )
    assert watcher.stdout is not None
    time.sleep(0.2)  # it watches now
    began = time.perf_counter()
    process = subprocess.Popen(program.command, stdout=subprocess.DEVNULL, **quiet)
    try:
        for line in watcher.stdout:
            if line.startswith(b"MapNotify"):
                return time.perf_counter() - began
        raise RuntimeError(f"{program.command[0]} opened no window")
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        watcher.kill()
        watcher.wait()
        watcher.stdout.close()


def forget(folders: Sequence[Path]) -> None:
    """Ask the kernel to drop its copies of all files in these folders."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(descriptor)


def bare_frozen() -> Path:
    """The bare window, packaged; made where it is not there yet (a minute)."""
    program = BARE_FROZEN / "bare"
    if not program.exists():
        BARE_FROZEN.parent.mkdir(parents=True, exist_ok=True)
        script = BARE_FROZEN.parent / "bare.py"
        script.write_text(BARE, encoding="utf-8")
        python = BUILT / "venv" / "bin" / "python"
        places = [
            *("--distpath", str(BARE_FROZEN.parent), "--workpath", str(script.parent / "work")),
            *("--specpath", str(script.parent)),
        ]
        subprocess.run(
            [str(python), "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", *places,
             str(script)],
            check=True,
        )  # fmt: skip
    return program


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of each part of a frozen application; what belongs to no part is "the rest"."""
    found = dict.fromkeys((*PARTS, "the rest"), 0)
    for path in folder.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        name = path.relative_to(folder).as_posix().removeprefix("_internal/")
        part = next((part for part, starts in PARTS.items() if name.startswith(starts)), "the rest")
        found[part] += path.stat().st_size
    return found


def rows() -> list[dict[str, Any]]:
    """Cold and warm starts, and sizes; nothing where there is no packaged application to start."""
    if not (FROZEN / "chatdesk").exists():
        print("not measured: make it with packaging/build.py --frozen", file=sys.stderr)
        return []
    found = _starts() if shutil.which("Xvfb") and shutil.which("xev") else []
    for part, size in sizes(FROZEN).items():
        found.append(_row(f"size of {part}", size / 1e6, "MB"))
    found.append(_row("size of the whole", sum(sizes(FROZEN).values()) / 1e6, "MB"))
    return found


def _starts() -> list[dict[str, Any]]:
    libraries = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platlib")]
    source = [sys.executable, "-c", WINDOW]
    with tempfile.TemporaryDirectory() as home, display() as screen:
        data = str(Path(home) / "source-data")
        programs = {
            "frozen": Program([str(FROZEN / "chatdesk")], [FROZEN]),
            "source": Program([*source, data], [ROOT / "chatdesk", *libraries]),
            "bare": Program([str(bare_frozen())], [BARE_FROZEN]),
        }
        found: list[dict[str, Any]] = []
        for kind in ("cold", "warm"):
            for program in programs.values():  # data directories are made, modules compiled
                until_window(program, screen, Path(home))
            took: dict[str, list[float]] = {name: [] for name in programs}
            for _ in range(RUNS):
                for name, program in programs.items():
                    if kind == "cold":
                        forget(program.files)
                    took[name].append(until_window(program, screen, Path(home)))
            middle = {name: statistics.median(times) for name, times in took.items()}
            for other, words, budget in (
                ("source", "run from source", 1.1),
                ("bare", "bare packaged window", 1.5),
            ):
                ratio = middle["frozen"] / middle[other]
                row = _row(f"{kind} start of the package : {words}", middle["frozen"], "s")
                found.append(
                    row
                    | {
                        "baseline": middle[other],
                        "ratio": ratio,
                        "budget": budget,
                        "within": ratio <= budget,
                        "min": min(took["frozen"]),
                        "max": max(took["frozen"]),
                    }
                )
    return found


def _row(name: str, value: float, unit: str) -> dict[str, Any]:
    return {
        **{"suite": "frozen", "name": name, "value": value, "unit": unit},
        **dict.fromkeys(("baseline", "ratio", "budget", "within")),
    }
