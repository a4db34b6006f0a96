"""Setup: pip's configuration reaches uv, and missing system packages are told or installed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "packaging"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The scripts as modules, as they import each other."""
    names = ("pip_settings", "system_packages", "bootstrap")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]


# -- pip's configuration -----------------------------------------------------------------------


def test_variables_win_over_install_and_install_over_global(scripts: dict[str, Any]) -> None:
    listing = (
        "install.index-url='https://install.invalid/simple'\n"
        "global.index-url='https://global.invalid/simple'\n"
        "global.cert='/a.pem'\n"
        ":env:.cert='/b.pem'\n"
        "list.format='columns'\n"
        "nonsense\n"
    )
    assert scripts["pip_settings"].read_pip_settings(listing) == {
        "index-url": "https://install.invalid/simple",
        "cert": "/b.pem",
    }


def test_uv_asks_the_indexes_pip_would(scripts: dict[str, Any], tmp_path: Path) -> None:
    wheels, index = tmp_path / "wheels", tmp_path / "a folder"
    wheels.mkdir()
    index.mkdir()
    settings = {
        "index-url": "https://mirror.invalid/simple",
        "extra-index-url": f"https://more.invalid/simple\n{index.as_uri()} file:///not/there",
        "find-links": f"{wheels} /not/there/either",
        "cert": "/etc/own.pem",
        "timeout": "99",
    }
    environ = {"PATH": "/bin", "UV_INDEX_URL": "https://other.invalid", "UV_CACHE_DIR": "/cache"}
    result = scripts["pip_settings"].uv_environment(settings, environ)
    assert result["UV_DEFAULT_INDEX"] == "https://mirror.invalid/simple"
    assert result["UV_INDEX"] == f"https://more.invalid/simple {index.as_uri()}"
    assert result["UV_FIND_LINKS"] == str(wheels)
    assert result["SSL_CERT_FILE"] == "/etc/own.pem"
    assert result["UV_HTTP_TIMEOUT"] == "99"
    assert "UV_INDEX_URL" not in result
    assert (result["PATH"], result["UV_CACHE_DIR"]) == ("/bin", "/cache")


