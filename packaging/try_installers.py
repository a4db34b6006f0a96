"""Does what was built work once it is installed? Tries each file in dist on the system it is for.

    python packaging/try_installers.py           all of them that this system can install
    python packaging/try_installers.py FILE...   these

Installs as a person would, runs smoke.py with the installed program, and removes it again: meant
for a computer that is thrown away after it, such as a continuous integration's. It installs for
real: not for your own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
PROGRAM = "chatdesk"
REMOVAL_S = 120.0  # how long an uninstaller may take


class TrialError(Exception):
    """An installer does not do what it should."""


def run(command: Sequence[str]) -> None:
    """Run a step; raises TrialError where it fails."""
    print("$", " ".join(command), flush=True)
    if subprocess.run(list(command), stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise TrialError(f"this failed: {' '.join(command)}")


@contextmanager
def unpacked(file: Path) -> Iterator[Path]:
    """The program in an archive, unpacked for the time."""
    with tempfile.TemporaryDirectory(prefix="chatdesk-try-") as folder:
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                archive.extractall(folder)
        else:
            with tarfile.open(file) as archive:
                archive.extractall(folder, filter="data")
        names = (PROGRAM, f"{PROGRAM}.exe")
        # The one at the top: the folders below have modules of the same name.
        found = [
            path for path in Path(folder).rglob(f"{PROGRAM}*")
            if path.name in names and path.is_file() and (path.parent / "_internal").is_dir()
        ]  # fmt: skip
        if len(found) != 1:
            raise TrialError(f"{file.name} has {len(found)} programs named {PROGRAM}")
        yield found[0]


@contextmanager
def windows_setup(file: Path) -> Iterator[Path]:
    """The program that the Windows installer installed; removed and looked for afterwards."""
    run([str(file), "/S"])
    folder = Path(os.environ["LOCALAPPDATA"]) / "Programs" / PROGRAM.capitalize()
    yield folder / f"{PROGRAM}.exe"
    run([str(folder / f"uninstall-{PROGRAM}.exe"), "/S"])
    end = time.monotonic() + REMOVAL_S  # it runs on as a copy of itself
    while folder.exists():
        if time.monotonic() > end:
            raise TrialError(f"the uninstaller left {sorted(folder.iterdir())}")
        time.sleep(0.5)


@contextmanager
def disk_image(file: Path) -> Iterator[Path]:
    """The program in the bundle of a mounted disk image."""
    with tempfile.TemporaryDirectory(prefix="chatdesk-try-") as folder:
        run(["hdiutil", "attach", "-nobrowse", "-readonly", "-mountpoint", folder, str(file)])
        try:
            (bundle,) = Path(folder).glob("*.app")
            yield bundle / "Contents" / "MacOS" / PROGRAM
        finally:
            run(["hdiutil", "detach", folder])


@contextmanager
def deb(file: Path) -> Iterator[Path]:
    """The command that the Debian package installed; needs the rights to install."""
    run(["apt-get", "install", "-y", "--no-install-recommends", str(file.absolute())])
    yield Path("/usr/bin") / PROGRAM
    run(["apt-get", "remove", "-y", PROGRAM])


# By the end of the file's name, the system, and how it gets there. RPM and AppImage have their
# trials in tests/installer, in clean systems.
WAYS = (
    (".tar.xz", "linux", unpacked),
    (".deb", "linux", deb),
    (".exe", "win32", windows_setup),
    (".zip", "win32", unpacked),
    (".dmg", "darwin", disk_image),
)


def main() -> int:
    files = [Path(name) for name in sys.argv[1:]] or sorted(DIST.iterdir())
    tried = 0
    for file in files:
        for end, where, installed in WAYS:
            if not file.name.endswith(end) or sys.platform != where:
                continue
            print(f"== {file.name}", flush=True)
            try:
                with installed(file) as program:
                    run([sys.executable, str(ROOT / "packaging" / "smoke.py"), str(program)])
            except TrialError as error:
                print(f"{file.name}: {error}", file=sys.stderr)
                return 1
            tried += 1
    if tried == 0:
        print("There is nothing here that this system can install.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
