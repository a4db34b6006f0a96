"""One provider that a person has set up, and the rules that keep it safe and sensible."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from chatdesk.credentials import Origin
from chatdesk.errors import Remedy, UsageError
from chatdesk.providers.nats.subjects import DEFAULT_PREFIX, Subjects
from chatdesk.providers.profiles.presets import PRESETS, Preset

LONGEST_NAME = 60
LONGEST_PATH = 1_000
LONGEST_MODEL = 300  # the longest names in public model lists have about 100 characters
MOST_MODELS = 500
MOST_HEADERS = 20
LONGEST_VALUE = 2_000
LARGEST_CONTEXT = 100_000_000

_KEEP = Remedy(terminal="Keep it with: chatdesk keys set NAME.")

# The prompt templates of TGI's native API; "" is chosen by it ("plain").
TEMPLATES = ("plain", "chatml", "llama-2", "llama-3", "mistral", "falcon")

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a header's name (RFC 9110, 5.6.2)
_SECRET = re.compile(r"auth|cookie|token|secret|passw|credential|(?:^|[-_])(?:api)?key(?:$|[-_])")
_SECRET_VALUE = re.compile(r"(?:bearer|basic|token)\s|(?:sk|gsk|hf|xai)[-_]\w{8}", re.IGNORECASE)
# Those belong to the connection and are set by the client itself.
_OWN = frozenset(
    (
        *("host", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"),
        *("content-length", "content-type", "content-encoding", "transfer-encoding"),
        *("accept", "accept-encoding"),
    )
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A provider. Immutable; any thread. Nothing here is secret.

    id: stable, made when it was added; conversations and the keyring name it by this. kind: a key
    of PRESETS. default_model: answers where only the provider is named; "" the first that the
    server lists. models: entered by hand, for servers that list none. headers: sent with every
    request. context_size: tokens, 0 where the server is asked. template: a name of TEMPLATES, or ""
    (only for the kind tgi). use_environment: the key may come from the environment variable of its
    kind. allow_http: the person accepted an unencrypted address that is not on this computer.
    keep_requests: a request waits at the server for a worker (only for the kind nats).
    """

    id: str
    name: str
    kind: str
    base_url: str
    needs_key: bool = True
    default_model: str = ""
    models: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    context_size: int = 0
    template: str = ""
    use_environment: bool = False
    allow_http: bool = False
    keep_requests: bool = False

    @property
    def preset(self) -> Preset:
        """What is known about its kind."""
        return PRESETS[self.kind]

    @property
    def origin(self) -> Origin:
        """Where its requests go, and the only place where its key goes."""
        return Origin.of(self.base_url)

    @property
    def subjects(self) -> Subjects:
        """Where a pool of NATS workers listens: the path of the address says it."""
        return Subjects(urlsplit(self.base_url).path.strip("/") or DEFAULT_PREFIX)

    @property
    def on_this_computer(self) -> bool:
        """Whether who answers is another program on this computer. Of the workers of a NATS server
        nobody knows where they are.
        """
        return self.origin.loopback and self.preset.api != "nats"

    @property
    def place(self) -> str:
        """Its host, with the port where that is not the usual one: "api.mistral.ai"."""
        return str(self.origin).partition("//")[2]

    @property
    def leaves(self) -> str:
        """Whether a message goes away, in words, where the provider is not on_this_computer."""
        sure = not self.origin.loopback
        return "leaves this computer" if sure else "may leave this computer"

    @property
    def remote_words(self) -> str:
        """What happens to a message: "leaves this computer and goes to api.mistral.ai"."""
        if self.on_this_computer:
            return f"goes to {self.name}, another program on this computer ({self.place})"
        if self.preset.api == "nats":
            return f"{self.leaves}: it goes to {self.place} and on to the workers there"
        return f"{self.leaves} and goes to {self.place}"


def checked(profile: Profile) -> Profile:
    """The profile with everything in its usual form. Raises UsageError for what cannot be.

    Whether its name is free is not known here (Profiles).
    """
    if profile.kind not in PRESETS:
        raise UsageError(
            f'There is no kind of provider "{_shown(profile.kind)}".',
            f"There are: {', '.join(PRESETS)}.",
        )
    base_url = _base_url(profile)
    profile = replace(
        profile,
        name=_name(profile.name),
        base_url=base_url,
        default_model=_model(profile.default_model) if profile.default_model else "",
        models=_models(profile.models),
        headers=_headers(profile.headers),
        context_size=_context_size(profile.context_size),
    )
    if profile.template and profile.preset.api != "tgi":
        raise UsageError(
            f"{profile.preset.name} makes its prompts itself.",
            "A template is only for the kind tgi.",
        )
    if profile.template and profile.template not in TEMPLATES:
        raise UsageError(
            f'There is no template "{_shown(profile.template)}".',
            f"There are: {', '.join(TEMPLATES)}.",
        )
    if profile.keep_requests and profile.preset.api != "nats":
        raise UsageError(
            f"{profile.preset.name} keeps no requests.", "That is only for the kind nats."
        )
    if profile.use_environment and not profile.preset.variable:
        raise UsageError(
            f"No environment variable holds a key by convention for {profile.preset.name}.",
            "Keep the key in the keyring.",
            remedy=_KEEP,
        )
    return profile


