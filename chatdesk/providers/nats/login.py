"""How a client proves who it is, read from the one text that the keyring keeps.

A password is written "name:password"; an NKey is its seed (SU...); a credentials file (JWT) may be
given whole. Anything else is a token, which tells the server nothing about who has it. The user's
name is taken from the same text, so that it is the one for which the server made its permissions.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from dataclasses import dataclass, field

from chatdesk.errors import UsageError
from chatdesk.providers.nats.subjects import ANYONE, checked_user

_SEED = re.compile(r"SU[A-Z2-7]{56}")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SEED_INSIDE = re.compile(r"(?<![A-Z2-7])SU[A-Z2-7]{56}(?![A-Z2-7])")


@dataclass(frozen=True, slots=True)
class Login:
    """user: a token of subjects (subjects.py). The rest is for the connection and never shown."""

    user: str = ANYONE
    name: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    seed: str = field(default="", repr=False)
    jwt: str = field(default="", repr=False)


def one_line(text: str) -> str:
    """A credentials file as one line, because a key has no line breaks; other texts unchanged."""
    jwt, seed = _JWT.search(text), _SEED_INSIDE.search(text)
    return f"{jwt[0]} {seed[0]}" if jwt and seed else text


def read_login(key: str | None) -> Login:
    """What a key says. None or "": no authentication.

    Raises UsageError, which does not repeat the key.
    """
    text = (key or "").strip()
    if not text:
        return Login()
    if (jwt := _JWT.search(text)) and (seed := _SEED_INSIDE.search(text)):
        return Login(_jwt_name(jwt[0]), seed=seed[0], jwt=jwt[0])
    if _SEED.fullmatch(text):
        return Login(_public_key(text), seed=text)
    name, colon, password = text.partition(":")
    if colon:
        if not name or not password:
            raise UsageError(
                "The key has a colon, but no name before it or no password behind it.",
                "Write it as name:password.",
            )
        return Login(checked_user(name), name=name, password=password)
    return Login(token=text)


def new_seed() -> str:
    """The seed of a new NKey of a user; its public half is read_login(seed).user."""
    import nkeys

    return bytes(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)).decode("ascii")


def _public_key(seed: str) -> str:
    import nkeys

    try:
        pair = nkeys.from_seed(bytearray(seed, "ascii"))
        public = bytes(pair.public_key).decode("ascii")
        pair.wipe()
    except Exception as error:  # of nkeys, of PyNaCl, of base64
        raise UsageError(
            "The NKey seed is damaged.", "Copy it again; it begins with SU and has 58 characters."
        ) from error.with_traceback(None)
    return checked_user(public)


def _jwt_name(jwt: str) -> str:
    """The name in the JWT's claims. It is signed, and the server checks that, not we."""
    part = jwt.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        name = claims["name"]
    except (ValueError, binascii.Error, KeyError, TypeError):
        name = None
    if not isinstance(name, str):
        raise UsageError("The credentials name no user.", "Take the file that nsc wrote, whole.")
    return checked_user(name)
