"""The virtual environment that is frozen: what Chatdesk needs to run, PyInstaller, and no more.

The development's .venv holds type checkers, test servers and an llama.cpp for this very processor;
what is shipped comes from requirements-installer.lock and, for any processor, from wheels that are
built here once and kept (see wheels). Made anew whenever one of these changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

from pip_settings import read_pip_settings, uv_environment

from installers.project import PACKAGING, ROOT, BuildError

LOCK = PACKAGING / "requirements-installer.lock"
MODEL_LOCK = PACKAGING / "requirements-model.lock"


def venv_python(venv: Path) -> Path:
    """The Python of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_environment(venv: Path, wheels: Sequence[Path]) -> Path:
    """Bring venv to the lock with these wheels over it; returns its Python.

    wheels take the place of the lock's packages of the same name. Chatdesk itself is installed as
    any package, so that the installer holds what the repository holds. Raises BuildError.
    """
    stamp = venv / "installer.json"
    key = _key(wheels)
    python = venv_python(venv)
    if not _is_done(stamp, key):
        shutil.rmtree(venv, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(venv)], "make the build's virtual environment")
        run(
            [str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r",
             str(PACKAGING / "requirements-uv.lock")],
            "install uv",
        )  # fmt: skip
        environment = _uv_environment(python)
        # Without those that wheels replace: pip would compile llama.cpp for nothing.
        lock = venv / LOCK.name
        names = {wheel_name(wheel) for wheel in wheels}
        lock.write_text(without(LOCK.read_text(encoding="utf-8"), names), encoding="utf-8")
        run(
            [*_uv(venv), "sync", "--python", str(python), "--require-hashes", str(lock),
             str(MODEL_LOCK)],
            "install what the lock names", environment,
        )  # fmt: skip
        if wheels:
            run(
                [*_uv(venv), "install", "--python", str(python), "--no-deps", "--reinstall",
                 *map(str, wheels)],
                "install the portable wheels", environment,
            )  # fmt: skip
        stamp.write_text(json.dumps({"key": key}) + "\n", encoding="utf-8")
    # Chatdesk every time: a build of what was there yesterday would be a bad surprise. Packed from
    # a clean copy's files, not from what setuptools left in build/ by an earlier version.
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)
    run(
        [*_uv(venv), "install", "--python", str(python), "--no-deps", "--no-build-isolation",
         "--reinstall-package", "chatdesk", str(ROOT)],
        "install Chatdesk", _uv_environment(python) | {"UV_OFFLINE": "1"},
    )  # fmt: skip
    return python


def run(
    command: Sequence[str], what: str, environment: dict[str, str] | None = None, **options: object
) -> str:
    """Run a step of the build and return its output. Raises BuildError with its last lines."""
    done = subprocess.run(
        list(command),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        **options,  # type: ignore[call-overload]
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-30:])
        raise BuildError(f"{tail}\n\nThis failed: {what} ({Path(command[0]).name}).")
    return str(done.stdout)


def wheel_name(wheel: Path) -> str:
    """The package's name that a wheel file carries."""
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
    if not names:
        raise BuildError(f"{wheel.name} is no wheel.")
    return names[0].partition("-")[0].replace("_", "-").lower()


def without(lock: str, names: Collection[str]) -> str:
    """A lock file's text without these packages: their lines and the hashes below them."""
    kept, dropping = [], False
    for line in lock.splitlines(keepends=True):
        if line[:1] not in (" ", "#", "\n"):
            dropping = line.partition("==")[0].strip().lower() in names
        if not dropping:
            kept.append(line)
    return "".join(kept)


def _uv(venv: Path) -> list[str]:
    program = venv / ("Scripts/uv.exe" if os.name == "nt" else "bin/uv")
    # sync would take uv itself away: a copy outside does the work.
    copy = venv.with_name(f"{venv.name}-uv{program.suffix}")
    if program.exists() and (not copy.exists() or not _same(program, copy)):
        shutil.copy2(program, copy)
    return [str(copy), "pip"]


def _same(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size


def _uv_environment(python: Path) -> dict[str, str]:
    listing = run([str(python), "-m", "pip", "config", "list"], "read pip's settings")
    return uv_environment(read_pip_settings(listing), os.environ)


def _key(wheels: Sequence[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in (LOCK, MODEL_LOCK, *sorted(wheels)):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_done(stamp: Path, key: str) -> bool:
    try:
        return bool(json.loads(stamp.read_text(encoding="utf-8")).get("key") == key)
    except (OSError, ValueError, AttributeError):
        return False
