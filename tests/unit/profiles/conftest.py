"""Providers in a data directory of the test's own, with keys in a dictionary."""

from __future__ import annotations

from pathlib import Path

import pytest
from dict_vault import DictVault

from chatdesk.credentials import Keys
from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Accounts, Profiles


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    return DataDir(tmp_path / "data").create()


@pytest.fixture
def profiles(data: DataDir) -> Profiles:
    return Profiles(data)


@pytest.fixture
def vault() -> DictVault:
    return DictVault()


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment variables that there are."""
    return {}


@pytest.fixture
def accounts(
    data: DataDir, profiles: Profiles, vault: DictVault, environment: dict[str, str]
) -> Accounts:
    return Accounts(profiles, Keys(data, vault=vault), environment)
