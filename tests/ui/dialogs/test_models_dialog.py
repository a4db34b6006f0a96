"""The model manager: what it lists, choosing, adding, removing with undo, errors in words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from chatdesk.errors import LoadCancelled, ModelError, NotFound
from chatdesk.library import BrokenModel, Fit, Library, ModelInfo
from chatdesk.paths import DataDir
from chatdesk.providers.llama import ModelState
from chatdesk.settings import SettingsFile
from chatdesk.ui.models import ModelsDialog
from chatdesk.ui.models import adding as adding_module
from chatdesk.ui.models import rows as rows_module
from chatdesk.ui.models.background import Background
from chatdesk.ui.models.rows import ModelRows, Row
from chatdesk.ui.theme import Theme

# The offscreen platform says so of every window that has a least size.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)

FREE = 8_000_000_000


def model(name: str, **changes: object) -> ModelInfo:
    values: dict[str, object] = {
        "path": Path(f"/models/{name}.gguf"),
        "name": name,
        "architecture": "llama",
        "size_bytes": 100_000_000,
        "parameters": 135_000_000,
        "quantisation": "Q4_1",
        "context_length": 8192,
        "has_chat_template": True,
        "licence": "apache-2.0",
        "kv_bytes_per_token": 1000,
        "problem": None,
        "source": "added",
    }
    return ModelInfo(**(values | changes))  # type: ignore[arg-type]


BUNDLED = model("SmolLM2", source="bundled")
QWEN = model("Qwen", source="data", size_bytes=4_700_000_000)
HUGE = model("Huge", size_bytes=42_000_000_000)
BASE = model("Base", has_chat_template=False, problem="Base has no chat template.")
BROKEN = BrokenModel(
    Path("/models/notes.gguf"), "notes.gguf", "notes.gguf is no model.", "Remove it.", "added"
)


class Shelf(Library):
    """A library in memory, with the words of the real one."""

    def __init__(self, data: DataDir, entries: list[ModelInfo | BrokenModel]) -> None:
        super().__init__(data)
        self.entries = entries
        self.gate = threading.Event()
        self.gate.set()

    def list(self) -> list[ModelInfo | BrokenModel]:
        return list(self.entries)

    def add(self, path: str | Path, *, copy: bool = False) -> ModelInfo:
        self.gate.wait(10)
        known = [entry for entry in self.entries if entry.path == Path(path)]
        added = known[0] if known else model(Path(path).stem, path=Path(path))
        assert isinstance(added, ModelInfo)
        if not known:
            self.entries.append(added)
        return added

    def remove(self, name_or_path: str | Path) -> Path:
        for entry in self.entries:
            if entry.path == name_or_path:
                self.entries.remove(entry)
                return entry.path
        raise NotFound("There is no such model.")


Open = Callable[..., ModelsDialog]


@pytest.fixture
def shelf(data_path: Path) -> Shelf:
    return Shelf(DataDir(data_path).create(), [BUNDLED, BASE, HUGE, BROKEN, QWEN])


@pytest.fixture(autouse=True)
def inspected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Files "exist"; free memory does not depend on the machine."""
    seen: list[Path] = []

    def inspect(path: Path) -> ModelInfo:
        seen.append(path)
        if "bad" in path.name:
            raise ModelError(f"{path.name} is not a GGUF model file.", "Choose another.")
        return model(path.stem, path=path)

    monkeypatch.setattr(adding_module, "inspect", inspect)
    monkeypatch.setattr(rows_module, "free_memory", lambda: FREE)
    monkeypatch.setattr("chatdesk.library.memory.free_memory", lambda: FREE)
    yield seen


@pytest.fixture
def opened(qtbot: QtBot, shelf: Shelf, settings: SettingsFile, theme: Theme) -> Open:
    kept = []

    def make(current: Path | None = BUNDLED.path) -> ModelsDialog:
        dialog = ModelsDialog(shelf, settings, theme)
        kept.append(dialog)
        qtbot.addWidget(dialog)
        dialog.set_current(current)
        with qtbot.waitSignal(dialog.rows.modelReset):
            dialog.show()
        return dialog

    return make


