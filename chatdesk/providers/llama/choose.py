"""From a name to a model that can be loaded: the library, the settings and the engine meet here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chatdesk.errors import ModelError, NotFound
from chatdesk.library import Library, ModelInfo, check_chat, check_fits, inspect
from chatdesk.providers.llama.choice import ModelChoice, ModelParameters
from chatdesk.providers.profiles import ADD_PROVIDER, provider_of
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
        """The model of a library name or a path; None is the one of the settings, or the bundled
        one where that is at a provider.

        Raises NotFound for an unknown name and ModelError for a file that is no model.
        """
        model = self._settings().model
        wanted = name or local_default(self._library, model.default)
        info = self._inspect(find_local(self._library, wanted))
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

    def check(self, choice: ModelChoice, sequences: int = 1) -> None:
        """Raises ModelError for a model that cannot chat or does not fit in memory.

        sequences: those of ParallelEngine, each of which has the whole context.
        """
        info = self._inspect(choice.path)
        check_chat(info, choice.parameters.chat_format)
        check_fits(info, choice.parameters.context_size, sequences=sequences)

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


def local_default(library: Library, default: str) -> str:
    """The local model that the setting model.default means: "" (the bundled one) where that is a
    model at a provider. What nobody chose a provider for never leaves the computer.
    """
    return "" if provider_of(default) and not _has(library, default) else default


def find_local(library: Library, name: str) -> Path:
    """As library.find(), but PROVIDER:MODEL is never taken for a local model of a similar name.

    Raises NotFound, which says so where a provider seems to be meant.
    """
    provider = provider_of(name)
    if provider and not _has(library, name):
        raise NotFound(
            f'There is no provider "{provider[:80]}".',
            "Choose another model, or add the provider.",
            remedy=ADD_PROVIDER,
        )
    return library.find(name)


def _has(library: Library, name: str) -> bool:
    """Whether a local model is called exactly so: a colon may be part of a name or a file's."""
    if name.lower().endswith(".gguf") and Path(name).is_file():
        return True
    return any(
        name in (entry.name, entry.path.name, entry.path.stem, str(entry.path))
        for entry in library.list()
    )
