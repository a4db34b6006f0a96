"""chatdesk doctor --modules: everything that is imported late is listed, and what is missing told.

The checks run in a process of their own: they import Qt, which nothing else here does.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import chatdesk
from chatdesk import modules

SOURCES = sorted(Path(chatdesk.__file__).parent.rglob("*.py"))


def imports(node: ast.AST) -> Iterator[str]:
    """The modules that an import statement names; nothing for other statements."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module


def imported_in_functions() -> set[str]:
    found: set[str] = set()
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                found.update(name for node in ast.walk(function) for name in imports(node))
    return {name for name in found if name.partition(".")[0] != "chatdesk"}


def run(*code: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(
        [sys.executable, *code],
        env=environment,
        cwd=Path(chatdesk.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_functions_import_is_listed_and_nothing_else() -> None:
    listed = {name for names in modules.LATE.values() for name in names}
    found = imported_in_functions() - set(modules.OPTIONAL)
    # "from llama_cpp import llama_cpp"
    assert found - {"llama_cpp"} == listed - {"llama_cpp.llama_cpp"}


LEAVING_OUT = """
import sys
sys.path.insert(0, "packaging")
from installers.contents import EXCLUDED_MODULES
class LeftOut:
    def find_spec(self, name, path=None, target=None):
        parts = name.split(".")
        if any(".".join(parts[:end]) in EXCLUDED_MODULES for end in range(1, len(parts) + 1)):
            raise ImportError(f"{name} is left out of the package")
sys.meta_path.insert(0, LeftOut())
from chatdesk.cli import main
sys.exit(main(["doctor", "--modules", "--json"]))
"""


def test_everything_is_there_even_without_what_packages_leave_out() -> None:
    ended = run("-c", LEAVING_OUT)
    report = json.loads(ended.stdout)
    assert [check for check in report["checks"] if not check["ok"]] == []
    assert (ended.returncode, report["ok"]) == (0, True)
    names = [check["name"] for check in report["checks"]]
    assert names[0] == "Chatdesk" and "Window" in names and "Code colours" in names


def test_what_is_missing_is_told_and_the_rest_is_looked_at() -> None:
    code = (
        "import sys; sys.modules['psutil'] = None; sys.modules['secretstorage'] = None\n"
        "from chatdesk import modules\n"
        "for slow in ('_own', '_window', '_servers', '_lexers'):\n"
        "    setattr(modules, slow, str)\n"
        "for check in modules.module_checks(): print(check.ok, check.name, check.text)"
    )
    lines = run("-c", code).stdout.splitlines()
    bad = [line for line in lines if line.startswith("False")]
    assert [line.split()[1] for line in bad] == ["Libraries", "Memory"]
    assert "psutil" in bad[0] and len(lines) > 10
