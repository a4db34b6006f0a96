"""Wheels that run on any computer, built from source here once and then kept.

llama.cpp: the development's build is for the processor it was built on. The shipped one carries a
library per generation of processors, and llama.cpp picks one when it starts (GGML_BACKEND_DL with
GGML_CPU_ALL_VARIANTS). Plain x86-64 was 8 times slower than the right one where it was measured.
The three install folders are one, so that the variants lie beside the library and nothing is
installed twice.

numpy: llama_cpp imports it and Chatdesk calls none of its linear algebra; without OpenBLAS it is
25 MB smaller and may be stripped.

A build takes long (llama.cpp about 14 minutes on two cores), so what was built is kept in
build/wheels under a name made from all that it depends on.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from installers.environment import LOCK, run
from installers.installed_wheel import wheel_from_installed
from installers.project import BuildError, architecture, system

_ONE_FOLDER = tuple(
    f"-DCMAKE_INSTALL_{kind}=llama_cpp/lib{below}"
    for kind, below in (("BINDIR", ""), ("LIBDIR", ""), ("INCLUDEDIR", "/include"))
)
# Chatdesk shows no pictures to models: the part that would read them is left out.
_PORTABLE = (
    "-DGGML_BACKEND_DL=ON",
    "-DGGML_CPU_ALL_VARIANTS=ON",
    "-DGGML_NATIVE=OFF",
    "-DLLAVA_BUILD=OFF",
    "-DMTMD_BUILD=OFF",
)

# What a graphics card needs beside that; the driver's own libraries are the computer's.
ACCELERATORS = {
    "cpu": (),
    "vulkan": ("-DGGML_VULKAN=ON",),
    "cuda": ("-DGGML_CUDA=ON",),
}

_NO_BLAS = tuple(
    f"-Csetup-args={option}"
    for option in (
        "-Dallow-noblas=true",
        "-Dblas=none",
        "-Dlapack=none",
        "-Ddisable-optimization=true",
    )
)


@dataclass(frozen=True)
class Recipe:
    """How a package is built: its settings for pip, CMake's arguments, what a person is told."""

    package: str
    told: str
    pip: tuple[str, ...] = ()
    cmake: tuple[str, ...] = ()

    def key(self, version: str) -> str:
        """Changes with everything that the wheel depends on."""
        parts = (self.package, version, *self.pip, *self.cmake, sys.version, architecture())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def llama_recipe(accelerator: str = "cpu") -> Recipe:
    """llama-cpp-python for every processor of this architecture, and a kind of graphics card."""
    return Recipe(
        "llama-cpp-python",
        "Building llama.cpp for every processor: about 14 minutes on two cores, once",
        cmake=(*_PORTABLE, *_ONE_FOLDER, *ACCELERATORS[accelerator]),
    )


NUMPY_RECIPE = Recipe(
    "numpy", "Building numpy without OpenBLAS: about 3 minutes on two cores, once", pip=_NO_BLAS
)


def portable_wheels(cache: Path, accelerator: str, say: Callable[[str], None]) -> tuple[Path, ...]:
    """The wheels that take the place of the lock's, from the cache or built now.

    numpy's own wheel is taken as it is on Windows and macOS: there it carries no OpenBLAS on the
    newer systems, and building it needs tools that few have. Raises BuildError.
    """
    recipes = [llama_recipe(accelerator)]
    if system() == "linux":
        recipes.append(NUMPY_RECIPE)
    return tuple(_wheel(recipe, cache, say) for recipe in recipes)


def development_wheels(cache: Path) -> tuple[Path, ...]:
    """llama.cpp as it is installed beside the running Python: compiled for this computer only.

    None where it is not installed: then the lock's is compiled. Raises BuildError.
    """
    package = llama_recipe().package
    wheel = wheel_from_installed(package, cache, locked_version(package))
    return () if wheel is None else (wheel,)


def locked_version(package: str, lock: Path = LOCK) -> str:
    """The version that the lock names for this Python. Raises BuildError where it names none."""
    pattern = re.compile(rf"^{re.escape(package)}==(\S+)(?:\s*;\s*(.*?))?\s*\\?$", re.MULTILINE)
    found = pattern.findall(lock.read_text(encoding="utf-8"))
    for version, marker in found:
        if not marker or _marker_holds(marker):
            return str(version)
    raise BuildError(f"{lock.name} names no {package} for this Python.")


def _marker_holds(marker: str) -> bool:
    """Whether a lock's marker on the Python version or the system holds here."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]:02d}"

    def padded(match: re.Match[str]) -> str:
        major, minor = match[2].split(".")[:2]
        return f"'{version}' {match[1]} '{major}.{int(minor):02d}'"

    text = re.sub(r"python_(?:full_)?version\s*([<>=!]+)\s*'([\d.]+)'", padded, marker)
    text = re.sub(r"sys_platform\s*(==|!=)\s*'(\w+)'", rf"'{sys.platform}' \1 '\2'", text)
    if not re.fullmatch(r"(?:'[\w.]+' (?:[<>=!]=?) '[\w.]+'|and|or|[() ])+", text):
        raise BuildError(f"The lock's marker is not understood: {marker}")
    return bool(eval(text, {"__builtins__": {}}))  # only comparisons of strings, checked above


def _wheel(recipe: Recipe, cache: Path, say: Callable[[str], None]) -> Path:
    version = locked_version(recipe.package)
    folder = cache / f"{recipe.package}-{version}-{recipe.key(version)}"
    kept = sorted(folder.glob("*.whl"))
    if kept:
        return kept[0]
    say(recipe.told)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="wheel-") as made:
        environment = dict(os.environ)
        environment["CMAKE_ARGS"] = " ".join(recipe.cmake)
        environment.setdefault("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
        run(
            [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-cache-dir", "--no-binary",
             recipe.package, f"{recipe.package}=={version}", "-w", made, *recipe.pip],
            f"build {recipe.package} {version}", environment,
        )  # fmt: skip
        built = sorted(Path(made).glob("*.whl"))
        if not built:
            raise BuildError(f"pip made no wheel of {recipe.package}.")
        folder.mkdir(exist_ok=True)
        shutil.move(built[0], folder / built[0].name)
    return folder / built[0].name
