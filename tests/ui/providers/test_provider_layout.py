"""The dialog on small screens, with large fonts, from right to left, and with long names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage
from PySide6.QtWidgets import QApplication

from chatdesk.credentials.problems import no_keyring
from chatdesk.errors import ProviderError
from chatdesk.providers.profiles import Accounts
from chatdesk.providers.remote import Check
from chatdesk.ui.providers.lines import shortened
from chatdesk.ui.providers.rows import Row
from chatdesk.ui.theme import Theme

if TYPE_CHECKING:
    from tests.ui.providers.conftest import Hands, HeldServers

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)

SMALL = QSize(868, 552)  # what is left of 900 x 600
LONG = "The department's own server, behind the library, 2nd floor"
URL = "http://a-rather-long-name-of-a-computer.department.university.example:8000/v1"


@pytest.fixture(params=[1.0, 2.0], ids=["usual", "200%"])
def fonts(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[None]:
    before = qapp.font()
    larger = qapp.font()
    larger.setPointSizeF(before.pointSizeF() * request.param)
    qapp.setFont(larger)
    yield
    qapp.setFont(before)


@pytest.fixture(params=[Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def direction(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[None]:
    before = qapp.layoutDirection()
    qapp.setLayoutDirection(request.param)
    yield
    qapp.setLayoutDirection(before)


@pytest.fixture
def small(
    qapp: QApplication, theme: Theme, fonts: None, direction: None, opened: Callable[[], Hands]
) -> Iterator[Hands]:
    sheet, palette, style = qapp.styleSheet(), qapp.palette(), qapp.style().objectName()
    theme.apply(qapp)
    hands = opened()
    hands.dialog.resize(SMALL)
    yield hands
    qapp.setStyleSheet(sheet)
    qapp.setPalette(palette)
    qapp.setStyle(style)


def assert_fits(hands: Hands) -> None:
    """Nothing is cut off at the side, and the dialog has not grown."""
    hands.qtbot.wait(1)  # layouts settle in the event loop
    form = hands.form
    assert form.widget().width() <= form.viewport().width()
    assert hands.dialog.minimumSizeHint().width() <= SMALL.width()
    assert hands.dialog.size() == SMALL


def test_every_state_fits(small: Hands, servers: HeldServers) -> None:
    small.begin("custom", name=LONG, url=URL, key="sk-some-key")
    assert_fits(small)
    small.click("saveProviderButton")  # unencrypted, and not accepted
    assert_fits(small)
    small.find("allowHttp").click()
    small.vault.failing = no_keyring()
    small.click("saveProviderButton")
    small.qtbot.waitUntil(lambda: small.shows("keyringTrouble"))
    assert_fits(small)
    small.click("keepInMemoryButton")
    small.wait()
    assert_fits(small)
    small.click("testConnectionButton")
    assert_fits(small)
    error = ProviderError(f"{LONG} cannot be reached.", "Check the address.", detail=URL * 3)
    servers.test_future.set_result(Check(False, error.what, error.advice, error=error))
    small.qtbot.waitUntil(lambda: small.shows("testDetailsButton"))
    small.click("testDetailsButton")
    assert_fits(small)


def test_what_comes_up_below_is_scrolled_to(small: Hands, servers: HeldServers) -> None:
    small.begin("custom", name=LONG, url=URL, key="sk-some-key")
    small.find("allowHttp").click()
    small.vault.failing = no_keyring()
    small.form.verticalScrollBar().setValue(0)
    small.click("saveProviderButton")
    small.qtbot.waitUntil(
        lambda: (
            small.shows("keyringTrouble")
            and not small.key.trouble.visibleRegion().isEmpty()
            and not small.key.memory_button.visibleRegion().isEmpty()
        )
    )
    small.form.verticalScrollBar().setValue(0)
    small.click("testConnectionButton")
    servers.test_future.set_result(Check(True, "It answers."))
    small.qtbot.waitUntil(lambda: not small.form.strip.result.visibleRegion().isEmpty())


def test_the_state_of_a_key_stays_where_the_address_has_no_room(
    hands: Hands, accounts: Accounts, qapp: QApplication
) -> None:
    row = Row(accounts.profiles.add(LONG, "custom", base_url="https://models.example"), "none")
    metrics = QFontMetricsF(qapp.font())
    whole = metrics.horizontalAdvance(row.summary)
    assert shortened(row, metrics, whole) == "models.example · no key"
    some = shortened(row, metrics, whole - 20)
    assert some.startswith("mod") and "…" in some and some.endswith("ple · no key")
    assert metrics.horizontalAdvance(some) <= whole - 20
    assert shortened(row, metrics, metrics.horizontalAdvance("no key")) == "no key"


def test_the_way_back_points_back(hands: Hands, qapp: QApplication) -> None:
    def drawn() -> QImage:
        return hands.find("presetBackButton").icon().pixmap(18, 18).toImage()

    before = drawn()
    hands.dialog.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    assert drawn() == before.flipped(Qt.Orientation.Horizontal)
