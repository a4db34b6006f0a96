"""PROVIDER:MODEL: what names a remote model, and what is a local name or a path."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from chatdesk.errors import NotFound
from chatdesk.library import Library
from chatdesk.paths import DataDir
from chatdesk.providers.llama.choose import find_local, local_default
from chatdesk.providers.profiles import Profiles, provider_of, split, typed


def test_a_provider_is_found_by_its_name_in_any_case_and_by_its_id(profiles: Profiles) -> None:
    mistral = profiles.add("Mistral", "mistral")
    for reference in ("Mistral:big", "mistral:big", " MISTRAL :big", f"{mistral.id}:big"):
        found = split(reference, profiles)
        assert found is not None
        assert (found.profile, found.model) == (mistral, "big")
        assert found.reference == f"{mistral.id}:big"
        assert found.typed == "Mistral:big"
        assert found.label == "big · Mistral"


def test_a_model_may_have_colons_and_slashes(profiles: Profiles) -> None:
    profiles.add("OpenRouter", "openrouter")
    found = split("openrouter:meta/llama-3:free", profiles)
    assert found is not None and found.model == "meta/llama-3:free"


def test_a_provider_alone_is_its_default_model(profiles: Profiles) -> None:
    mistral = profiles.add("Mistral", "mistral", default_model="small")
    found = split("mistral:", profiles)
    assert found is not None
    assert (found.model, found.label, found.reference) == (
        "",
        "small · Mistral",
        f"{mistral.id}:",
    )
    profiles.change(replace(mistral, default_model=""))
    found = split("mistral:", profiles)
    assert found is not None and found.label == "Mistral"


@pytest.mark.parametrize(
    "reference",
    [None, "", "mistral", "C:\\models\\a.gguf", "C:/a.gguf", "./mistral:x.gguf", "nosuch:model"],
)
def test_everything_else_is_local(profiles: Profiles, reference: str | None) -> None:
    profiles.add("Mistral", "mistral")
    assert split(reference, profiles) is None
    assert typed(reference, profiles) == reference


def test_a_renamed_provider_keeps_what_was_noted_down(profiles: Profiles) -> None:
    mistral = profiles.add("Mistral", "mistral")
    profiles.change(replace(mistral, name="Work"))
    assert typed(f"{mistral.id}:big", profiles) == "Work:big"
    assert split("mistral:big", profiles) is None


@pytest.mark.parametrize(
    ("reference", "provider"),
    [
        ("mistral:big", "mistral"),
        ("mistral:", "mistral"),
        ("C:\\a.gguf", ""),
        ("c:a.gguf", ""),
        ("./a:b", ""),
        ("../a:b", ""),
        ("~/a:b", ""),
        ("/a:b", ""),
        ("plain", ""),
        ("", ""),
    ],
)
def test_a_path_is_no_provider(reference: str, provider: str) -> None:
    assert provider_of(reference) == provider


# -- the local side -------------------------------------------------------------------------------


@pytest.fixture
def library(data: DataDir) -> Library:
    return Library(data)


def test_an_unknown_provider_is_told_and_no_similar_local_model_is_taken(library: Library) -> None:
    local = next(entry for entry in library.list() if entry.source == "bundled")
    similar = f"{local.name[:5]}:{local.name[5:]}"
    assert library.find(similar)  # what loose naming would take
    with pytest.raises(NotFound, match=f'no provider "{local.name[:5]}"'):
        find_local(library, similar)


@pytest.mark.skipif(os.name != "posix", reason="no colons in names")
def test_a_local_file_with_a_colon_in_its_name_is_found(library: Library, data: DataDir) -> None:
    path = data.models / "one:two.gguf"
    path.write_bytes(b"whatever is in it")
    assert find_local(library, "one:two") == path
    assert find_local(library, str(path)) == path
    assert local_default(library, "one:two") == "one:two"


def test_a_remote_default_means_the_bundled_model_here(library: Library) -> None:
    assert local_default(library, "mistral:big") == ""
    assert local_default(library, "") == ""
    assert local_default(library, "nosuch") == "nosuch"
