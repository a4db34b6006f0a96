"""What the model picker offers, and which rows of it answer a search. Pure; knows no widget.

Models stand on shelves: one for this computer and one for each provider. A shelf knows besides its
models whether they are being asked for, and what went wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from chatdesk.errors import ChatdeskError

# Of a provider with hundreds of models so many are shown before the person types or asks for all.
FEW = 12
LONGEST_TITLE = 20  # characters of a provider's name beside a text


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be chosen.

    key: tells it from every other and is what is chosen: for a local model how the settings name
    it, for a remote one PROVIDER-ID:MODEL. note: a few words at the end of the row. problem: why it
    cannot be used, "" where it can.
    """

    key: str
    name: str
    note: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The models of one place.

    provider: the provider's id, "" for this computer. where: what happens to a message there.
    loading: the list is being asked for. error: why the list is not complete. here: the provider is
    another program on this computer.
    """

    title: str
    where: str
    offers: tuple[Offer, ...] = ()
    provider: str = ""
    loading: bool = False
    error: ChatdeskError | None = None
    here: bool = False

    @property
    def remote(self) -> bool:
        """Whether a message leaves Chatdesk's process."""
        return bool(self.provider)

    def key_of(self, model: str) -> str:
        """The key of a remote model by its name at the provider."""
        return f"{self.provider}:{model}"


# heading: of a shelf. model: one of its models. more: the rest of a long shelf, on request. typed:
# a model that is in no list, by the name that was typed, below a title. loading, error, empty: how
# the shelf is.
RowKind = Literal["heading", "model", "more", "title", "typed", "loading", "error", "empty"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the picker.

    key: of the model that is chosen with it. action: what choosing it does, where it is no model.
    """

    kind: RowKind
    shelf: Shelf
    text: str
    note: str = ""
    key: str = ""
    problem: str = ""
    action: str = ""
    in_use: bool = False
    for_new: bool = False

    @property
    def selectable(self) -> bool:
        """Whether it does something when it is chosen."""
        return self.kind in ("model", "more", "typed", "error") and not self.problem

    @property
    def identity(self) -> tuple[str, str, str]:
        """What stays the same while lists come in and the search changes."""
        return self.kind, self.shelf.provider, self.key

    @property
    def spoken(self) -> str:
        """As a screen reader says it."""
        if self.kind == "heading":
            return f"{self.text}, {self.note}"
        parts = [self.text, self.note, self.problem, self.action]
        parts += ["in use here"] * self.in_use + ["used for new chats"] * self.for_new
        if self.kind == "model":
            parts.append(f"at {self.shelf.title}" if self.shelf.remote else "on this computer")
        return ", ".join(part for part in parts if part)


def rows_for(
    shelves: Sequence[Shelf],
    query: str = "",
    *,
    in_use: str | None = None,
    for_new: str | None = None,
    unfolded: Iterable[str] = (),
) -> list[Row]:
    """The rows that answer a query, shelf by shelf; where nothing does, names to use as typed.

    in_use, for_new: keys of models to mark. unfolded: providers all of whose models are shown.
    """
    wanted = set(unfolded)
    words = query.casefold().split()
    rows: list[Row] = []
    for shelf in shelves:
        fitting = [offer for offer in shelf.offers if _answers(offer, shelf, words)]
        few = fitting if words or shelf.provider in wanted else fitting[:FEW]
        # One row more takes no more room than the words that would stand in its place.
        if len(fitting) - len(few) == 1:
            few = fitting
        found = [
            Row(
                "model",
                shelf,
                offer.name,
                offer.note,
                offer.key,
                offer.problem,
                in_use=offer.key == in_use,
                for_new=offer.key == for_new,
            )
            for offer in few
        ]
        if len(few) < len(fitting):
            found.append(Row("more", shelf, f"All {len(fitting):,} models of {shelf.title}"))
        if not words:
            found += _state(shelf)
        if found:
            rows.append(Row("heading", shelf, shelf.title, shelf.where))
            rows += found
    return rows + _typed(shelves, query)


def _answers(offer: Offer, shelf: Shelf, words: Sequence[str]) -> bool:
    text = f"{shelf.title}:{offer.name} {offer.key} {offer.note}".casefold()
    return all(word in text for word in words)


def _state(shelf: Shelf) -> list[Row]:
    if shelf.loading:
        asked = f"Asking {shelf.title} for its models" if shelf.remote else "Looking for models"
        return [Row("loading", shelf, asked)]
    if shelf.error is not None:
        short = len(shelf.title) <= LONGEST_TITLE
        manage = f"Manage {shelf.title}" if short else "Manage"
        error = shelf.error
        action = "Try again" if error.retryable else manage
        # The way is not told: a button below the list leads there, if not this one.
        return [Row("error", shelf, error.what, error.advice, action=action)]
    if not shelf.offers:
        none = "Its list is empty: type a model's name" if shelf.remote else "No models here yet"
        return [Row("empty", shelf, none)]
    return []


def _typed(shelves: Sequence[Shelf], query: str) -> list[Row]:
    """A row for each provider that could be asked for a model by the name that was typed."""
    typed = query.strip()
    rows: list[Row] = []
    for shelf in shelves:
        provider, colon, model = typed.partition(":")
        named = colon and provider.strip().casefold() in (shelf.title.casefold(), shelf.provider)
        others = colon and any(
            provider.strip().casefold() == other.title.casefold() for other in shelves
        )
        name = model.strip() if named else typed
        known = {offer.name.casefold() for offer in shelf.offers}
        if not shelf.remote or not name or " " in name or name.casefold() in known:
            continue
        if others and not named:
            continue
        if not rows:
            rows.append(Row("title", shelf, "A name that is in no list"))
        text = f"Use “{name}” at {shelf.title}"
        rows.append(Row("typed", shelf, text, shelf.where, shelf.key_of(name)))
    return rows
