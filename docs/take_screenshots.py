"""Takes the pictures of the README and the docs: the real application, the real model, a fresh
data directory. With names of pictures it takes those alone.

    dbus-run-session -- sh -c '
        echo -n password | gnome-keyring-daemon --unlock --components=secrets &&
        xvfb-run -s "-screen 0 2600x1800x24" .venv/bin/python docs/take_screenshots.py'

The keyring is for the picture of the providers, which has a key that is saved; give it a HOME of
its own. No server is asked: what they listed is written as if they had been asked a moment ago.
Run it again when the window changes. Texts differ a little from machine to machine, as models do.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_SCALE_FACTOR", "2")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PySide6.QtWidgets import QApplication, QDialog, QWidget  # noqa: E402

from chatdesk.app import Program, make_application  # noqa: E402
from chatdesk.credentials import Keys, Secret  # noqa: E402
from chatdesk.paths import DataDir  # noqa: E402
from chatdesk.providers.profiles import Accounts, Profiles  # noqa: E402
from chatdesk.store import Store, open_store  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SIZE = (1080, 720)
QUESTIONS = (
    "Give me three ideas for a rainy Sunday",
    "Explain why the sky is blue",
    "Name the planets of the solar system",
    "Write a Python function that reverses a string",
)
# Name, kind, what it listed: models with their context in tokens (0: it did not say).
PROVIDERS: tuple[tuple[str, str, dict[str, int]], ...] = (
    (
        "Mistral",
        "mistral",
        {
            "mistral-large-latest": 131_072,
            "mistral-small-latest": 131_072,
            "open-mixtral-8x7b": 32_768,
        },
    ),
    ("Ollama", "ollama", {"llama3.2:3b": 0, "qwen3:8b": 0}),
)
WANTED = frozenset(sys.argv[1:])


async def until_idle(program: Program) -> None:
    while program.desk.streaming() or program.desk.models.state.kind != "ready":
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


async def picture(widget: QWidget, name: str) -> None:
    if WANTED and name not in WANTED:
        return
    await asyncio.sleep(0.5)
    widget.grab().save(str(IMAGES / f"{name}.png"))


def dialog(within: QWidget | None = None) -> QDialog:
    """The dialog that is open; within: the panel that lies over a window."""
    widgets = QApplication.topLevelWidgets() if within is None else within.findChildren(QDialog)
    return next(one for one in widgets if isinstance(one, QDialog) and one.isVisible())


def set_up_providers(data: DataDir, store: Store) -> None:
    """Providers with lists of models that are fresh, and a key in the keyring."""
    accounts = Accounts(Profiles(data), Keys(data))
    for name, kind, models in PROVIDERS:
        profile = accounts.profiles.add(name, kind)
        if profile.needs_key:
            accounts.set_key(profile, Secret("this is an example and no key"))
        listed = {"of": profile.base_url, "at": time.time(), "models": list(models.items())}
        store.state.set(f"models.{profile.id}", listed)


async def take_providers(program: Program) -> None:
    """The picker and the dialog, in both schemes."""
    desk = program.desk
    for theme in ("light", "dark"):
        desk.settings.set("appearance.theme", theme)
        desk.commands.show_picker()
        await asyncio.sleep(1.0)
        await picture(program.window, f"model-picker-{theme}")
        dialog(program.window).close()
        desk.commands.show_providers()
        await asyncio.sleep(1.0)
        await picture(dialog(), f"providers-{theme}")
        dialog().close()
    desk.settings.set("appearance.theme", "light")


async def take(program: Program) -> None:
    """Chat a little and take the pictures."""
    window, desk = program.window, program.desk
    window.resize(*SIZE)
    desk.settings.set_many(
        {"sampling.seed": 4, "sampling.max_tokens": 260, "appearance.theme": "light"}
    )
    await until_idle(program)
    await picture(window, "welcome")
    for question in QUESTIONS:
        desk.conversations.new()
        desk.writing.send(question)
        await until_idle(program)
    await picture(window, "window-light")
    desk.settings.set("appearance.theme", "dark")
    await picture(window, "window-dark")
    await take_providers(program)
    desk.settings.set("appearance.theme", "light")
    desk.commands.show_settings()
    await picture(dialog(), "settings")
    dialog().close()
    program.close()


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        data = DataDir(Path(folder) / "data")
        data.create()
        store = open_store(data)
        if not WANTED or any(name.startswith(("model-", "providers-")) for name in WANTED):
            set_up_providers(data, store)
        program = Program(make_application(), data, store)
        program.run((), lambda: program.desk.tasks.start(take(program)))


if __name__ == "__main__":
    main()
