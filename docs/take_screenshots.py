"""Takes the README's pictures: the real application, the real model, a fresh data directory.

    xvfb-run -s "-screen 0 2600x1800x24" .venv/bin/python docs/take_screenshots.py

Run it again when the window changes. Texts differ a little from machine to machine, as models do.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_SCALE_FACTOR", "2")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PySide6.QtWidgets import QApplication, QDialog, QWidget  # noqa: E402

from chatdesk.app import Program, make_application  # noqa: E402
from chatdesk.paths import DataDir  # noqa: E402
from chatdesk.store import open_store  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SIZE = (1080, 720)
QUESTIONS = (
    "Give me three ideas for a rainy Sunday",
    "Explain why the sky is blue",
    "Name the planets of the solar system",
    "Write a Python function that reverses a string",
)


async def until_idle(program: Program) -> None:
    while program.desk.streaming() or program.desk.models.state.kind != "ready":
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


async def picture(widget: QWidget, name: str) -> None:
    await asyncio.sleep(0.5)
    widget.grab().save(str(IMAGES / f"{name}.png"))


def dialog() -> QDialog:
    return next(
        widget
        for widget in QApplication.topLevelWidgets()
        if isinstance(widget, QDialog) and widget.isVisible()
    )


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
        program = Program(make_application(), data, open_store(data))
        program.run((), lambda: program.desk.tasks.start(take(program)))


if __name__ == "__main__":
    main()
