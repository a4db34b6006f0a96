"""llama.cpp as it is loaded into a process."""

from __future__ import annotations

import logging
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from chatdesk.errors import ModelLoadError
from chatdesk.providers.llama import ModelChoice, ModelParameters
from chatdesk.providers.llama.model import LlamaModel
from chatdesk.providers.llama.native import SPINS

LOAD = (
    "import os\n"
    "from chatdesk.providers.llama.backend import backend\n"
    "backend()\n"
    "print(os.environ.get('GOMP_SPINCOUNT'))\n"
)


def _load(**environment: str) -> subprocess.CompletedProcess[str]:
    own = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    inherited = {k: v for k, v in os.environ.items() if k not in own}
    return subprocess.run(
        [sys.executable, "-c", LOAD],
        env=inherited | {"OMP_DISPLAY_ENV": "verbose"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )


def _spins(run: subprocess.CompletedProcess[str]) -> str:
    shown = [line for line in run.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    if not shown:
        pytest.skip("llama.cpp was built without GNU's OpenMP")
    return shown[0].partition("=")[2].strip(" '")


def test_the_models_threads_wait_a_moment_for_each_other_and_then_sleep() -> None:
    run = _load()
    assert _spins(run) == SPINS
    assert run.stdout.strip() == "None", "programs started by Chatdesk must not inherit it"


def test_a_wait_policy_of_the_persons_own_stays() -> None:
    assert _spins(_load(GOMP_SPINCOUNT="77")) == "77"
    assert _spins(_load(OMP_WAIT_POLICY="passive")) == "0"


LOAD_MODEL = """
import logging, sys
from pathlib import Path
from chatdesk.providers.llama import ModelChoice, ModelParameters
from chatdesk.providers.llama.native import SPINS
from chatdesk.providers.llama.model import LlamaModel
logging.basicConfig(level=logging.DEBUG, format="%(name)s:%(levelname)s:%(message)s")
parameters = ModelParameters(context_size=64, threads=1, gpu_layers=0)
LlamaModel.load(ModelChoice(Path(sys.argv[1]), "Model", parameters), lambda f: True).close()
"""


def _log_lines(model: Path, **environment: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", LOAD_MODEL, str(model)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in run.stderr.splitlines() if line.startswith("chatdesk.llama:")]


def test_llama_cpps_own_debug_lines_come_only_where_they_are_asked_for(model_path: Path) -> None:
    usual = _log_lines(model_path)
    assert any("n_ctx" in line for line in usual), "what it tells of the model is there"
    assert not any("control token" in line for line in usual)
    assert any("control token" in line for line in _log_lines(model_path, CHATDESK_LLAMA_DEBUG="1"))


def test_what_llama_cpp_says_of_a_model_it_loads_is_no_news(model_path: Path) -> None:
    assert all(":DEBUG:" in line for line in _log_lines(model_path))


def test_a_refused_model_tells_what_llama_cpp_says_of_it(
    model_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = bytearray(model_path.read_bytes())
    key = b"llama.block_count"
    damaged[(at := damaged.index(key) + len(key) + 4) : at + 4] = struct.pack("<I", 31)
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damaged)
    with caplog.at_level(logging.INFO, "chatdesk.llama"), pytest.raises(ModelLoadError) as caught:
        LlamaModel.load(ModelChoice(path, "Damaged", ModelParameters()), lambda fraction: True)
    assert "blk.30" in caught.value.detail
    assert any(
        record.levelno == logging.WARNING and "blk.30" in record.message
        for record in caplog.records
    )
