"""From a name to a model that can be loaded: the library, the settings and the engine meet here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chatdesk.errors import ModelError
from chatdesk.library import Library, ModelInfo, check_chat, check_fits, inspect
from chatdesk.providers.llama.choice import ModelChoice, ModelParameters
from chatdesk.settings import Settings


class Chooser:
    """What LlamaEngine asks: which model is meant, and whether its file can be used.

    Called in the engine's thread, before each reply: a file is read once and again only when its
    size or time has changed.
    """

    def __init__(self, library: Library, settings: Callable[[], Settings]) -> None:
        self._library = library
        self._settings = settings
        self._known: tuple[Path, int, int] | None = None
        self._info: ModelInfo | None = None

    def resolve(self, name: str | None) -> ModelChoice:
        """The model of a library name or a path; None is the one of the settings.

        Raises NotFound for an unknown name and ModelError for a file that is no model.
        """
        model = self._settings().model
        info = self._inspect(self._library.find(name if name else model.default))
        return ModelChoice(
            path=info.path,
            name=info.name,
            parameters=ModelParameters(
                context_size=model.context_size,
                threads=model.threads,
                batch_size=model.batch_size,
                gpu_layers=model.gpu_layers,
                mmap=model.mmap,
                mlock=model.mlock,
                flash_attention=model.flash_attention,
                chat_format=model.chat_format,
            ),
        )

    def check(self, choice: ModelChoice) -> None:
        """Raises ModelError for a model that cannot chat or does not fit in memory."""
        info = self._inspect(choice.path)
        check_chat(info, choice.parameters.chat_format)
        check_fits(info, choice.parameters.context_size)

    def _inspect(self, path: Path) -> ModelInfo:
        try:
            status = path.stat()
        except OSError as error:
            raise ModelError(
                f"The model file {path.name} cannot be read.",
                "Put it back, or choose another model.",
                detail=str(error),
            ) from error
        key = (path, status.st_size, status.st_mtime_ns)
        if self._info is None or self._known != key:
            # The name that people know from the list, in which no two models are called the same.
            self._info = self._library.named(inspect(path))
            self._known = key
        return self._info
