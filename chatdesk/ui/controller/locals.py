"""What local models are called: from how a conversation or the settings name one to name and file.

To find out reads the library's folders, so it is done in the background and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from chatdesk.errors import ChatdeskError
from chatdesk.library import Library, inspect
from chatdesk.providers.llama.choose import find_local, local_default
from chatdesk.ui.controller.tasks import Tasks


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A local model by its reference. path None, with an error: there is no such model."""

    name: str
    path: Path | None = None
    error: ChatdeskError | None = None


class Locals(QObject):
    """changed: more is known. GUI thread only."""

    changed = Signal()

    def __init__(
        self,
        library: Library,
        default: Callable[[], str],
        tasks: Tasks,
        parent: QObject | None = None,
    ) -> None:
        """default: how the settings name the default model."""
        super().__init__(parent)
        self._library = library
        self._default = default
        self._tasks = tasks
        self._known: dict[str | None, LocalModel] = {}
        self._looking: set[str | None] = set()

    def find(self, reference: str | None) -> LocalModel | None:
        """The model of a reference (None: the default one); None while it is looked for."""
        if reference not in self._known and reference not in self._looking:
            self._looking.add(reference)
            self._tasks.start(self._look(reference))
        return self._known.get(reference)

    def forget(self) -> None:
        """The library or the default is another: look again when it is asked for."""
        self._known.clear()
        self.changed.emit()

    # -- inner --------------------------------------------------------------------------------

    async def _look(self, reference: str | None) -> None:
        default = self._default()
        try:
            found = await self._tasks.in_thread(partial(self._read, reference, default))
        except ChatdeskError as error:
            found = LocalModel(short_name(reference or default), error=error)
        finally:
            self._looking.discard(reference)
        self._known[reference] = found
        self.changed.emit()

    def _read(self, reference: str | None, default: str) -> LocalModel:
        """In the file thread."""
        wanted = reference or local_default(self._library, default)
        info = self._library.named(inspect(find_local(self._library, wanted)))
        return LocalModel(info.name, info.path)


def short_name(reference: str) -> str:
    """What to call a local model before more is known of it than how it is named."""
    return Path(reference).stem if reference.lower().endswith(".gguf") else reference
