"""Makes clean roots with debootstrap: from the server that this computer's apt is set up with.

A root that was made once is kept as a tar file in build/clean-roots, so that the next is quick.
The server's address is read from apt when it is needed, and written nowhere but into the root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from clean_root import PERSON, PERSON_ID, RUNTIME, CleanRoot

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "clean-roots"
_PROGRAMS = ("debootstrap", "unshare", "chroot", "tar", "apt-get")


class RootError(Exception):
    """There is no clean root to be had. The text says why and what to do."""


def why_not() -> str:
    """Why no clean root can be made on this computer; "" where it can."""
    if os.name == "nt" or os.geteuid() != 0:
        return "A clean system is made with debootstrap and chroot, which needs root."
    missing = [name for name in _PROGRAMS if not shutil.which(name)]
    if missing:
        return f"For clean systems these programs are missing: {', '.join(missing)}."
    return ""


def make_root(suite: str, name: str) -> CleanRoot:
    """A fresh root of a Debian release ("bookworm"). Raises RootError.

    name: told apart from the roots of other tests; one of the same name is replaced.
    """
    tar = KEPT / f"{suite}.tar"
    folder = KEPT / f"{suite}-{name}"
    remove_root(folder)
    packages = KEPT / f"{suite}-packages"
    (packages / "partial").mkdir(parents=True, exist_ok=True)
    root = CleanRoot(folder, packages)
    if tar.exists():
        folder.mkdir()
        _run(["tar", "-C", str(folder), "--numeric-owner", "-xpf", str(tar)], "unpack a kept root")
        return root
    _run(["debootstrap", "--variant=minbase", suite, str(folder), _address()], f"get {suite}")
    root.run("useradd", "--create-home", f"--uid={PERSON_ID}", PERSON, person=False)
    root.run("install", "-d", "-m", "0700", "-o", PERSON, "-g", PERSON, RUNTIME, person=False)
    root.apt("update")
    unfinished = tar.with_suffix(".unfinished")
    _run(["tar", "-C", str(folder), "--numeric-owner", "-cpf", str(unfinished), "."], "keep a root")
    unfinished.rename(tar)
    return root


def remove_root(folder: Path) -> None:
    """Delete a root's folder. Nothing of it is mounted here: each command had its own mounts."""
    if os.path.ismount(folder / "proc"):
        raise RootError(f"Something is mounted in {folder}: look at it before it is deleted.")
    shutil.rmtree(folder, ignore_errors=True)


def _address() -> str:
    """Where apt gets Debian from. Raises RootError where it gets it from nowhere."""
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    for line in told.splitlines():
        label, _, address = line.partition(" ")
        if label == "Debian" and address:
            return address
    raise RootError("apt has no list of Debian here: run apt-get update on a Debian.")


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise RootError(f"{tail}\n\nThis failed: {what} ({command[0]}).")
