"""Is everything there that is loaded only when it is needed? `chatdesk doctor --modules`.

A packaged application holds what its packager found. What is imported inside a function, found by
name or read from a folder may have been missed, and a person would meet it weeks later, as the one
thing that does not work. So each of these is loaded here, by name and whatever it costs (seconds),
and made to do a little. The installers' tests run this in the installed application.

Names of modules stand here as text because other rooms own those libraries; that none is forgotten
is tested (tests/unit/core/test_modules.py).
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType

import chatdesk
from chatdesk import diagnostics, paths
from chatdesk.doctor import Check

# What functions import, by the system on which they do ("" everywhere).
LATE: dict[str, tuple[str, ...]] = {
    "": (
        *("apsw", "asyncio", "ctypes", "getpass", "gguf.constants", "idna", "keyring.util"),
        *("llama_cpp.llama_chat_format", "llama_cpp.llama_cpp", "markdown_it"),
        *("markdown_it.common.utils", "nkeys", "psutil", "pydantic", "pygments.lexer"),
        *("pygments.lexers._mapping", "rich.console", "rich.table", "rich.text", "truststore"),
        *("urllib.parse", "warnings"),
    ),
    "linux": ("fcntl", "readline", "secretstorage"),
    "darwin": ("fcntl", "readline"),
    "win32": ("msvcrt",),
}
# Used where it is there already: in notebooks.
OPTIONAL = ("IPython", "IPython.display")
# Modules of ours that need an extra, which packages do not have.
EXTRA = {"chatdesk.cluster.dataflow": "bytewax"}


def module_checks() -> list[Check]:
    """Load and try everything, in an order that a person can follow. Never raises; seconds."""
    made: tuple[tuple[str, Callable[[], str]], ...] = (
        ("Chatdesk", _own),
        ("Libraries", _libraries),
        ("Resources", _resources),
        ("Key storage", _keyrings),
        ("Servers", _servers),
        ("Secure network", _tls),
        ("Database", _database),
        ("Model files", _gguf),
        ("Chat templates", _templates),
        ("Markdown", _markdown),
        ("Code colours", _lexers),
        ("Memory", _memory),
        ("Window", _window),
    )
    return [_tried(name, attempt) for name, attempt in made]


def _tried(name: str, attempt: Callable[[], str]) -> Check:
    try:
        return Check(name, True, attempt())
    except Exception as error:  # a broken package can raise anything from anywhere
        diagnostics.logger.warning("The check of %s failed.", name, exc_info=True)
        words = diagnostics.redact(f"{type(error).__name__}: {error}")[:300]
        return Check(name, False, words, "Reinstall Chatdesk.")


def late() -> list[str]:
    """The modules that functions import on this system."""
    here = "linux" if sys.platform not in LATE else sys.platform
    return [*LATE[""], *LATE[here]]


def _load(name: str) -> ModuleType:
    return importlib.import_module(name)


def _own() -> str:
    found = [
        module.name
        for module in pkgutil.walk_packages(chatdesk.__path__, "chatdesk.")
        if module.name != "chatdesk.__main__"
    ]
    if len(found) < 200:  # there are many more: their list itself was not found
        raise RuntimeError(f"only {len(found)} modules are there")
    for name in found:
        if name not in EXTRA or importlib.util.find_spec(EXTRA[name]) is not None:
            _load(name)
    return f"{len(found)} modules"


def _libraries() -> str:
    for name in late():
        _load(name)
    return f"{len(late())} modules"


def _resources() -> str:
    icons = sorted(paths.resource("icons").glob("*.svg"))
    for file in (paths.resource("chatdesk.qss"), paths.resource("chatdesk.svg"), *icons):
        file.read_bytes()
    if not icons:
        raise RuntimeError("there are no icons")
    if paths.frozen():
        paths.resource("licences").joinpath("THIRD-PARTY.txt").read_bytes()
    return f"{len(icons)} icons"


def _keyrings() -> str:
    from chatdesk.credentials.vault import backends

    for name in backends():
        module, _, kind = name.rpartition(".")
        getattr(_load(module), kind)
    rings = _load("keyring.backend").get_all_keyring()  # asks the packages' entry points
    if not rings:
        raise RuntimeError("no backend of keyring registers itself")
    return ", ".join(name.split(".")[-2] for name in backends())


def _servers() -> str:
    import asyncio

    from chatdesk.providers.profiles import Profile
    from chatdesk.providers.remote.api import Server
    from chatdesk.providers.remote.limits import Limits
    from chatdesk.providers.remote.transport import guarded_client

    profile = Profile("doctor", "Doctor", "custom", "https://127.0.0.1:9/v1")
    openai = _load("chatdesk.providers.remote.openai_client").GuardedOpenAI
    hub = _load("chatdesk.providers.remote.tgi_client").GuardedInferenceClient

    async def make() -> None:
        client = guarded_client(profile, None, Limits())
        _ = openai(Server(profile, client)).chat.completions, hub(client, None).text_generation
        await client.aclose()
        nats = Profile("doctor", "Doctor", "nats", "nats://127.0.0.1:9")
        await (
            _load("chatdesk.providers.remote.nats_api")
            .NatsApi()
            .open(nats, None, Limits())
            .aclose()
        )

    asyncio.run(make())
    return "openai, huggingface_hub and nats"


def _tls() -> str:
    ssl, truststore = _load("ssl"), _load("truststore")
    truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return str(ssl.OPENSSL_VERSION)


def _database() -> str:
    apsw = _load("apsw")
    memory = apsw.Connection(":memory:")
    try:
        memory.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        memory.execute("PRAGMA cipher='chacha20'")
    finally:
        memory.close()
    return f"SQLite {apsw.sqlite_lib_version()}"


def _gguf() -> str:
    types = _load("gguf.constants").GGMLQuantizationType
    return f"{len(types)} kinds of tensors"


def _templates() -> str:
    from chatdesk.chat.messages import Role
    from chatdesk.providers.llama.template import ChatTemplate, Turn

    turns = (Turn(Role.USER, "Hello"),)
    source = "{% for m in messages %}{{ m.role }}: {{ m.content | trim }}\n{% endfor %}"
    for chosen in (source, "chatml"):
        template = ChatTemplate.choose(chosen, "", bos="", eos="", name="")
        if "Hello" not in template.render(turns).text:
            raise RuntimeError("a template is rendered wrongly")
    return "Jinja and llama-cpp-python's own"


def _markdown() -> str:
    leaves = _load("chatdesk.ui.markdown.parser").parse(
        "# A *b*\n\n- [x] `c`\n\n| d |\n|---|\n| e |\n\n```python\n1\n```\n"
    )
    kinds = sorted({leaf.kind for leaf in leaves})
    if not {"code", "table"} <= set(kinds):
        raise RuntimeError(f"a text is read wrongly: {kinds}")
    return ", ".join(kinds)


def _lexers() -> str:
    names = _load("pygments.lexers._mapping").LEXERS
    for class_name, entry in names.items():
        getattr(_load(entry[0]), class_name)
    colours = _load("chatdesk.ui.markdown.highlight")
    if not any(colours.highlight("if x: pass\n", "python")[0]):
        raise RuntimeError("Python is not coloured")
    return f"{len(names)} languages"


def _memory() -> str:
    psutil = _load("psutil")
    return f"{psutil.cpu_count()} processors, {psutil.virtual_memory().total:,} bytes"


def _window() -> str:
    return str(_load("chatdesk.ui.plugins").load_all())
