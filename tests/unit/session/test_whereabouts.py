"""Which replies are said to have come from this computer: only those of which that is certain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatdesk.paths import DataDir
from chatdesk.providers.profiles import Profile
from chatdesk.session import Whereabouts
from chatdesk.store import open_store

HERE = Profile("h", "House", "custom", "http://127.0.0.1:9/v1", False)
ELSEWHERE = Profile("h", "House", "custom", "https://house.example/v1", False)


class Desk:
    def __init__(self, folder: Path) -> None:
        self.store = open_store(DataDir(folder))
        self.now = 1_000.0
        self.whereabouts = Whereabouts(self.store.state, lambda: self.now)

    def sent(self, profile: Profile) -> float:
        """When the reply of a request that is sent now was made."""
        made = self.now = self.now + 100.0
        self.now += 0.1
        self.whereabouts.sending("one", profile)
        return made

    def here(self, made: float) -> bool:
        since = self.whereabouts.here_since("one").get("House")
        return since is not None and made > since


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "data")
    yield desk
    desk.store.close()


def test_what_was_sent_to_this_computer_is_from_here(desk: Desk) -> None:
    made = [desk.sent(HERE), desk.sent(HERE)]
    assert all(desk.here(one) for one in made)


def test_what_was_sent_elsewhere_is_not(desk: Desk) -> None:
    assert not desk.here(desk.sent(ELSEWHERE))


def test_nothing_is_claimed_of_what_was_written_before_it_was_noted(desk: Desk) -> None:
    before = desk.now
    desk.sent(HERE)
    assert not desk.here(before)


def test_a_provider_that_moves_here_does_not_bring_its_replies_along(desk: Desk) -> None:
    there, here = desk.sent(ELSEWHERE), desk.sent(HERE)
    assert not desk.here(there)
    assert desk.here(here)


def test_a_provider_that_moves_away_is_from_elsewhere_at_once(desk: Desk) -> None:
    desk.sent(HERE)
    there = desk.sent(ELSEWHERE)
    assert not desk.here(there)


def test_a_move_within_a_moment_takes_nothing_along(desk: Desk) -> None:
    there = desk.sent(ELSEWHERE)
    desk.whereabouts.sending("one", HERE)
    assert not desk.here(there)


def test_each_conversation_and_each_name_is_for_itself(desk: Desk) -> None:
    desk.sent(HERE)
    assert desk.whereabouts.here_since("two") == {}
    assert set(desk.whereabouts.here_since("one")) == {"House"}
