"""Secrets: nothing that prints, copies or fails shows their text."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.credentials import Secret
from chatdesk.credentials.secret import LONGEST
from chatdesk.diagnostics import describe_exception, redact
from chatdesk.errors import UsageError

TEXT = "zq-very-secret-0123"
LATIN = st.characters(min_codepoint=33, max_codepoint=255, exclude_categories=["Cc", "Zs"])
KEYS = st.text(LATIN, min_size=1, max_size=200)


@dataclasses.dataclass
class Holder:
    key: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        format,
        lambda secret: format(secret, ">60"),
        lambda secret: f"{secret} {secret!s} {secret!r} {secret:s}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: "{}".format(secret),  # noqa: UP032
        lambda secret: repr([secret, {secret: secret}, (secret,)]),
        lambda secret: repr(Holder(secret)),
        lambda secret: repr(dataclasses.asdict(Holder(secret))),
        lambda secret: pprint.pformat({"key": secret}),
        lambda secret: json.dumps({"key": secret}, default=str),
        lambda secret: str(ValueError(secret)),
        lambda secret: repr(KeyError(secret)),
        lambda secret: repr(dir(secret)),
        lambda secret: repr(copy.deepcopy({"key": copy.copy(secret)})),
    ],
)
def test_a_secret_is_never_shown(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(TEXT))
    assert TEXT not in shown and isinstance(shown, str)


@pytest.mark.parametrize(
    "misuse",
    [
        *(lambda secret, p=p: pickle.dumps(secret, p) for p in range(pickle.HIGHEST_PROTOCOL + 1)),
        lambda secret: pickle.dumps(Holder(secret)),
        lambda secret: json.dumps(secret),
        lambda secret: vars(secret),
        lambda secret: len(secret),
        lambda secret: list(secret),
        lambda secret: "Bearer " + secret,
        lambda secret: bytes(secret),
        lambda secret: secret.__getstate__(),
        lambda secret: setattr(secret, "_text", "other"),
        lambda secret: setattr(secret, "other", 1),
        lambda secret: delattr(secret, "_text"),
    ],
)
def test_what_would_carry_it_off_fails_and_does_not_show_it(misuse: Callable[[Any], Any]) -> None:
    secret = Secret(TEXT)
    with pytest.raises((TypeError, AttributeError)) as error:
        misuse(secret)
    assert TEXT not in "".join(traceback.format_exception(error.value))
    assert secret.reveal() == TEXT


@given(KEYS, KEYS)
def test_secrets_are_equal_when_their_texts_are(one: str, two: str) -> None:
    assert (Secret(one) == Secret(two)) is (one == two)
    assert Secret(one) == Secret(one) and hash(Secret(one)) == hash(Secret(one))
    assert Secret(one) != one


@given(KEYS, st.text("\t\r\n \u00a0\ufeff\u200b", max_size=5))
def test_white_space_around_a_pasted_key_goes(text: str, around: str) -> None:
    assert Secret(f"{around}{text}{around}").reveal() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "\ufeff",
        "secret\nsecond line",
        "secret\x00",
        "secret\x1b[31m",
        "secret\x85more",
        "secret\u2026",
        "secret\N{CYRILLIC SMALL LETTER A}",
        "secret\ud800",
        "secret" * 2000,
    ],
)
def test_what_no_header_can_carry_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageError) as error:
        Secret(text)
    shown = "".join(traceback.format_exception(error.value)) + error.value.detail
    assert "secret\\" not in shown and "second line" not in shown and "secretsecret" not in shown
    assert error.value.__context__ is None and error.value.advice


def test_the_longest_key_is_kept() -> None:
    assert len(Secret("k" * LONGEST).reveal()) == LONGEST


def test_its_text_is_removed_from_logs_and_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    text = "plain-words-as-a-key"
    assert text in redact(f"the server says: {text} is wrong")
    Secret(text)
    assert redact(f"the server says: {text} is wrong") == "the server says: [removed] is wrong"
    try:
        raise ValueError(f"a library shows {text}")
    except ValueError as error:
        assert text not in describe_exception(type(error), error, error.__traceback__)
    logging.getLogger("somelibrary").debug("%r", Secret(text))
    assert text not in caplog.text
