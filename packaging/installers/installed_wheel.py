"""A wheel made again from an installed package.

For the build with the development's llama.cpp: .venv has it compiled already, and compiling it once
more for the build's environment takes four minutes. uv keeps what it compiled, but loses it as soon
as anything asks the index for the package's metadata (a new lock, say) and the index does not say
that its answer is still the one from before.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path

from installers.project import BuildError

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip file can say
# What the installation wrote and no wheel has.
_OF_THE_INSTALLATION = (
    *("INSTALLER", "REQUESTED", "RECORD", "direct_url.json"),
    *("uv_build.json", "uv_cache.json"),
)


def wheel_from_installed(package: str, folder: Path, version: str, search: str = "") -> Path | None:
    """Write the wheel of a package into folder; None where this version is not installed.

    The same installation gives the same bytes. Only the import package and the record are taken:
    what the build system put elsewhere (headers, a second copy of the libraries) nothing loads.
    search: the folder of packages to look into; default: the running Python's.
    """
    found = importlib.metadata.distributions(name=package, **({"path": [search]} if search else {}))
    distribution = next(iter(found), None)
    if distribution is None or distribution.version != version:
        return None
    name = package.replace("-", "_")
    record = f"{name}-{version}.dist-info"
    files = _files(distribution, record)
    if not any(inside == f"{record}/WHEEL" for inside in files):
        raise BuildError(f"The record of the installed {package} is incomplete: run make setup.")
    tags = [
        line.partition(":")[2].strip()
        for line in files[f"{record}/WHEEL"].read_text(encoding="utf-8").splitlines()
        if line.startswith("Tag:")
    ]
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-{tags[0]}.whl"
    unfinished = wheel.with_suffix(f".{os.getpid()}")
    _write(unfinished, files, record)
    unfinished.replace(wheel)
    return wheel


def _files(distribution: importlib.metadata.Distribution, record: str) -> dict[str, Path]:
    """The wheel's files: its names for them, and where they are."""
    packages = (distribution.read_text("top_level.txt") or "").split()
    roots = {record, *packages, *_import_packages(distribution, record)}
    found = {}
    for file in distribution.files or ():
        inside = file.as_posix()
        root, _, below = inside.partition("/")
        if root not in roots or "__pycache__" in file.parts:
            continue
        if root == record and below in _OF_THE_INSTALLATION:
            continue
        found[inside] = Path(str(distribution.locate_file(file)))
    return dict(sorted(found.items()))


def _import_packages(distribution: importlib.metadata.Distribution, record: str) -> Iterable[str]:
    """The folders that hold Python modules, by the package's list of files."""
    for file in distribution.files or ():
        if file.name == "__init__.py" and len(file.parts) == 2 and file.parts[0] != record:
            yield file.parts[0]


def _write(wheel: Path, files: dict[str, Path], record: str) -> None:
    lines = []
    # Only packed to be unpacked again at once: nothing is compressed.
    with zipfile.ZipFile(wheel, "w") as archive:
        for inside, path in files.items():
            data = path.read_bytes()
            digest = urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{inside},sha256={digest},{len(data)}\n")
            archive.writestr(_entry(inside), data)
        lines.append(f"{record}/RECORD,,\n")
        archive.writestr(_entry(f"{record}/RECORD"), "".join(lines))


def _entry(inside: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(inside, _EARLIEST)
    entry.external_attr = 0o100644 << 16
    return entry
