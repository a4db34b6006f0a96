"""Makes .venv with everything Chatdesk needs, from Python, make and a compiler alone.

Standard library only, because it runs before anything is installed. What it promises: a second run
with nothing to do takes a fraction of a second; packages come only from the indexes that pip is set
up with, and only with the hashes of the lock files; system packages are installed only where this
may be done without a password, otherwise the one command to run is printed; every failure says what
to do and ends with exit code 1.

    python3 packaging/bootstrap.py               what the application needs
    python3 packaging/bootstrap.py --tests       also the programs that the window tests need
    python3 packaging/bootstrap.py --installers  also what building and trying installers needs
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pip_settings import read_pip_settings, uv_environment
from system_packages import SetupError, captured, say, system_packages

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENV = ROOT / ".venv"
STAMP = VENV / "setup.json"
LOG = VENV / "setup.log"
LOCKS = (
    ROOT / "packaging" / "requirements.lock",
    ROOT / "packaging" / "requirements-model.lock",
)
UV_LOCK = ROOT / "packaging" / "requirements-uv.lock"
# The checkers of the workflows bring packages that Chatdesk has in other versions: they have a
# place of their own.
WORKFLOWS_LOCK = ROOT / "tests" / "installer" / "requirements.lock"
WORKFLOWS_VENV = ROOT / "build" / "workflow-tools"
SCRIPTS = tuple(HERE / n for n in ("bootstrap.py", "pip_settings.py", "system_packages.py"))
OLDEST, NEWEST = (3, 11), (3, 13)
HEARTBEAT_S = 60.0


# -- the virtual environment ----------------------------------------------------------------------


def key() -> str:
    """What .venv depends on: the interpreter, this folder, the locks, the project, these files."""
    digest = hashlib.sha256()
    digest.update(f"{sys.version_info[:2]} {sys.implementation.name} {ROOT}".encode())
    for path in (*LOCKS, UV_LOCK, ROOT / "pyproject.toml", *SCRIPTS):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def installers_key() -> str:
    """What the part for the installers' tests depends on besides: the lock of their tools."""
    return hashlib.sha256(WORKFLOWS_LOCK.read_bytes()).hexdigest()


def is_done(tests: bool, installers: bool = False) -> bool:
    """Whether an earlier run left nothing to do."""
    stamp = _stamp()
    if stamp.get("key") != key() or not venv_program("chatdesk").exists():
        return False
    if installers and (
        stamp.get("installers") != installers_key()
        or not venv_program("python", WORKFLOWS_VENV).exists()
    ):
        return False
    return bool(stamp.get("tests")) or not tests


def _stamp() -> dict[str, object]:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def venv_program(name: str, venv: Path | None = None) -> Path:
    """A program in a virtual environment; by default in .venv."""
    folder, suffix = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
    return (venv or VENV) / folder / f"{name}{suffix}"


