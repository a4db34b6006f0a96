"""The rules of the house that a program can check: layers, no Qt low down, small modules."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "chatdesk"
CONTRACTS = ROOT / ".importlinter"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 550  # lines; a bound against god modules, most modules are 80 to 350


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_window(path: Path) -> bool:
    inner = path.relative_to(PACKAGE).parts
    return inner[0] in ("ui", "app.py")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


# -- layers ----------------------------------------------------------------------------------------


def sketched(folder: Path) -> Path:
    """A package of a few empty rooms under the real contracts."""
    shutil.copy(CONTRACTS, folder)
    for name in ("__init__", "errors", "settings", "session", "app"):
        write(folder, f"{name}.py", "")
    for room in ("chat", "store", "providers/llama", "cli", "ui/markdown"):
        write(folder, f"{room}/__init__.py", "")
        if "/" in room:
            write(folder, f"{room.split('/')[0]}/__init__.py", "")
    return folder


def write(folder: Path, name: str, text: str) -> None:
    path = folder / "chatdesk" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_contracts_allow_what_the_design_allows(tmp_path: Path) -> None:
    sketch = sketched(tmp_path)
    write(sketch, "session.py", "import chatdesk.store, chatdesk.providers.llama, chatdesk.chat\n")
    write(sketch, "ui/window.py", "import PySide6.QtWidgets\nimport chatdesk.session\n")
    write(sketch, "app.py", "import PySide6, qasync, chatdesk.ui.window\n")
    write(sketch, "store/database.py", "import apsw\n")
    write(sketch, "providers/llama/model.py", "import llama_cpp\n")
    write(sketch, "cli/window.py", "def main():\n    import chatdesk.app\n")
    result = lint_imports(sketch)
    assert result.returncode == 0, result.stdout


REFUSED = [
    ("store/database.py", "import chatdesk.session"),
    ("chat/tree.py", "import chatdesk.store"),
    ("errors.py", "import chatdesk.chat"),
    ("session.py", "import chatdesk.ui"),
    ("cli/ask.py", "import chatdesk.app"),
    ("cli/ask.py", "import PySide6.QtCore"),
    ("settings.py", "def late():\n    from PySide6 import QtGui"),
    ("ui/markdown/parser.py", "import PySide6.QtGui"),
    ("session.py", "import sqlite3"),
    ("ui/window.py", "import apsw"),
    ("cli/doctor.py", "import llama_cpp"),
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is told of a sketch in which everything is done that the design refuses."""
    folder = sketched(tmp_path_factory.mktemp("refused"))
    for module in dict.fromkeys(module for module, _ in REFUSED):
        codes = [code for name, code in REFUSED if name == module]
        write(folder, module, "\n".join((*codes, "")))
    result = lint_imports(folder)
    assert result.returncode == 1, result.stdout
    return result.stdout


@pytest.mark.parametrize(("module", "code"), REFUSED)
def test_the_contracts_refuse_what_the_design_refuses(refused: str, module: str, code: str) -> None:
    importer = "chatdesk." + module.removesuffix(".py").replace("/", ".")
    imported = code.split()[-3] if " from " in code else code.split()[-1]
    whole = imported if imported.startswith("chatdesk.") else imported.partition(".")[0]
    assert f"{importer} -> {whole} (l." in refused


# -- no Qt below the window ------------------------------------------------------------------------


def test_everything_below_the_window_imports_without_qt() -> None:
    names = [module_name(path) for path in SOURCES if not is_window(path)]
    names = [name for name in names if not name.endswith("__main__")]
    result = python(
        "import importlib, sys\n"
        "sys.modules.update(dict.fromkeys(['PySide6', 'shiboken6', 'qasync']))\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("statement", ["import chatdesk", "from chatdesk import Chat"])
def test_importing_the_package_brings_no_heavy_library(statement: str) -> None:
    heavy = ["PySide6", "llama_cpp", "gguf", "numpy", "openai", "rich", "pygments", "markdown_it"]
    result = python(f"{statement}\nimport sys\nprint(*sorted(set(sys.modules) & set({heavy!r})))")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


# -- modules ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_module_says_why_it_exists_and_stays_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module's docstring says why it exists"
    assert len(text.splitlines()) <= LONGEST, "split the module: one idea each"


def test_no_module_is_called_utils() -> None:
    vague = {"utils.py", "util.py", "helpers.py", "misc.py", "common.py"}
    assert [relative(path) for path in SOURCES if path.name in vague] == []


def test_every_package_can_be_installed() -> None:
    folders = {path.parent for path in SOURCES}
    assert [relative(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
