"""Where Chatdesk keeps its files, and where it finds the ones it came with.

Everything a person owns lives in one data directory that only they can read. It is chosen by
--data-dir, else by CHATDESK_DATA_DIR, else it is the operating system's usual place. Files that
belong to the program (icons, the bundled model) are found the same way in a checkout and in a
packaged application. Nothing here reads or writes a file except DataDir.create().
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_dir

from chatdesk.errors import StoreError

ENVIRONMENT = "CHATDESK_DATA_DIR"


@dataclass(frozen=True, slots=True)
class DataDir:
    """The data directory and the places in it. Immutable; any thread may use it.

    root is absolute when made by data_dir(). The places need not exist before create().
    """

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file with the conversations."""
        return self.root / "chats.db"

    @property
    def settings(self) -> Path:
        """The settings file (JSON)."""
        return self.root / "settings.json"

    @property
    def models(self) -> Path:
        """The folder of the person's own model files."""
        return self.root / "models"

    @property
    def logs(self) -> Path:
        """The folder of the log and the crash report."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """The folder of locks and sockets of running processes."""
        return self.root / "run"

    @property
    def backups(self) -> Path:
        """The folder of database copies made before a migration."""
        return self.root / "backups"

    def create(self) -> DataDir:
        """Make the directory and the folders in it, readable by their owner only (mode 0700).

        Directories that exist keep their modes: one may be shared on purpose (files with words in
        them are 0600 anyway). Returns itself. Raises StoreError when one cannot be made or used.
        """
        for folder in (self.root, self.models, self.logs, self.run, self.backups):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"The data directory {self.root} cannot be used: "
                    f"{error.strerror or 'it cannot be made'} ({folder}).",
                    f"Choose another with --data-dir or the {ENVIRONMENT} variable.",
                    detail=str(error),
                ) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise StoreError(
                f"The data directory {self.root} cannot be written to.",
                f"Change its permissions, or choose another with --data-dir or the {ENVIRONMENT} "
                "variable.",
            )
        return self


def data_dir(option: str | Path | None = None) -> DataDir:
    """The data directory to use: the option, else CHATDESK_DATA_DIR, else the system's place.

    "~" is understood; a relative path is taken from the current directory. Nothing is created.
    """
    chosen = option or os.environ.get(ENVIRONMENT) or user_data_dir("Chatdesk", appauthor=False)
    return DataDir(Path(os.path.abspath(_expand(Path(chosen)))))  # noqa: PTH100 (keeps symlinks)


def _expand(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # no home directory is known, or no such user: "~x" is then a name
        return path


def frozen() -> bool:
    """Whether this is a packaged application and not Python running from source."""
    return bool(getattr(sys, "frozen", False))


def _checkout() -> Path:
    return Path(__file__).resolve().parent.parent


def _program_root() -> Path:
    if frozen():
        return Path(getattr(sys, "_MEIPASS", Path(sys.executable).parent))
    return _checkout()


def resource(name: str) -> Path:
    """A file or folder that came with Chatdesk, such as "icons". It need not exist."""
    return _program_root() / "resources" / name


def development_models() -> Path | None:
    """The models folder of a checkout; None in an installed or packaged Chatdesk."""
    if frozen() or not (_checkout() / "pyproject.toml").is_file():
        return None
    folder = _checkout() / "models"
    return folder if folder.is_dir() else None
