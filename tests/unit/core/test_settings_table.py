"""The option table and the validation of single values."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.chat.messages import SamplingParameters
from chatdesk.errors import SettingsError
from chatdesk.settings import (
    GROUPS,
    OPTIONS,
    Option,
    Settings,
    option,
    sampling_parameters,
    validate,
    validate_parameter,
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("entry", OPTIONS, ids=lambda entry: entry.key)
def test_every_option_is_complete(entry: Option) -> None:
    assert entry.label and entry.help.endswith(".") and entry.accepts
    assert entry.group in {group.name for group in GROUPS}
    assert validate(entry.key, entry.default) == entry.default
    assert validate(entry.key, entry.text(entry.default)) == entry.default
    if entry.kind in ("int", "float"):
        assert entry.minimum is not None and entry.maximum is not None and entry.step is not None
        for outside in (entry.minimum - 1, entry.maximum + 1):
            with pytest.raises(SettingsError):
                validate(entry.key, outside)
        kind = int if entry.kind == "int" else float
        for bound in (entry.minimum, entry.maximum):
            assert validate(entry.key, str(bound)) == bound
            assert type(validate(entry.key, bound)) is kind
    if entry.kind == "choice":
        assert len(entry.choices) == len(entry.choice_labels) >= 2
        assert all(validate(entry.key, choice) == choice for choice in entry.choices)


def test_every_group_has_a_label_and_a_sentence() -> None:
    assert [group.name for group in GROUPS] == [
        "appearance",
        "composer",
        "chat",
        "sampling",
        "model",
    ]
    assert all(group.label and group.help.endswith(".") for group in GROUPS)


@given(entry=st.sampled_from(OPTIONS), value=anything)
def test_a_value_is_either_refused_in_words_or_comes_back_valid(entry: Option, value: Any) -> None:
    try:
        checked = validate(entry.key, value)
    except SettingsError as error:
        assert entry.key in error.what and entry.accepts in error.advice
        assert len(error.what) < 200
    else:
        assert validate(entry.key, checked) == checked
        assert validate(entry.key, entry.text(checked)) == checked


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", float("nan"), float("inf")])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    for entry in OPTIONS:
        if entry.kind in ("int", "float"):
            with pytest.raises(SettingsError):
                validate(entry.key, value)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("composer.enter_sends", "true", True),
        ("composer.enter_sends", "Off", False),
        ("appearance.theme", " Dark ", "dark"),
        ("sampling.temperature", "1", 1.0),
        ("sampling.seed", "none", None),
        ("sampling.seed", "7", 7),
        ("sampling.stop", "1,2", ("1", "2")),
        ("sampling.stop", r"\n, User:", ("\n", "User:")),
        ("sampling.stop", '["a,b", " c"]', ("a,b", " c")),
        ("sampling.stop", "none", ()),
        ("sampling.stop", "", ()),
        ("chat.system_prompt", " Be brief.\n", " Be brief.\n"),
        ("chat.system_prompt", "", ""),
    ],
)
def test_strings_of_the_command_line_are_understood(key: str, text: str, value: object) -> None:
    assert validate(key, text) == value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sampling.temperature", True),
        ("sampling.top_k", 4.5),
        pytest.param("sampling.top_k", 10**5000, id="huge"),
        pytest.param("sampling.top_k", "9" * 5000, id="long"),
        ("composer.enter_sends", 1),
        ("composer.enter_sends", "maybe"),
        ("sampling.stop", ["", "a"]),
        ("sampling.stop", "a,,b"),
        ("sampling.stop", ["x" * 201]),
        ("sampling.stop", ["x"] * 17),
        ("sampling.stop", "[" * 100_000),
        ("chat.system_prompt", "x" * 100_001),
        ("chat.system_prompt", "\ud83d"),
        ("model.default", "a\0b"),
        ("model.default", None),
    ],
)
def test_values_of_the_wrong_kind_are_refused(key: str, value: object) -> None:
    with pytest.raises(SettingsError):
        validate(key, value)


def test_a_refused_text_of_a_person_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        validate("chat.system_prompt", "secret\0")
    assert "secret" not in str(caught.value)


def test_a_misspelled_key_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(SettingsError) as caught:
        option("sampling.temprature")
    assert caught.value.advice == "Did you mean sampling.temperature?"
    with pytest.raises(SettingsError):
        option("")


def test_the_settings_hold_exactly_the_sampling_parameters_with_their_defaults() -> None:
    assert sampling_parameters(Settings(), {}) == SamplingParameters()
    names = {entry.name for entry in OPTIONS if entry.group == "sampling"}
    assert names == {field.name for field in fields(SamplingParameters)}


def test_a_conversations_own_parameters_go_over_the_settings() -> None:
    parameters = sampling_parameters(
        Settings(), {"temperature": 0, "stop": ["END"], "seed": None, "from_the_future": 1}
    )
    assert parameters == SamplingParameters(temperature=0.0, stop=("END",))
    with pytest.raises(SettingsError):
        sampling_parameters(Settings(), {"temperature": 3})


def test_a_parameter_is_validated_by_its_bare_name() -> None:
    assert validate_parameter("top_k", "12") == 12
    with pytest.raises(SettingsError):
        validate_parameter("top_q", "12")
