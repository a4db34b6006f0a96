"""A question before what cannot be undone, and before what was written is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from chatdesk.ui.dialog import Dialog, wrapped
from chatdesk.ui.theme import S2, S5, Theme


@dataclass(frozen=True, slots=True)
class Answer:
    """A button. name: what answered() tells, "" for doing nothing (Escape does the same)."""

    name: str
    text: str
    kind: Literal["primary", "danger", "quiet", ""] = ""


class Question(Dialog):
    """answered(name): what was chosen; "" too when it was only closed. Open it with open()."""

    answered = Signal(str)

    def __init__(
        self,
        title: str,
        text: str,
        answers: Sequence[Answer],
        theme: Theme,
        parent: QWidget,
    ) -> None:
        """The last answer has the focus: it should be the harmless one."""
        super().__init__(title, theme, parent, QSize(460, 170))
        self.setObjectName("question")
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        column = QVBoxLayout()
        column.setContentsMargins(S5, S5, S5, S5)
        column.setSpacing(S2)
        column.addWidget(wrapped(title, self, "heading"))
        column.addWidget(wrapped(text, self))
        column.addStretch(1)
        self.body.addLayout(column)
        self.buttons.addStretch(1)
        self._answer = ""
        self.choices: dict[str, QPushButton] = {}
        for answer in answers:
            button = QPushButton(answer.text, self)
            button.setObjectName(f"answer_{answer.name or 'nothing'}")
            button.setAutoDefault(False)
            if answer.kind:
                button.setProperty("kind", answer.kind)
            button.clicked.connect(self._choose)
            self.buttons.addWidget(button)
            self.choices[answer.name] = button
        self.choices[answers[-1].name].setFocus()
        self.finished.connect(self._tell)

    def _choose(self) -> None:
        self._answer = next(n for n, button in self.choices.items() if button is self.sender())
        self.accept()

    def _tell(self) -> None:
        self.answered.emit(self._answer)


def ask(
    parent: QWidget,
    theme: Theme,
    title: str,
    text: str,
    answers: Sequence[Answer],
    slot: Callable[[str], None],
) -> None:
    """Ask over the parent's window; slot gets the answer later. A second question waits for none:
    where one is open already, nothing is asked.
    """
    window = parent.window()
    if any(question.isVisible() for question in window.findChildren(Question)):
        return
    question = Question(title, text, answers, theme, window)
    question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    question.answered.connect(slot)
    question.open()
