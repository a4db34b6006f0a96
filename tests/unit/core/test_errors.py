"""What an error says: the fault apart from the advice, and the way of each face apart from both."""

from __future__ import annotations

import pytest

from chatdesk.errors import ChatdeskError, Remedy

WAY = Remedy("Add it in Settings.", "Add it with: chatdesk add.", "id", key=True)


def test_each_face_tells_its_own_way_and_none_the_others() -> None:
    error = ChatdeskError("There is no key.", "Any will do.", remedy=WAY)
    assert error.told == "There is no key. Any will do."
    assert error.in_window == "There is no key. Any will do. Add it in Settings."
    assert error.in_terminal == "There is no key. Any will do. Add it with: chatdesk add."


def test_where_only_the_terminal_has_a_way_the_window_tells_none() -> None:
    error = ChatdeskError("There is no key.", remedy=Remedy(terminal="See: chatdesk keys."))
    assert error.in_window == error.told == "There is no key."
    assert error.terminal_advice == "See: chatdesk keys."


@pytest.mark.parametrize("advice", ["", "Wait."])
def test_an_error_that_is_mended_nowhere_in_particular_says_the_same_everywhere(
    advice: str,
) -> None:
    error = ChatdeskError("It is busy.", advice)
    assert error.in_window == error.in_terminal == error.told == f"It is busy. {advice}".strip()


def test_python_shows_an_error_as_a_terminal_does() -> None:
    error = ChatdeskError("There is no key.", remedy=WAY)
    assert str(error) == error.in_terminal