def test_without_a_configuration_nothing_is_set(scripts: dict[str, Any]) -> None:
    result = scripts["pip_settings"].uv_environment({}, {})
    assert not {"UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "SSL_CERT_FILE"} & set(result)


# -- system packages ---------------------------------------------------------------------------


@pytest.fixture
def system(scripts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A Linux where one of the window's libraries is missing; what is run is kept."""
    module = scripts["system_packages"]
    missing = module.Need("libmissing1", "libmissing.so.1", lambda: False)
    there = module.Need("libthere1", "libthere.so.1", lambda: True)
    monkeypatch.setattr(module, "BUILD_NEEDS", (there,))
    monkeypatch.setattr(module, "WINDOW_NEEDS", (there, missing, missing))
    monkeypatch.setattr(module, "TEST_NEEDS", (there,))
    checker = module.Need("checker", "checker", lambda: False)
    monkeypatch.setattr(module, "INSTALLER_NEEDS", (there, checker))
    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setenv("DISPLAY", ":0")
    installed: list[list[str]] = []
    monkeypatch.setattr(
        module, "_apt_install", lambda prefix, packages, manual: installed.append(packages)
    )
    module.installed = installed
    return module


def test_what_is_missing_is_installed_where_no_password_is_asked(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "_root_prefix", lambda: [])
    system.system_packages(tests=False)
    assert system.installed == [["libmissing1"]]


def test_the_installers_tests_need_what_the_tests_need_and_more(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "_root_prefix", lambda: [])
    system.system_packages(tests=True)
    system.system_packages(tests=True, installers=True)
    assert system.installed == [["libmissing1"], ["libmissing1", "checker"]]


def test_otherwise_the_one_command_to_run_is_told(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "_root_prefix", lambda: None)
    with pytest.raises(system.SetupError, match=r"sudo apt-get install .* libmissing1\n"):
        system.system_packages(tests=False)


def test_without_a_display_the_window_s_libraries_are_no_obstacle(
    system: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system, "_root_prefix", lambda: None)
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    system.system_packages(tests=False)
    assert "libmissing1" in capsys.readouterr().out
    with pytest.raises(system.SetupError):
        system.system_packages(tests=True)


def test_elsewhere_than_on_debian_the_libraries_are_named(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system.shutil, "which", lambda name: None)
    with pytest.raises(system.SetupError, match=r"libmissing\.so\.1"):
        system.system_packages(tests=False)


# -- the stamp ---------------------------------------------------------------------------------


@pytest.fixture
def checkout(scripts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Setup in a folder of its own, with its steps counted instead of made."""
    module = scripts["bootstrap"]
    venv = tmp_path / ".venv"
    for name, path in {
        "ROOT": tmp_path,
        "VENV": venv,
        "STAMP": venv / "setup.json",
        "LOG": venv / "setup.log",
        "LOCKS": (tmp_path / "a.lock",),
        "WORKFLOWS_LOCK": tmp_path / "tools.lock",
        "WORKFLOWS_VENV": tmp_path / "tools",
    }.items():
        monkeypatch.setattr(module, name, path)
    (tmp_path / "a.lock").write_text("one==1")
    (tmp_path / "tools.lock").write_text("zizmor==1")
    (tmp_path / "pyproject.toml").write_text("[project]")
    (venv / "bin").mkdir(parents=True)
    steps: list[str] = []

    def install() -> None:
        steps.append("install")
        module.venv_program("chatdesk").parent.mkdir(parents=True, exist_ok=True)
        module.venv_program("chatdesk").touch()

    def system_packages(tests: bool, installers: bool) -> None:
        steps.append("installers" if installers else f"tests={tests}")

    def install_workflow_tools() -> None:
        steps.append("tools")
        program = module.venv_program("python", module.WORKFLOWS_VENV)
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch()

    monkeypatch.setattr(module, "system_packages", system_packages)
    monkeypatch.setattr(module, "install_workflow_tools", install_workflow_tools)
    monkeypatch.setattr(module, "make_venv", lambda: steps.append("venv"))
    monkeypatch.setattr(module, "install", install)
    module.steps = steps
    module.folder = tmp_path
    return module


def test_a_second_setup_has_nothing_to_do(checkout: Any) -> None:
    checkout.setup(tests=False)
    assert checkout.steps == ["tests=False", "venv", "install"]
    checkout.setup(tests=False)
    assert len(checkout.steps) == 3


def test_the_tests_need_more_of_the_system_and_then_nothing_is_left(checkout: Any) -> None:
    checkout.setup(tests=False)
    checkout.setup(tests=True)
    assert checkout.steps == ["tests=False", "venv", "install", "tests=True"]
    checkout.setup(tests=False)
    checkout.setup(tests=True)
    assert len(checkout.steps) == 4


def test_the_installers_need_more_still_and_the_tests_need_none_of_it(checkout: Any) -> None:
    checkout.setup(tests=False, installers=True)
    assert checkout.steps == ["installers", "venv", "install", "tools"]
    checkout.setup(tests=True)
    checkout.setup(tests=False, installers=True)
    assert len(checkout.steps) == 4
    (checkout.folder / "tools.lock").write_text("zizmor==2")
    checkout.setup(tests=True)
    assert len(checkout.steps) == 4
    checkout.setup(tests=False, installers=True)
    assert checkout.steps[4:] == ["installers", "tools"]


@pytest.mark.parametrize("name", ["a.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed(checkout: Any, name: str) -> None:
    checkout.setup(tests=False)
    (checkout.folder / name).write_text("changed")
    checkout.setup(tests=False)
    assert len(checkout.steps) == 6


def test_a_setup_that_failed_is_made_again(checkout: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    install = checkout.install

    def fails() -> None:
        raise checkout.SetupError("no network")

    monkeypatch.setattr(checkout, "install", fails)
    with pytest.raises(checkout.SetupError):
        checkout.setup(tests=False)
    monkeypatch.setattr(checkout, "install", install)
    checkout.setup(tests=False)
    assert checkout.steps[-1] == "install"
