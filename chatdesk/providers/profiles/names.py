"""How a remote model is named: PROVIDER:MODEL, and PROVIDER: for the provider's default model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatdesk.errors import Remedy
from chatdesk.providers.profiles.profile import Profile

if TYPE_CHECKING:
    from chatdesk.providers.profiles.file import Profiles

# For the errors of names that no provider has.
ADD_PROVIDER = Remedy(
    "Providers are added in Settings > Providers.", "To add one: chatdesk providers add NAME."
)


@dataclass(frozen=True, slots=True)
class RemoteName:
    """A model at a provider. model "": the provider's default model."""

    profile: Profile
    model: str

    @property
    def reference(self) -> str:
        """As conversations and settings keep it: by the provider's id."""
        return f"{self.profile.id}:{self.model}"

    @property
    def typed(self) -> str:
        """As a person types it: by the provider's name."""
        return f"{self.profile.name}:{self.model}"

    @property
    def label(self) -> str:
        """As it is shown: "open-mixtral-8x7b · Mistral"."""
        model = self.model or self.profile.default_model
        return f"{model} · {self.profile.name}" if model else self.profile.name


def split(reference: str | None, profiles: Profiles) -> RemoteName | None:
    """The remote model that a text names; None where it names none (a local name or a path).

    What stands before the first colon is a provider's name, in whatever case, or its id.
    """
    provider, colon, model = (reference or "").partition(":")
    if not colon:
        return None
    profile = profiles.named(provider)
    return None if profile is None else RemoteName(profile, model.strip())


def typed(reference: str | None, profiles: Profiles) -> str | None:
    """A model as a person would type it; what names no provider that is known stays as it is."""
    remote = split(reference, profiles)
    return reference if remote is None else remote.typed


def provider_of(reference: str) -> str:
    """What stands for a provider in PROVIDER:MODEL, known or not; "" in what looks like a path."""
    provider, colon, _ = reference.partition(":")
    drive = len(provider) == 1 and provider.isascii()
    path = any(mark in provider for mark in "/\\") or provider.startswith((".", "~"))
    return provider if colon and not drive and not path else ""
