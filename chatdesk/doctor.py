"""Looks at everything Chatdesk stands on and says what is wrong and what to do about it.

`chatdesk doctor` prints it; a person sends it along with a question. So it tells about this
computer and installation and nothing of what anyone wrote. Every check answers, whatever is broken:
one that cannot even be made counts as failed.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatdesk import diagnostics, paths
from chatdesk.errors import ChatdeskError
from chatdesk.library import Library, check_chat, check_fits, fits, inspect, size_text
from chatdesk.paths import DataDir
from chatdesk.providers.llama.backend import backend
from chatdesk.providers.llama.choose import find_local, local_default
from chatdesk.providers.llama.native import describe
from chatdesk.providers.profiles import Profiles
from chatdesk.settings import SettingsFile

_LITTLE_DISK = 500_000_000  # bytes
_NATIVE_TIMEOUT = 60  # seconds; a cold disk may need many for a library of this size
_NATIVE = (
    "from chatdesk.providers.llama.backend import backend\n"
    "from chatdesk.providers.llama.native import describe\n"
    "print(describe(backend().lib))\n"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ok: nothing is in the way of chatting. advice: what to do, "" for nothing."""

    name: str
    ok: bool
    text: str
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "ok": self.ok, "text": self.text, "advice": self.advice}


def checks(data: DataDir) -> list[Check]:
    """Make all checks, in the order in which they are read. Takes seconds; any thread.

    Makes the data directory where it is missing, and reads the settings as every start does.
    Never raises.
    """
    settings: list[SettingsFile] = []

    def loaded() -> SettingsFile:
        if not settings:
            settings.append(SettingsFile(data.settings))
        return settings[0]

    made: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("Chatdesk", _chatdesk),
        ("Python", _python),
        ("Window", _window),
        ("Display", _display),
        ("llama.cpp", _llama),
        ("Data directory", lambda: _data_directory(data)),
        ("Settings", lambda: _settings(loaded())),
        ("Model", lambda: _model(data, loaded())),
        ("Memory", lambda: _memory(data, loaded())),
        ("SQLite", _sqlite),
        ("Conversations", lambda: _database(data)),
        ("Providers", lambda: _providers(data)),
        ("Key storage", lambda: _keyring(data)),
        ("Crashes", lambda: _crashes(data)),
    )
    return [_answered(name, check) for name, check in made]


def _answered(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except ChatdeskError as error:
        return Check(name, False, error.what, error.terminal_advice)
    except Exception as error:  # a broken installation can raise anything from anywhere
        diagnostics.logger.warning("The check %s failed.", name, exc_info=True)
        words = diagnostics.redact(f"{type(error).__name__}: {error}")[:300]
        return Check(name, False, f"It could not be checked ({words}).", "Reinstall Chatdesk.")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _chatdesk() -> Check:
    kind = "packaged" if paths.frozen() else "from Python"
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    return Check("Chatdesk", True, f"{_version('chatdesk') or 'unknown version'}, {kind}; {system}")


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    advice = "" if ok else "Chatdesk needs Python 3.11 or newer."
    return Check("Python", ok, platform.python_version(), advice)


def _window() -> Check:
    # Asked of the package's record: importing Qt to see whether it is there could crash.
    version = _version("PySide6-Essentials") or _version("PySide6")
    if version or paths.frozen():
        return Check("Window", True, f"PySide6 {version or 'built in'}")
    advice = "Install PySide6-Essentials to have the window; the command line works without it."
    return Check("Window", True, "PySide6 is not installed", advice)


def _display() -> Check:
    if sys.platform in ("win32", "darwin"):
        return Check("Display", True, "the system's own")
    for name, variable in (("Wayland", "WAYLAND_DISPLAY"), ("X11", "DISPLAY")):
        if value := os.environ.get(variable):
            return Check("Display", True, f"{name} ({value})")
    if platform_name := os.environ.get("QT_QPA_PLATFORM"):
        return Check("Display", True, f"Qt's {platform_name} platform")
    advice = "chatdesk chat works in the terminal; the window needs a desktop session."
    return Check("Display", True, "none", advice)


def _llama() -> Check:
    version = _version("llama-cpp-python")
    if version is None and not paths.frozen():
        return Check("llama.cpp", False, "llama-cpp-python is not installed", "Reinstall Chatdesk.")
    told = _native_info()
    if told is None:
        return Check(
            "llama.cpp",
            False,
            f"llama-cpp-python {version or ''} does not run on this computer".replace("  ", " "),
            "Reinstall it on this computer, so that it is built for its processor.",
        )
    kind, _, features = told.partition("\n")
    where = "can use a graphics card" if kind == "GPU" else "runs on the processor"
    words = [word.strip() for word in features.replace(":", "|").split("|")]
    on = ", ".join(word.removesuffix(" = 1") for word in words if word.endswith(" = 1"))
    name = f"llama-cpp-python {version}" if version else "built in"
    return Check("llama.cpp", True, f"{name}, {where}; {on or features.strip()}")


def _native_info() -> str | None:
    """What the native library says of itself; None where it does not run.

    Asked in another process: a library built for another processor ends the one it is loaded in.
    The packaged one has a variant for each processor and is asked here.
    """
    if paths.frozen():
        return describe(backend().lib)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _NATIVE],
            capture_output=True,
            timeout=_NATIVE_TIMEOUT,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (subprocess.SubprocessError, OSError) as error:
        diagnostics.logger.warning("llama.cpp does not run: %s", type(error).__name__)
        return None
    return done.stdout.decode("utf-8", "replace").strip()


