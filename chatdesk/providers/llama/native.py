"""llama.cpp's library: loaded with the processor's variant of it and with patient threads.

A library built for one processor has its code inside. The one that installers carry has none: a
library per generation of processors lies beside it, and llama.cpp picks the best that runs here,
when it is told to.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WAIT_POLICY, _SPIN_COUNT = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"
SPINS = "200"


class NoVariant(RuntimeError):
    """None of the libraries that lie beside llama.cpp runs on this processor."""


def import_native() -> Any:
    """llama_cpp's module of C functions. Twice is harmless; any thread.

    Raises what importing it raises: ImportError, OSError, RuntimeError.
    """
    with _patient_threads():
        from llama_cpp import llama_cpp as lib
    return lib


def load_variants(lib: Any) -> None:
    """Let llama.cpp load the compute backends that lie beside it, where none is inside.

    Before the first model is loaded; twice is harmless. lib: from import_native(). It writes what
    it found to llama.cpp's log, so that is set before. Raises NoVariant where none runs on this
    processor.

    Asked of llama_cpp's own library: another handle of it has a registry of its own, and models
    would find no backend in theirs (llama-cpp-python 0.3.36, ggml-backend-reg.cpp).
    """
    native: ctypes.CDLL = lib._lib
    try:
        count, load = native.ggml_backend_reg_count, native.ggml_backend_load_all_from_path
    except AttributeError:  # a library from before there were variants has its code inside
        return
    count.argtypes, count.restype = [], ctypes.c_size_t
    load.argtypes, load.restype = [ctypes.c_char_p], None
    if count() > 0:
        return
    folder = Path(native._name).parent
    with _patient_threads():
        load(os.fsencode(folder))
    if count() == 0:
        raise NoVariant(f"No variant of llama.cpp in {folder} runs on this processor.")


def describe(lib: Any) -> str:
    """What the library says of itself: "CPU" or "GPU", and on the next line what it makes use of.

    lib: from import_native(), with its variants loaded.
    """
    kind = "GPU" if lib.llama_supports_gpu_offload() else "CPU"
    return f"{kind}\n{lib.llama_print_system_info().decode('utf-8', 'replace')}"


@contextmanager
def _patient_threads() -> Iterator[None]:
    """Inside, OpenMP is loaded with threads that wait for each other a moment and then sleep.

    By default they spin. A thread whose core another program uses then keeps the rest spinning for
    a whole time slice at each of the hundreds of barriers of a token. Threads that sleep at once
    are slow on an idle machine instead. Measured with SmolLM2, two threads on two cores, tokens/s
    idle and with one core busy: default 148 and 35 (2 to 14 at worst), sleeping at once 38 and 70,
    a thousand spins 142 and 34, SPINS 136 and 60.

    GNU's OpenMP reads the variable when it is loaded; it is taken back, so that no program we start
    inherits it. Whoever set a policy of their own keeps it.
    """
    if any(name in os.environ for name in (_WAIT_POLICY, _SPIN_COUNT)):
        yield
        return
    os.environ[_SPIN_COUNT] = SPINS
    try:
        yield
    finally:
        del os.environ[_SPIN_COUNT]