def select(dialog: ModelsDialog, entry: ModelInfo | BrokenModel) -> None:
    dialog.list.setCurrentIndex(dialog.rows.index_of(entry.path))
    row = dialog.selected()
    assert row is not None and row.entry == entry


def names(dialog: ModelsDialog) -> list[str]:
    return [dialog.rows.data(dialog.rows.index(at)) for at in range(dialog.rows.rowCount())]  # type: ignore[misc]


def badges(dialog: ModelsDialog) -> dict[str, str]:
    rows = [dialog.rows.row(dialog.rows.index(at)) for at in range(dialog.rows.rowCount())]
    return {row.entry.name: row.badge for row in rows if row is not None}


def detail(dialog: ModelsDialog, key: str) -> str:
    return str(dialog.details.findChild(QWidget, f"model_{key}").text().replace("\u200b", ""))


def test_all_models_are_listed_each_with_its_mark(opened: Open) -> None:
    assert badges(opened()) == {
        "SmolLM2": "In use",
        "Base": "No chat template",
        "Huge": "Does not fit",
        "notes.gguf": "Cannot be used",
        "Qwen": "",
    }


def test_the_model_in_use_is_selected_and_has_the_focus(opened: Open) -> None:
    dialog = opened()
    row = dialog.selected()
    assert row is not None and row.entry == BUNDLED
    assert dialog.list.hasFocus()


def test_details_are_in_plain_words(opened: Open) -> None:
    dialog = opened()
    select(dialog, QWEN)
    assert detail(dialog, "size") == "4.7 GB"
    assert detail(dialog, "parameters") == "135 million"
    assert detail(dialog, "quantisation") == "Q4_1"
    assert detail(dialog, "context") == "8,192 tokens"
    assert detail(dialog, "template") == "Yes"
    assert detail(dialog, "licence") == "apache-2.0"
    assert detail(dialog, "path") == str(QWEN.path)


def test_a_broken_file_tells_its_reason_and_cannot_be_used(opened: Open) -> None:
    dialog = opened()
    select(dialog, BROKEN)
    trouble = dialog.details.findChild(QWidget, "modelTrouble")
    assert trouble.text() == "notes.gguf is no model. Remove it."  # type: ignore[union-attr]
    assert not dialog.details.use_button.isEnabled()


def test_a_screen_reader_hears_name_mark_and_summary(opened: Open) -> None:
    dialog = opened()
    text = dialog.rows.data(dialog.rows.index(0), Qt.ItemDataRole.AccessibleTextRole)
    assert str(text).startswith("SmolLM2, In use, 100 MB")


def test_enter_chooses_the_model_and_closes(opened: Open, qtbot: QtBot) -> None:
    dialog = opened()
    select(dialog, QWEN)
    with qtbot.waitSignal(dialog.model_chosen) as signal:
        qtbot.keyClick(dialog.list, Qt.Key.Key_Return)
    assert signal.args == ["Qwen"] and not dialog.isVisible()


def test_the_bundled_model_is_chosen_by_the_empty_name(opened: Open, qtbot: QtBot) -> None:
    dialog = opened(QWEN.path)
    select(dialog, BUNDLED)
    with qtbot.waitSignal(dialog.model_chosen) as signal:
        qtbot.mouseClick(dialog.details.use_button, Qt.MouseButton.LeftButton)
    assert signal.args == [""]


@pytest.mark.parametrize(
    ("entry", "words"),
    [(HUGE, "does not fit in memory"), (BASE, "no chat template"), (BROKEN, "is no model")],
)
def test_what_cannot_be_used_says_why_and_is_not_chosen(
    opened: Open, qtbot: QtBot, entry: ModelInfo | BrokenModel, words: str
) -> None:
    dialog = opened()
    select(dialog, entry)
    with qtbot.assertNotEmitted(dialog.model_chosen):
        dialog.choose()
    assert dialog.isVisible() and dialog.error.isVisible() and words in dialog.error.text()


