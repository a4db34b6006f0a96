"""Makes clean roots with debootstrap: from the server that this computer's apt is set up with.

A root that was made once is kept as a tar file in build/clean-roots, so that the next is quick.
The server's address is read from apt when it is needed, and written nowhere but into the root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from clean_root import PERSON, PERSON_ID, RUNTIME, CleanRoot
from installers.environment import run
from installers.project import BuildError

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "clean-roots"


@cache
def why_not() -> str:
    """Why this system may not have clean roots, whatever is installed on it; "" where it may."""
    if not sys.platform.startswith("linux"):
        return "Clean systems are Linux in a folder, and this system is another."
    if os.geteuid() != 0:
        return "A clean system is made with debootstrap and chroot, which needs root."
    mount = ["unshare", "--mount", "--net", "mount", "-t", "tmpfs", "none", "/mnt"]
    if subprocess.run(mount, stdin=subprocess.DEVNULL, capture_output=True).returncode != 0:
        return "A clean system needs mounts and a network of its own, which are not allowed here."
    return ""


def is_offered(suite: str) -> bool:
    """Whether the server has this release of Debian, or a root of it was kept.

    False only where the server says that there is none: one that does not answer is no reason to
    leave a release out, and make_root tells of it.
    """
    if (KEPT / f"{suite}.tar").exists():
        return True
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            [
                *("/usr/lib/apt/apt-helper", "download-file"),
                *(f"{_address().rstrip('/')}/dists/{suite}/Release", f"{folder}/Release"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return told.returncode == 0 or " 404 " not in told.stdout


def make_root(suite: str, name: str) -> CleanRoot:
    """A fresh root of a Debian release ("bookworm"). Raises BuildError.

    name: told apart from the roots of other tests; one of the same name is replaced.
    """
    tar = KEPT / f"{suite}.tar"
    folder = KEPT / f"{suite}-{name}"
    if not shutil.which("debootstrap"):
        raise BuildError("debootstrap is missing: make installer-test installs it.")
    remove_root(folder)
    packages = KEPT / f"{suite}-packages"
    (packages / "partial").mkdir(parents=True, exist_ok=True)
    root = CleanRoot(folder, packages)
    if tar.exists():
        folder.mkdir()
        run(["tar", "-C", str(folder), "--numeric-owner", "-xpf", str(tar)], "unpack a kept root")
        root.apt("update")  # what the kept lists name may be gone from the server
        return root
    run(["debootstrap", "--variant=minbase", suite, str(folder), _address()], f"get {suite}")
    root.run("useradd", "--create-home", f"--uid={PERSON_ID}", PERSON, person=False)
    root.run("install", "-d", "-m", "0700", "-o", PERSON, "-g", PERSON, RUNTIME, person=False)
    root.apt("update")
    unfinished = tar.with_suffix(".unfinished")
    run(["tar", "-C", str(folder), "--numeric-owner", "-cpf", str(unfinished), "."], "keep a root")
    unfinished.rename(tar)
    return root


def remove_root(folder: Path) -> None:
    """Delete a root's folder. Nothing of it is mounted here: each command had its own mounts."""
    if os.path.ismount(folder / "proc"):
        raise BuildError(f"Something is mounted in {folder}: look at it before it is deleted.")
    shutil.rmtree(folder, ignore_errors=True)


def _address() -> str:
    """Where apt gets Debian from. Raises BuildError where it gets it from nowhere."""
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
    raise BuildError("apt has no list of Debian here: run apt-get update on a Debian.")
