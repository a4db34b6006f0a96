"""What stands in the form, judged field by field with the rules of the profiles themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chatdesk.errors import UsageError
from chatdesk.providers.profiles import Profile
from chatdesk.providers.profiles.entries import check_free
from chatdesk.providers.profiles.profile import checked, plain_http

# Which attribute of a profile each field of the form is about, in the form's order.
FIELDS = ("name", "base_url", "default_model", "models", "context_size", "template", "headers")


def encrypted(profile: Profile) -> str:
    """How addresses of its kind begin that nobody on the way can read along."""
    return "tls://" if profile.preset.api == "nats" else "https://"


def parse_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Lines of "Name: value". Raises UsageError for a line that has no colon."""
    found = []
    for line in text.splitlines():
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise UsageError(
                f"“{line.strip()[:40]}” is no header.", "Write each as Name: value, one on a line."
            )
        found.append((name.strip(), value.strip()))
    return tuple(found)


def written_headers(headers: Sequence[tuple[str, str]]) -> str:
    """The lines that parse_headers() reads."""
    return "\n".join(f"{name}: {value}" for name, value in headers)


def parse_models(text: str) -> tuple[str, ...]:
    """Names of models, one on a line."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def problems_of(profile: Profile, others: Sequence[Profile]) -> dict[str, str]:
    """What is wrong with each field, worded; empty where the profile can be saved.

    others: the providers there are; one of the same id is the profile itself.
    """
    nats = profile.preset.api == "nats"
    sound = Profile(profile.id, "Provider", profile.kind, f"{encrypted(profile)}localhost")
    found: dict[str, str] = {}
    for field in FIELDS:
        changed = {field: getattr(profile, field)}
        if field == "base_url":
            if not profile.base_url:
                example = "tls://host:4222/lab" if nats else "https://host/v1"
                found[field] = f"Give the address of the server, such as {example}."
                continue
            changed["allow_http"] = True  # judged below, in words of the form
        try:
            checked(replace(sound, **changed))
            if field == "name":
                check_free(profile, tuple(others))
            elif field == "base_url" and plain_http(profile.base_url) and not profile.allow_http:
                found[field] = (
                    f"Use an address with {encrypted(profile)}, or accept this one below."
                )
        except UsageError as error:
            found[field] = error.told
    return found