def venv_is_ours() -> bool:
    """Whether .venv runs and has this interpreter's version."""
    python = venv_program("python")
    if not python.exists():
        return False
    try:
        answer = subprocess.run(
            [str(python), "-c", "import sys, pip; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return False
    return answer.stdout.split() == [str(part) for part in sys.version_info[:2]]


def make_venv() -> None:
    if venv_is_ours():
        return
    if VENV.exists():
        say("The .venv folder does not fit this Python any more; making it anew.")
        shutil.rmtree(VENV)
    else:
        say("Making .venv")
    result = captured([sys.executable, "-m", "venv", str(VENV)])
    if result.returncode != 0:
        raise SetupError(
            f"{result.stdout.strip()}\n\nPython could not make .venv. "
            f"Is python{sys.version_info[0]}.{sys.version_info[1]}-venv installed?"
        )


def pip_settings() -> dict[str, str]:
    """pip's settings for installing, from its files and PIP_* variables."""
    listing = captured([str(venv_program("python")), "-m", "pip", "config", "list"])
    return read_pip_settings(listing.stdout)


def install() -> None:
    """Bring .venv to what the lock files say, with the project itself in it."""
    python = str(venv_program("python"))
    _logged(
        "Getting uv, the installer",
        [python, "-m", "pip", "install", "-q", "--require-hashes", "-r", str(UV_LOCK)],
        dict(os.environ),
    )
    uv = str(venv_program("uv"))
    environment = uv_environment(pip_settings(), os.environ)
    _logged(
        "Installing the packages (llama.cpp is compiled the first time: about 4 minutes on two "
        "cores)",
        [uv, "pip", "sync", "--python", python, "--require-hashes", *map(str, LOCKS)],
        environment,
    )
    _logged(
        "Installing Chatdesk itself, from this folder",
        [
            *(uv, "pip", "install", "--python", python),
            *("--no-deps", "--no-build-isolation", "--offline"),
            # A plain path: the finder that setuptools would write costs 20 ms of every start.
            *("--config-settings", "editable_mode=compat", "-e", str(ROOT)),
        ],
        environment,
    )


def install_workflow_tools() -> None:
    """What checks the workflows, in a virtual environment of its own."""
    uv = str(venv_program("uv"))
    environment = uv_environment(pip_settings(), os.environ)
    python = venv_program("python", WORKFLOWS_VENV)
    if not python.exists():
        command = [uv, "venv", "--clear", "--python", str(venv_program("python"))]
        _logged("Making build/workflow-tools", [*command, str(WORKFLOWS_VENV)], environment)
    _logged(
        "Installing what checks the workflows",
        [uv, "pip", "sync", "--python", str(python), "--require-hashes", str(WORKFLOWS_LOCK)],
        environment,
    )


def _logged(what: str, command: list[str], environment: Mapping[str, str]) -> None:
    """Run a step, its output in the log; a sign of life every minute; the end if it fails."""
    say(what)
    start = time.monotonic()
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        )
        try:
            while True:
                try:
                    code = process.wait(timeout=HEARTBEAT_S)
                    break
                except subprocess.TimeoutExpired:
                    say(f"  still at it ({minutes(time.monotonic() - start)})")
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if code != 0:
        tail = "\n".join(LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
        raise SetupError(
            f"{tail}\n\nThis step failed: {what}.\nThe last lines are above, all of it is in {LOG}."
            "\nIf the network was away, run this again; what was done is kept."
        )


def minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


# -- the whole ------------------------------------------------------------------------------------


@contextmanager
def alone() -> Iterator[None]:
    """One setup at a time: two would write into the same .venv."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (ROOT / "pyproject.toml").open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Another setup is running in this folder; waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def setup(tests: bool, installers: bool = False) -> None:
    """Bring everything there that is asked for; installers need what tests need, too."""
    tests = tests or installers
    if is_done(tests, installers):
        return
    with alone():
        if is_done(tests, installers):
            return
        start = time.monotonic()
        system_packages(tests, installers)
        if not is_done(tests=False):
            STAMP.unlink(missing_ok=True)
            make_venv()
            install()
        if installers:
            install_workflow_tools()
        stamp = {"key": key(), "tests": tests}
        if installers:
            stamp["installers"] = installers_key()
        STAMP.write_text(json.dumps(stamp) + "\n", encoding="utf-8")
        say(f"Ready after {minutes(time.monotonic() - start)} minutes.")


def main() -> int:
    parser = argparse.ArgumentParser(description="Set up Chatdesk in .venv.")
    parser.add_argument("--tests", action="store_true", help="also what the window tests need")
    parser.add_argument(
        "--installers", action="store_true", help="also what building and trying installers needs"
    )
    options = parser.parse_args()
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        print(
            f"Chatdesk needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]}; this is "
            f"{sys.version.split()[0]}. Choose another with: make setup PYTHON=python3.11",
            file=sys.stderr,
        )
        return 1
    try:
        setup(options.tests, options.installers)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; run it again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