def test_a_chat_format_in_the_settings_makes_up_for_a_missing_template(
    opened: Open, qtbot: QtBot, settings: SettingsFile
) -> None:
    settings.set("model.chat_format", "chatml")
    dialog = opened()
    select(dialog, BASE)
    with qtbot.waitSignal(dialog.model_chosen):
        dialog.choose()


def test_the_search_filters_and_says_when_nothing_matches(opened: Open, qtbot: QtBot) -> None:
    dialog = opened()
    qtbot.keyClick(dialog.list, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(dialog.search, "qw q4")
    assert names(dialog) == ["Qwen"]
    dialog.search.setText("zzz")
    assert dialog.nothing.isVisible() and "zzz" in dialog.nothing.text()
    qtbot.keyClick(dialog.search, Qt.Key.Key_Escape)
    assert dialog.isVisible() and len(names(dialog)) == 5


def test_no_model_at_all_says_what_to_do(opened: Open, shelf: Shelf) -> None:
    shelf.entries.clear()
    dialog = opened(None)
    assert dialog.empty.isVisible() and "No models yet" in dialog.empty.text()


def test_an_added_file_is_inspected_listed_and_selected(
    opened: Open, qtbot: QtBot, tmp_path: Path, inspected: list[Path]
) -> None:
    dialog = opened()
    with qtbot.waitSignals([dialog.library_changed, dialog.rows.modelReset]):
        dialog.add([str(tmp_path / "new.gguf")])
    assert inspected == [tmp_path / "new.gguf"]
    row = dialog.selected()
    assert row is not None and row.entry.name == "new"


def test_a_dropped_file_is_added(opened: Open, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = opened()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "new.gguf"))])
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    with qtbot.waitSignal(dialog.library_changed):
        dialog.dropEvent(event)