def _data_directory(data: DataDir) -> Check:
    data.create()
    try:
        with tempfile.NamedTemporaryFile(dir=data.root, prefix=".doctor-") as file:
            file.write(b"x")
            file.flush()
        free = shutil.disk_usage(data.root).free
    except OSError as error:
        return Check(
            "Data directory",
            False,
            f"{data.root} cannot be written to: {error.strerror}",
            "Check its permissions and the space on the disk, or choose another with --data-dir.",
        )
    text = f"{data.root}, {size_text(free)} free"
    if free < _LITTLE_DISK:
        return Check("Data directory", False, text, "Make room on the disk.")
    return Check("Data directory", True, text)


def _settings(settings: SettingsFile) -> Check:
    if settings.problems:
        return Check(
            "Settings",
            False,
            " ".join(settings.problems),
            "What was not understood is kept beside the file as settings.rejected-<number>.json.",
        )
    return Check("Settings", True, str(settings.path))


def _model(data: DataDir, settings: SettingsFile) -> Check:
    chosen = settings.values.model
    info = inspect(_local_model(data, chosen.default))
    check_chat(info, chosen.chat_format)
    kind = f", {info.quantisation}" if info.quantisation else ""
    return Check("Model", True, f"{info.name} ({size_text(info.size_bytes)}{kind}), {info.path}")


def _local_model(data: DataDir, default: str) -> Path:
    """The file of the model that answers on this computer."""
    library = Library(data)
    return find_local(library, local_default(library, default))


def _memory(data: DataDir, settings: SettingsFile) -> Check:
    import psutil

    memory = psutil.virtual_memory()
    text = f"{size_text(memory.available)} of {size_text(memory.total)} are free"
    try:
        info = inspect(_local_model(data, settings.values.model.default))
    except ChatdeskError:
        return Check("Memory", True, text)  # the model's own check tells
    context = settings.values.model.context_size
    check_fits(info, context, memory.available)
    needed = size_text(fits(info, context, memory.available).needed_bytes)
    return Check("Memory", True, f"{text}; the model needs about {needed}")


def _sqlite() -> Check:
    import apsw

    version = apsw.sqlite_lib_version()
    if "ENABLE_FTS5" not in apsw.compile_options:
        return Check("SQLite", False, f"{version} without FTS5", "Reinstall apsw-sqlite3mc.")
    return Check("SQLite", True, f"{version} with FTS5")


def _database(data: DataDir) -> Check:
    from chatdesk.store import Database

    if not data.database.exists():
        return Check("Conversations", True, "none yet")
    database = Database(data.database, read_only=True)
    try:
        damage = database.check()
        schema = database.schema_version()
    finally:
        database.close()
    size = size_text(data.database.stat().st_size)
    if damage:
        return Check(
            "Conversations",
            False,
            f"{data.database} is damaged: {damage[0][:200]}",
            f"Close Chatdesk, copy the file to a safe place, and take the newest one from "
            f"{data.backups}.",
        )
    return Check("Conversations", True, f"sound, {size}, schema {schema}")


def _keyring(data: DataDir) -> Check:
    from chatdesk.credentials import Keys

    state = Keys(data).check()
    if state.error is None:
        if state.condition == "usable":
            return Check("Key storage", True, state.name)
        advice = "It asks for its password when a key is needed."
        return Check("Key storage", True, f"{state.name}, locked", advice)
    needing = [profile.name for profile in Profiles(data).list() if profile.needs_key]
    purpose = (
        f"Until then the keys of {', '.join(needing[:5])} are kept for one run only."
        if needing
        else "Only remote providers have keys; models on this computer need none."
    )
    found = f"{state.name}: {state.error.what}" if state.name else state.error.what
    return Check("Key storage", not needing, found, f"{state.error.advice} {purpose}")


def _providers(data: DataDir) -> Check:
    profiles = Profiles(data)
    if profiles.problems:
        return Check(
            "Providers",
            False,
            " ".join(profiles.problems),
            "What was not understood is kept beside the file when a provider is next changed.",
        )
    kinds = ", ".join(profile.kind for profile in profiles.list())
    return Check("Providers", True, kinds or "none: everything stays on this computer")


def _crashes(data: DataDir) -> Check:
    if diagnostics.last_crash(data) is None:
        return Check("Crashes", True, "none recorded")
    path = data.logs / diagnostics.CRASH_NAME
    return Check("Crashes", True, f"recorded in {path}", "Send that file along when you report it.")
