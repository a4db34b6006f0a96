"""A NATS server for a module's tests; each test has subjects of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nats_server import NatsServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    started = NatsServer(tmp_path_factory.mktemp("nats")).start()
    yield started
    started.stop()


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """For a test that ends it meanwhile."""
    started = NatsServer(tmp_path_factory.mktemp("nats")).start()
    yield started
    started.stop()
