"""What stands in providers.json: profiles as JSON and back, and which may be there together."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from chatdesk.credentials import Origin
from chatdesk.errors import ChatdeskError, NotFound, UsageError
from chatdesk.providers.profiles.profile import Profile, checked

MOST_PROFILES = 200


def document_of(profiles: tuple[Profile, ...]) -> bytes:
    """The file that has these profiles."""
    text = json.dumps({"providers": [_entry(p) for p in profiles]}, indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def _entry(profile: Profile) -> dict[str, Any]:
    """A profile as the file has it. What was allowed is bound to the origin it was allowed for."""
    origin = str(profile.origin)
    return {
        "id": profile.id,
        "name": profile.name,
        "kind": profile.kind,
        "base_url": profile.base_url,
        "needs_key": profile.needs_key,
        "default_model": profile.default_model,
        "models": list(profile.models),
        "headers": [list(pair) for pair in profile.headers],
        "context_size": profile.context_size,
        "template": profile.template,
        "use_environment_for": origin if profile.use_environment else "",
        "allow_http_for": origin if profile.allow_http else "",
        **({"keep_requests": True} if profile.keep_requests else {}),
    }


_KNOWN = frozenset(
    (
        *("id", "name", "kind", "base_url", "needs_key", "default_model", "models", "headers"),
        *("context_size", "template", "use_environment_for", "allow_http_for"),
        "keep_requests",
    )
)


def says_more(document: Mapping[str, Any], entries: list[Any]) -> bool:
    """Whether there is something in a file that would be lost by writing it: a newer Chatdesk's."""
    return bool(document.keys() - {"providers"}) or any(
        isinstance(entry, Mapping) and entry.keys() - _KNOWN for entry in entries
    )


def understood(entries: list[Any]) -> tuple[tuple[Profile, ...], tuple[str, ...]]:
    """The usable profiles of a file, and a sentence for each entry that is not."""
    profiles: tuple[Profile, ...] = ()
    problems: list[str] = []
    for number, entry in enumerate(entries, 1):
        try:
            if len(profiles) >= MOST_PROFILES:
                raise UsageError("There are too many.")
            profile = _profile(entry)
            check_free(profile, profiles)
            if any(known.id == profile.id for known in profiles):
                raise UsageError(f'The id "{profile.id}" is there twice.')
            profiles = (*profiles, profile)
        except ChatdeskError as error:
            problems.append(f"Provider {number} in providers.json was left out. {error}")
    return profiles, tuple(problems)


_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_NO_ENTRY = UsageError("It is not written as a provider.")


def _profile(entry: Any) -> Profile:
    if not isinstance(entry, Mapping):
        raise _NO_ENTRY
    identity = _get(entry, "id", str, "")
    if not _ID.fullmatch(identity):
        raise UsageError("It has no id.")
    base_url = _get(entry, "base_url", str, "")
    models = _get(entry, "models", list, [])
    headers = _get(entry, "headers", list, [])
    if not all(isinstance(model, str) for model in models):
        raise _NO_ENTRY
    for pair in headers:
        if not (isinstance(pair, list) and [type(part) for part in pair] == [str, str]):
            raise _NO_ENTRY
    kind = _get(entry, "kind", str, "")
    origin = str(Origin.of(base_url))
    return checked(
        Profile(
            id=identity,
            name=_get(entry, "name", str, ""),
            kind=kind,
            base_url=base_url,
            needs_key=_get(entry, "needs_key", bool, True),
            default_model=_get(entry, "default_model", str, ""),
            models=tuple(models),
            headers=tuple((name, value) for name, value in headers),
            context_size=_get(entry, "context_size", int, 0),
            template=_get(entry, "template", str, ""),
            use_environment=_get(entry, "use_environment_for", str, "") == origin,
            allow_http=_get(entry, "allow_http_for", str, "") == origin,
            keep_requests=_get(entry, "keep_requests", bool, False),
        )
    )


def _get(entry: Mapping[str, Any], name: str, kind: type[Any], default: Any) -> Any:
    value = entry.get(name, default)
    if type(value) is not kind:  # a bool is no int here
        raise _NO_ENTRY
    return value


def check_free(profile: Profile, profiles: tuple[Profile, ...]) -> None:
    """Raises UsageError where another provider has the name, or is kept under it."""
    wanted = folded(profile.name)
    for other in profiles:
        if other.id != profile.id and wanted in (folded(other.name), other.id):
            raise UsageError(
                f'There is a provider "{other.name}" already.', "Give this one another name."
            )


def check_known(profile_id: str, name: str, profiles: tuple[Profile, ...]) -> None:
    """Raises NotFound where no provider has this id; name is for the words."""
    if all(known.id != profile_id for known in profiles):
        raise NotFound(f'There is no provider "{name}" any more.', "It was removed meanwhile.")


def new_profile_id(profile: Profile, profiles: tuple[Profile, ...]) -> str:
    """A readable id that another server of the same name never gets.

    Conversations name their provider by it: were a provider removed and another put in its place,
    they would be sent to a server that nobody chose for them. The same name at the same place gets
    the same id, so a provider that is added again has its conversations back.
    """
    plain = unicodedata.normalize("NFKD", profile.name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40] or "provider"
    whole = f"{folded(profile.name)}\n{profile.origin}"
    made = f"{slug}-{hashlib.sha256(whole.encode()).hexdigest()[:6]}"
    taken = {known.id for known in profiles} | {folded(known.name) for known in profiles}
    number, chosen = 1, made
    while chosen in taken:
        number += 1
        chosen = f"{made}-{number}"
    return chosen


def folded(name: str) -> str:
    """A name as it is compared with others."""
    return unicodedata.normalize("NFC", name).strip().casefold()