def test_a_file_that_is_no_model_tells_why_and_changes_nothing(
    opened: Open, qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = opened()
    dialog.add([str(tmp_path / "bad.gguf")])
    qtbot.waitUntil(dialog.error.isVisible)
    assert dialog.error.text() == "bad.gguf is not a GGUF model file. Choose another."
    assert len(names(dialog)) == 5 and dialog.add_button.isEnabled()


def test_reading_that_takes_long_shows_progress_and_can_be_cancelled(
    opened: Open, qtbot: QtBot, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = opened()
    dialog.adding.patience.setInterval(20)
    shelf.gate.clear()
    dialog.add([str(tmp_path / "slow.gguf")])
    busy = dialog.findChild(QWidget, "modelBusy")
    qtbot.waitUntil(busy.isVisible)  # type: ignore[union-attr]
    assert not dialog.add_button.isEnabled()
    cancel = dialog.findChild(QPushButton, "cancelAddButton")
    with qtbot.waitSignal(dialog.rows.modelReset):
        qtbot.mouseClick(cancel, Qt.MouseButton.LeftButton)
    assert not busy.isVisible() and dialog.add_button.isEnabled()  # type: ignore[union-attr]
    shelf.gate.set()


def test_a_removed_model_comes_back_with_undo(opened: Open, qtbot: QtBot, shelf: Shelf) -> None:
    dialog = opened()
    shelf_before = [QWEN]
    select(dialog, QWEN)
    with qtbot.waitSignals([dialog.library_changed, dialog.rows.modelReset]):
        qtbot.keyClick(dialog.list, Qt.Key.Key_Delete)
    assert "Qwen" not in names(dialog)
    assert dialog.undo_notice.isVisible() and "trash" in dialog.undo_notice.text()
    shelf.entries += shelf_before  # where the real library finds it again
    with qtbot.waitSignals([dialog.library_changed, dialog.rows.modelReset]):
        qtbot.mouseClick(dialog.undo_notice.button, Qt.MouseButton.LeftButton)
    assert "Qwen" in names(dialog) and not dialog.undo_notice.isVisible()


@pytest.mark.parametrize("entry", [BUNDLED, QWEN])
def test_what_belongs_to_chatdesk_or_is_in_use_cannot_be_removed(
    opened: Open, entry: ModelInfo
) -> None:
    dialog = opened(QWEN.path)
    select(dialog, entry)
    assert not dialog.details.remove_button.isEnabled()
    assert dialog.details.remove_button.toolTip()


def test_loading_is_followed(opened: Open) -> None:
    dialog = opened()
    dialog.model_changed(ModelState("loading", "Qwen", 0.4, path=QWEN.path))
    assert badges(dialog)["Qwen"] == "Loading 40%" and badges(dialog)["SmolLM2"] == "In use"
    dialog.model_changed(ModelState("ready", "Qwen", 1.0, path=QWEN.path))
    assert badges(dialog)["Qwen"] == "In use" and badges(dialog)["SmolLM2"] == ""


def test_loading_can_be_cancelled_where_it_is_shown(opened: Open, qtbot: QtBot) -> None:
    dialog = opened()
    dialog.model_changed(ModelState("loading", "Qwen", 0.4, path=QWEN.path))
    dialog.list.setCurrentIndex(dialog.rows.index_of(QWEN.path))
    assert dialog.details.use_button.text() == "Cancel loading"
    with qtbot.waitSignal(dialog.cancel_requested):
        dialog.details.use_button.click()
    cancelled = LoadCancelled("Loading Qwen was cancelled.")
    dialog.model_changed(ModelState("failed", "Qwen", error=cancelled, path=QWEN.path))
    assert dialog.details.use_button.text() == "Use this model"
    assert not dialog.error.isVisible()


def test_a_failed_load_is_told(opened: Open) -> None:
    dialog = opened()
    error = ModelError("The model could not be loaded.", "Choose another one.")
    dialog.model_changed(ModelState("failed", "Qwen", error=error, path=QWEN.path))
    assert dialog.error.text() == "The model could not be loaded. Choose another one."


def test_a_dialog_closed_while_it_reads_is_in_nobodys_way(
    qtbot: QtBot, shelf: Shelf, settings: SettingsFile, theme: Theme, tmp_path: Path
) -> None:
    dialog = ModelsDialog(shelf, settings, theme)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.show()
    shelf.gate.clear()
    dialog.add([str(tmp_path / "slow.gguf")])
    with qtbot.waitSignal(dialog.destroyed):
        dialog.close()
    shelf.gate.set()
    qtbot.waitUntil(lambda: any(entry.name == "slow" for entry in shelf.entries))
    qtbot.wait(50)


def test_the_real_library_is_read(
    qtbot: QtBot, data_path: Path, settings: SettingsFile, theme: Theme
) -> None:
    data = DataDir(data_path).create()
    (data.models / "notes.gguf").write_bytes(b"no model")
    dialog = ModelsDialog(Library(data), settings, theme)
    qtbot.addWidget(dialog)
    with qtbot.waitSignal(dialog.rows.modelReset):
        dialog.show()
    assert badges(dialog)["notes.gguf"] == "Cannot be used"


def test_a_bug_in_background_work_is_raised_in_the_window(qtbot: QtBot, qapp: object) -> None:
    owner = QWidget()
    qtbot.addWidget(owner)
    with qtbot.captureExceptions() as exceptions:
        Background(owner).run(lambda: 1 // 0)
        qtbot.waitUntil(lambda: bool(exceptions))
    assert exceptions[0][0] is ZeroDivisionError


def test_rows_are_a_sound_qt_model(qtmodeltester: object) -> None:
    rows = ModelRows()
    qtmodeltester.check(rows)  # type: ignore[attr-defined]
    rows.set_rows([Row(BUNDLED, Fit(1, 2, True)), Row(BROKEN)])
    rows.set_search("smol")
    rows.set_state(BUNDLED.path, (BUNDLED.path, 0.5))
    qtmodeltester.check(rows)  # type: ignore[attr-defined]
