"""llama.cpp itself: loaded once per process, its log led to ours, and flags it can read.

llama.cpp has one log callback and one set of compute backends per process, so this is the one
place that holds something for the process's whole life.
"""

from __future__ import annotations

import collections
import ctypes
import functools
import logging
import os
import sys
from typing import Any

from chatdesk.errors import ModelLoadError
from chatdesk.providers.llama.native import NoVariant, import_native, load_variants

log = logging.getLogger("chatdesk.llama")

# llama.cpp tells at level "info" what only a developer wants to read, and warns of what no person
# can change, so its info, warnings and errors are one step quieter in our log.
_LEVELS = {2: logging.DEBUG, 3: logging.INFO, 4: logging.WARNING}
# Its own debug level has a line for every odd token of a vocabulary, thousands for each model.
_NATIVE_DEBUG = 1
DEBUG_VARIABLE = "CHATDESK_LLAMA_DEBUG"  # "1": its debug lines are wanted too
_DROPPED = logging.NOTSET
_CONTINUES = 5
_KEPT_LINES = 8


class CancelFlag:
    """Asks native code to stop. set() may be called from any thread, more than once.

    llama.cpp asks "abort?" at every node of the compute graph, about a thousand times per token;
    a Python callback there would cost a tenth of the speed and wait for the interpreter's lock.
    So llama.cpp calls the C library's strlen on two bytes of ours instead: "" is 0, go on; one
    character is 1, abort. The flag must stay alive while a context refers to it.
    """

    __slots__ = ("_memory",)

    def __init__(self) -> None:
        self._memory = ctypes.create_string_buffer(2)

    def set(self) -> None:
        self._memory[0] = b"\x01"

    def is_set(self) -> bool:
        return self._memory[0] != b"\x00"

    @property
    def address(self) -> int:
        return ctypes.addressof(self._memory)


class Backend:
    """The native library. lib is llama_cpp's module of C functions; abort reads a CancelFlag."""

    def __init__(self) -> None:
        lib = import_native()
        self.lib: Any = lib
        self._recent: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._level = _DROPPED
        wanted = os.environ.get(DEBUG_VARIABLE) == "1"
        self._levels = {**_LEVELS, _NATIVE_DEBUG: logging.DEBUG if wanted else _DROPPED}
        # Native code keeps these two pointers; the attributes keep what they point to alive.
        self._log_callback = lib.llama_log_callback(self._on_log)
        library = ctypes.CDLL("msvcrt") if sys.platform == "win32" else ctypes.CDLL(None)
        address = ctypes.cast(library.strlen, ctypes.c_void_p).value or 0
        self.abort: Any = lib.ggml_abort_callback(address)
        # Whoever uses us as a library without setting up logging sees nothing on stderr.
        log.addHandler(logging.NullHandler())
        lib.llama_log_set(self._log_callback, ctypes.c_void_p(0))
        load_variants(lib)
        lib.llama_backend_init()

    def forget_problems(self) -> None:
        """Start collecting llama.cpp's warnings and errors anew, see problems()."""
        self._recent.clear()

    def problems(self) -> str:
        """llama.cpp's last warnings and errors, for an error's technical detail."""
        return "\n".join(self._recent)

    def _on_log(self, level: int, text: bytes | None, _data: object) -> None:
        if level != _CONTINUES:
            self._level = self._levels.get(level, logging.DEBUG)
        # Decided before anything is made of the text: most lines are read by nobody.
        if self._level == _DROPPED or not (
            self._level >= logging.INFO or log.isEnabledFor(self._level)
        ):
            return
        line = (text or b"").decode("utf-8", "replace").rstrip()
        if not line.strip(" ."):
            return
        if self._level >= logging.INFO:
            self._recent.append(line)
        log.log(self._level, "%s", line)


@functools.cache
def backend() -> Backend:
    """The process's backend, loaded on first use (about half a second).

    Raises ModelLoadError where the native library cannot be loaded.
    """
    try:
        return Backend()
    except NoVariant as problem:
        raise ModelLoadError(
            "The local model engine does not run on this computer's processor.",
            "Install the Chatdesk that is made for this kind of computer.",
            detail=str(problem),
        ) from problem
    except (ImportError, OSError, RuntimeError) as problem:
        raise ModelLoadError(
            "The local model engine cannot be started.",
            "Install Chatdesk again; the details name the library that is missing.",
            detail=str(problem),
        ) from problem
