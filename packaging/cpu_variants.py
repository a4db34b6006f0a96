"""Which of llama.cpp's variants run on this processor, and how fast? One row for each.

    python3 packaging/cpu_variants.py build/installer/frozen/chatdesk

The frozen application carries a library for each generation of processors and takes the best that
runs. To try one, the application is copied (as links) with that variant alone and asked a question.
A variant's own ggml_backend_score() tells whether this processor has what it needs.
Standard library only.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOKENS = 48
_PATTERN = "*ggml-cpu-*"


@dataclass(frozen=True)
class Tried:
    """What came of one variant. reply: the words it wrote, "" where it did not run."""

    name: str
    reply: str = ""
    tokens_per_second: float = 0.0
    error: str = ""


def variants(frozen: Path) -> dict[str, Path]:
    """The variants' libraries in a frozen application, by name ("haswell"), sorted."""
    libraries = frozen / "_internal" / "llama_cpp" / "lib"
    return {path.stem.rpartition("ggml-cpu-")[2]: path for path in sorted(libraries.glob(_PATTERN))}


def score(library: Path) -> int:
    """What a variant says of this processor: 0 where it does not run, else more is better."""
    # In the application these two are loaded already when a variant is.
    for needed in (library.parents[2] / "libgomp.so.1", library.with_name("libggml-base.so.0")):
        if needed.exists():
            ctypes.CDLL(str(needed))
    tell = ctypes.CDLL(str(library)).ggml_backend_score
    tell.argtypes, tell.restype = [], ctypes.c_int
    return int(tell())


@contextmanager
def alone(frozen: Path, name: str, folder: Path) -> Iterator[Path]:
    """The frozen application with one variant, in a copy below folder; gives the program."""
    with tempfile.TemporaryDirectory(prefix=f"only-{name}-", dir=folder) as place:
        copy = Path(place) / frozen.name
        kept = variants(frozen)[name].name
        for source in sorted(frozen.rglob("*")):
            target = copy / source.relative_to(frozen)
            if source.is_symlink():
                target.symlink_to(source.readlink())
            elif source.is_dir():
                target.mkdir(parents=True)
            elif source.name == kept or not source.match(_PATTERN):
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(source, target)
        yield copy / "chatdesk"


def ask(program: Path, home: Path, name: str) -> Tried:
    """Let an application write a few words, always the same ones on the same processor."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "CHATDESK_"))}
    environment |= {"HOME": str(home), "CHATDESK_DATA_DIR": str(home / "data")}
    question = "Name the planets of the solar system."
    options = ("--json", "--temperature", "0", "--max-tokens", str(TOKENS))
    ended = subprocess.run(
        [str(program), "ask", question, *options],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        return Tried(name, error=ended.stderr.strip() or f"exit code {ended.returncode}")
    reply = json.loads(ended.stdout)
    return Tried(name, reply["content"], reply["usage"]["tokens_per_second"] or 0.0)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: cpu_variants.py FOLDER", file=sys.stderr)
        return 2
    frozen = Path(sys.argv[1]).absolute()
    failed = False
    # Beside it: links cannot lead to another disk.
    with tempfile.TemporaryDirectory(prefix=".variants-", dir=frozen.parent) as folder:
        for name, library in variants(frozen).items():
            points = score(library)
            if not points:
                print(f"{name:<16} does not run on this processor")
                continue
            with alone(frozen, name, Path(folder)) as program:
                tried = ask(program, Path(folder), name)
            failed |= not tried.reply
            told = f"{tried.tokens_per_second:7.1f} tokens a second" if tried.reply else tried.error
            print(f"{name:<16} score {points:>5}  {told}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
