"""A computer with nothing on it: a fresh Debian in a folder, without Python and without a network.

clean_root_maker.py makes it. Every command runs in a mount and a network namespace of its own:
nothing stays mounted, and there is no network at all, not even a loopback device. Only apt's
downloads have one.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENTER = Path(__file__).with_name("enter.sh")
PERSON, HOME = "ann", "/home/ann"
PERSON_ID = 1000
RUNTIME = f"/run/user/{PERSON_ID}"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_APT = (
    *("apt-get", "-q", "-y", "--no-install-recommends"),
    # An old release's lists are no error, and there is no other user who could download.
    *("-o", "Acquire::Check-Valid-Until=false", "-o", "APT::Sandbox::User=root"),
)


class CleanRoot:
    """A Debian in a folder, and a person (ann) with a home in it.

    packages: a folder outside that keeps what apt downloads.
    """

    def __init__(self, folder: Path, packages: Path) -> None:
        self.folder = folder
        self._packages = packages

    def path(self, inside: str) -> Path:
        """A file of the root, seen from outside. Links to absolute paths lead astray."""
        return self.folder / inside.lstrip("/")

    # -- commands --------------------------------------------------------------------------------

    def command(
        self,
        *command: str,
        person: bool = True,
        environment: Mapping[str, str] | None = None,
        network: bool = False,
    ) -> list[str]:
        """What runs a command in the root from outside, as ann or as root.

        Every program on the way replaces itself by the next, so that a signal reaches the command.
        """
        variables = {"PATH": _PATH, "LANG": "C.UTF-8", "TERM": "dumb"}
        if person:
            variables |= {"HOME": HOME, "USER": PERSON, "XDG_RUNTIME_DIR": RUNTIME}
        else:
            variables |= {"HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
        variables |= environment or {}
        who = f"{PERSON_ID}:{PERSON_ID}" if person else "0:0"
        return [
            *("env", f"CLEAN_ROOT_PACKAGES={'' if person else self._packages}"),
            *("unshare", "--mount", *([] if network else ["--net"])),
            *("sh", str(ENTER), str(self.folder)),
            *("chroot", f"--userspec={who}", "--groups=", str(self.folder)),
            *("env", "--ignore-environment", f"--chdir={variables['HOME']}"),
            *(f"{name}={value}" for name, value in variables.items()),
            *command,
        ]

    def attempt(
        self,
        *command: str,
        stdin: str = "",
        person: bool = True,
        environment: Mapping[str, str] | None = None,
        network: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """A command's end, whatever it was; standard error is in its stdout."""
        return subprocess.run(
            self.command(*command, person=person, environment=environment, network=network),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )

    def run(self, *command: str, **how: object) -> str:
        """What a command printed. AssertionError where it fails."""
        done = self.attempt(*command, **how)  # type: ignore[arg-type]
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def start(
        self, *command: str, output: Path, environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start a command of ann's and leave it running; what it prints goes to a file outside."""
        with output.open("ab") as file:
            return subprocess.Popen(
                self.command(*command, environment=environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    # -- packages --------------------------------------------------------------------------------

    def apt(self, *arguments: str, network: bool = True) -> str:
        """Run apt-get as root; what it printed."""
        return self.run(*_APT, *arguments, person=False, network=network)

    def install(self, *packages: str | Path) -> str:
        """Install packages by name or .deb files, with what they depend on and nothing more.

        All is downloaded first; the packages' own scripts run without a network.
        """
        names = []
        for package in packages:
            if isinstance(package, Path):
                shutil.copyfile(package, self.path("/tmp") / package.name)
                names.append(f"/tmp/{package.name}")
            else:
                names.append(package)
        self.apt("install", "--download-only", *names)
        told = self.apt("install", *names, network=False)
        for package in packages:
            if isinstance(package, Path):
                (self.path("/tmp") / package.name).unlink()
        return told

    def files_of(self, package: str) -> set[str]:
        """An installed package's files, by their paths with all links followed."""
        listed = self.run("dpkg-query", "--listfiles", package, person=False).splitlines()
        return {self.resolved(line) for line in listed if line.startswith("/")}

    def resolved(self, inside: str) -> str:
        """An absolute path with its links followed as the root itself sees them."""
        done: list[str] = []
        left = _parts(inside)
        while left:
            part = left.pop()
            if part == "..":
                del done[-1:]
                continue
            here = self.folder.joinpath(*done, part)
            if not here.is_symlink():
                done.append(part)
                continue
            target = str(here.readlink())
            if target.startswith("/"):
                done = []
            left += _parts(target)
        return "/" + "/".join(done)


def _parts(path: str) -> list[str]:
    """A path's parts, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]
