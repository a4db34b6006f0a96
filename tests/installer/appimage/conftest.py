"""Small AppImages with a stand-in for the application, and a person's home to start them in."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from installers import appimage, appimage_runtime
from installers.project import Project

HERE = Path(__file__).resolve().parent
PROJECT = Project(
    name="standin", version="1.0", summary="", description="", licence="MIT", author="", email="",
    homepage="https://standin.example", releases="", issues="",
)  # fmt: skip

# Compiled like this, the same sources tell of every wrong step in memory and arithmetic.
CHECKED = (
    *("-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"),
)


@dataclasses.dataclass
class Person:
    """Somebody with a home and an environment of nothing else."""

    home: Path
    environment: dict[str, str]

    @property
    def cache(self) -> Path:
        return self.home / ".cache" / "standin-appimage"

    def unpacked(self) -> list[str]:
        """The names of everything in the private folder."""
        return sorted(path.name for path in self.cache.iterdir()) if self.cache.exists() else []

    def start(self, file: Path | str, *arguments: str, **options: Any) -> Any:
        """Start a file and wait for it; an option ``environment`` adds to the person's."""
        environment = self.environment | options.pop("environment", {})
        command = [*options.pop("by", ()), str(file), *arguments]
        options = {"cwd": self.home, "capture_output": True, "text": True} | options
        return subprocess.run(
            command, env=environment, check=False, timeout=60, stdin=subprocess.DEVNULL, **options
        )

    def open(self, file: Path, *arguments: str) -> subprocess.Popen[str]:
        """Start a file that waits for its input to end."""
        return subprocess.Popen(
            [str(file), *arguments], env=self.environment, cwd=self.home, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


@pytest.fixture
def person(tmp_path: Path) -> Person:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return Person(home, {"HOME": str(home), "PATH": os.environ["PATH"]})


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


@pytest.fixture(scope="session")
def runtime(workshop: Path) -> Path:
    """The runtime as it is shipped."""
    return appimage_runtime.compile_runtime(workshop / "runtime")


@pytest.fixture(scope="session")
def checked_runtime(workshop: Path) -> Path:
    """The runtime with the sanitizers in it."""
    return appimage_runtime.compile_runtime(workshop / "checked", CHECKED)


@pytest.fixture(scope="session")
def fuzzer(workshop: Path) -> Path:
    """fuzz_reader.c with the runtime's own reader, under the sanitizers."""
    program = workshop / "fuzz"
    sources = [str(appimage_runtime.SOURCES / f"{name}.c")
               for name in ("squash", "tree", "trouble", "image", "sha256")]  # fmt: skip
    subprocess.run(
        ["gcc", *CHECKED, f"-I{appimage_runtime.SOURCES}", str(HERE / "fuzz_reader.c"), *sources,
         "-lzstd", "-o", str(program)],
        check=True,
    )  # fmt: skip
    return program


@pytest.fixture(scope="session")
def application(workshop: Path) -> Path:
    """An AppDir: the stand-in, files of every size that is treated differently, and links."""
    tree = workshop / "AppDir"
    (tree / "usr/lib").mkdir(parents=True)
    subprocess.run(
        ["gcc", "-O1", "-static", "-s", str(HERE / "apprun.c"), "-o", str(tree / "usr/lib/app")],
        check=True,
    )
    (tree / "AppRun").symlink_to("usr/lib/app")
    (tree / "usr/share").symlink_to("lib")
    (tree / "usr/lib/up").symlink_to("../lib/small")
    for name, data in contents().items():
        (tree / "usr/lib" / name).write_bytes(data)
    (tree / "usr/lib/empty folder").mkdir()
    (tree / "usr/lib/Grüße 漢字").mkdir()
    (tree / "usr/lib/Grüße 漢字/a file").write_text("x")
    return tree


def contents() -> dict[str, bytes]:
    """Files at the edges of a block, and one that does not compress."""
    block = 1 << 20
    noise = b"".join(
        (index * 2654435761 % 2**32).to_bytes(4, "little") for index in range(block // 2)
    )
    return {
        "empty": b"",
        "small": b"small\n",
        "a block": b"b" * block,
        "a block and more": b"c" * (block + 1),
        "holes": bytes(3 * block) + b"end",
        "noise": noise,
        "many": b"".join(bytes([index % 251]) for index in range(2 * block - 1)),
    }


@pytest.fixture(scope="session")
def build(workshop: Path) -> Callable[..., Path]:
    """Make an AppImage of a runtime and a folder, or of a container that is given as bytes."""
    made: dict[tuple[Path, str], bytes] = {}

    def make(
        runtime: Path, tree: Path | bytes, file: Path, version: str = "1.0", unpacked: int = 1 << 26
    ) -> Path:
        if isinstance(tree, bytes):
            payload = tree
        else:
            if (tree, version) not in made:
                squashfs = appimage.pack(tree, workshop / f"{len(made)}.squashfs", *QUICK)
                made[tree, version] = squashfs.read_bytes()
            payload = made[tree, version]
        project = dataclasses.replace(PROJECT, version=version)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(assembled(runtime, payload, unpacked, project))
        file.chmod(0o755)
        return file

    return make


# Of two levels mksquashfs takes the later one.
QUICK = ("-Xcompression-level", "3")


def assembled(runtime: Path, payload: bytes, unpacked: int, project: Project) -> bytes:
    """As assemble() makes it; a runtime with symbols for the sanitizers ends in them."""
    data = runtime.read_bytes()
    end = appimage_runtime.elf_end(data)
    return appimage_runtime.assemble(data[:end], payload, unpacked, project)


@pytest.fixture
def file(build: Callable[..., Path], runtime: Path, application: Path, tmp_path: Path) -> Path:
    """The stand-in's AppImage."""
    return build(runtime, application, tmp_path / "Stand in.AppImage")


@pytest.fixture
def own_mounts() -> list[str]:
    """What to put before a shell's command so that it may mount for itself alone."""
    way = ["unshare", "--map-root-user", "--mount", "sh", "-euc"]
    tried = subprocess.run([*way, "mount -t tmpfs none /mnt"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("mounts of one's own are not allowed here")
    return way