def plain_http(base_url: str) -> bool:
    """Whether messages and key would go unencrypted to another computer: over http:// or nats://.

    Raises UsageError.
    """
    return not Origin.of(base_url).secure


def _name(name: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", name).split(" ")).strip()
    if not name:
        raise UsageError("The provider has no name.", "Give it one, such as Mistral.")
    if len(name) > LONGEST_NAME:
        raise UsageError(
            "The provider's name is too long.", f"Use at most {LONGEST_NAME} characters."
        )
    if not _printable(name):
        raise UsageError(
            "The provider's name has a character that cannot be seen.", "Type the name again."
        )
    if ":" in name:
        raise UsageError(
            "A provider's name has no colon.",
            "The colon stands between provider and model: mistral:open-mixtral-8x7b.",
        )
    if (
        (len(name) == 1 and name.isascii() and name.isalpha())
        or any(mark in name for mark in "/\\")
        or name[0] in ".~-"
        or name.lower().endswith(".gguf")
    ):
        raise UsageError(
            f'"{name}" looks like the path of a model file.', "Give the provider another name."
        )
    return name


def _base_url(profile: Profile) -> str:
    text = (profile.base_url or PRESETS[profile.kind].base_url).strip()
    if not text:
        raise UsageError("The provider has no base URL.", "Give one, such as http://host:8000/v1.")
    origin = Origin.of(text)
    nats = profile.preset.api == "nats"
    encrypted = "tls" if nats else "https"
    if origin.scheme not in ((encrypted, "nats") if nats else (encrypted, "http")):
        raise UsageError(
            f"An address that starts with {origin.scheme}:// is none of "
            f"{'a NATS server' if nats else 'this kind of server'}.",
            f"Write it like {PRESETS['nats'].base_url} or tls://nats.example.com."
            if nats
            else "For NATS workers add a provider of the kind nats."
            if origin.scheme in ("nats", "tls")
            else "",
        )
    path = urlsplit(text).path.rstrip("/")
    if len(path) > LONGEST_PATH or not _printable(path):
        raise UsageError(
            "The base URL has characters that do not belong in one.",
            "Copy it again from the provider's documentation.",
        )
    if plain_http(text) and not profile.allow_http:
        raise UsageError(
            f"{origin.scheme}:// to {origin.host} is not encrypted: others on the way could read "
            "every message, and the key.",
            f"Use {encrypted}://, or allow it on purpose (--allow-http) in a network that you "
            "trust.",
        )
    if nats:
        path = _checked_subject(path)
    return f"{origin}{path}"


def _checked_subject(path: str) -> str:
    """The path of a NATS address, which says below which subject its workers listen."""
    try:
        Subjects(path.strip("/") or DEFAULT_PREFIX)
    except UsageError as error:
        raise UsageError(
            f'"{_shown(path)}" at the end of the address cannot be a subject.',
            "Write it like nats://host:4222/lab, with letters, digits, - and _, and dots between "
            "the parts.",
        ) from error
    return path


def _model(model: str) -> str:
    model = model.strip()
    if not model or len(model) > LONGEST_MODEL or not _printable(model):
        raise UsageError(
            f'"{_shown(model)}" cannot be the name of a model.',
            "Copy it from the provider's list of models.",
        )
    return model


def _models(models: tuple[str, ...]) -> tuple[str, ...]:
    if len(models) > MOST_MODELS:
        raise UsageError("These are too many models.", f"Enter at most {MOST_MODELS}.")
    return tuple(dict.fromkeys(_model(model) for model in models))


def _headers(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if len(headers) > MOST_HEADERS:
        raise UsageError("These are too many headers.", f"Use at most {MOST_HEADERS}.")
    found: dict[str, tuple[str, str]] = {}
    for name, value in headers:
        name, value = name.strip(), value.strip()
        lower = name.lower()
        if not _TOKEN.fullmatch(name):
            raise UsageError(
                f'"{_shown(name)}" cannot be the name of a header.', "An example: X-Title."
            )
        if _SECRET.search(lower) or _SECRET_VALUE.match(value):
            raise UsageError(
                f"The header {name} looks like a key, and headers are saved where others may read "
                "them.",
                "Keep the key in the keyring.",
                remedy=_KEEP,
            )
        if lower in _OWN or lower.startswith("proxy-"):
            raise UsageError(
                f"The header {name} belongs to the connection and cannot be set.", "Leave it out."
            )
        # A line break would begin another header; text beyond Latin-1 cannot be sent.
        if len(value) > LONGEST_VALUE or not (value.isascii() and _printable(value)):
            raise UsageError(
                f"The value of the header {name} has characters that cannot be sent.",
                "Use letters, digits and signs of the English keyboard.",
            )
        if lower in found:
            raise UsageError(f"The header {name} is given twice.", "Give it once.")
        found[lower] = (name, value)
    return tuple(found.values())


def _context_size(size: int) -> int:
    if not 0 <= size <= LARGEST_CONTEXT:
        raise UsageError(
            f"The context size {size} is out of bounds.",
            f"Give a number of tokens up to {LARGEST_CONTEXT:,}; 0 asks the server.",
        )
    return size


def _printable(text: str) -> bool:
    """Whether nothing in it is invisible or changes how the rest is shown."""
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in text)


def _shown(text: str) -> str:
    return "".join(c if _printable(c) else "?" for c in text[:80])
