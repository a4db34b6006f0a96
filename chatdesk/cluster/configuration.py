"""What a dataflow's processes are told, through the environment: bytewax.run takes no options.

The supervisor (supervisor.py) sets these for the processes that it starts; a unit file may too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chatdesk.cluster.dialogue import Allowance
from chatdesk.errors import UsageError
from chatdesk.providers.nats.login import Login, read_login
from chatdesk.providers.nats.subjects import DEFAULT_PREFIX, Subjects

URL, KEY, SUBJECT = "CHATDESK_NATS_URL", "CHATDESK_NATS_KEY", "CHATDESK_NATS_SUBJECT"
DATA, SYSTEM, CA = "CHATDESK_CLUSTER_DATA", "CHATDESK_CLUSTER_SYSTEM", "CHATDESK_NATS_CA"
WAITING = "CHATDESK_CLUSTER_WAITING"
PER_MINUTE = "CHATDESK_CLUSTER_PER_MINUTE"
PER_DAY = "CHATDESK_CLUSTER_TOKENS_PER_DAY"


@dataclass(frozen=True, slots=True)
class Configuration:
    """url: of the NATS server. data: the folder of the database and of the recovery store. system:
    the system prompt of all users. ca: a file of certificates to trust, None the system's.
    """

    url: str
    data: Path
    login: Login = field(repr=False)
    subjects: Subjects = Subjects()
    system: str = ""
    allowance: Allowance = Allowance()
    ca: Path | None = None

    @property
    def database(self) -> Path:
        """Where prompts and replies are kept for export."""
        return self.data / "exchanges.db"


def from_environment(environment: Mapping[str, str] | None = None) -> Configuration:
    """Raises UsageError for what is missing or cannot be read."""
    given = os.environ if environment is None else environment
    usual = Allowance()
    return Configuration(
        url=_needed(given, URL),
        data=Path(_needed(given, DATA)),
        login=read_login(given.get(KEY)),
        subjects=Subjects(given.get(SUBJECT) or DEFAULT_PREFIX),
        system=given.get(SYSTEM, ""),
        allowance=Allowance(
            _number(given, WAITING, usual.waiting),
            _number(given, PER_MINUTE, usual.requests_per_minute),
            _number(given, PER_DAY, usual.tokens_per_day),
        ),
        ca=Path(given[CA]) if given.get(CA) else None,
    )


def _needed(given: Mapping[str, str], name: str) -> str:
    if not (value := given.get(name, "").strip()):
        raise UsageError(f"The environment variable {name} is not set.", "Set it, or use: "
                         "chatdesk cluster run")  # fmt: skip
    return value


def _number(given: Mapping[str, str], name: str, usual: int) -> int:
    text = given.get(name, "").strip()
    if not text:
        return usual
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{name} is no number.", "Use digits; 0 means no limit.")
    return int(text)
