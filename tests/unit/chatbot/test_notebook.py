"""Replies in a notebook: rendered as they grow, and harmless whatever they are."""

from __future__ import annotations

import sys
import types
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesk.notebook import safe_html, show


class HTML:
    def __init__(self, data: str) -> None:
        self.data = data


class Output:
    """Stands for a cell's output."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, thing: HTML, display_id: bool = False) -> Output:
        assert display_id
        self.shown.append(thing.data)
        return self

    def update(self, thing: HTML) -> None:
        self.shown.append(thing.data)


KNOWN = set(
    """p a em strong code pre blockquote ul ol li hr br s table thead tbody tr th td
    h1 h2 h3 h4 h5 h6""".split()  # noqa: SIM905
)
ATTRIBUTES = {"href", "rel", "class", "style", "start", "title"}


def dangers(text: str) -> list[str]:
    """What a browser would find in the rendered text that must not be there."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in KNOWN:
                found.append(tag)
            for name, value in attrs:
                if name not in ATTRIBUTES:
                    found.append(f"{tag} {name}")
                if name == "href" and not (value or "").startswith(("http", "mailto:")):
                    found.append(f"{tag} {value}")

    Reader().feed(safe_html(text))
    return found


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Output:
    """A process that runs in a notebook."""
    output = Output()
    ipython = types.ModuleType("IPython")
    display: Any = types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: object()  # type: ignore[attr-defined]
    display.HTML, display.display = HTML, output.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return output


def test_a_reply_is_rendered_and_its_end_is_shown(output: Output) -> None:
    assert show(["Some *ita", "lic* text"]) == "Some *italic* text"
    assert "<em>italic</em>" in output.shown[-1]


def test_what_came_before_an_interruption_is_shown(output: Output) -> None:
    def pieces() -> Any:
        yield "The beginning"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        show(pieces())
    assert "The beginning" in output.shown[-1]


def test_outside_of_a_notebook_it_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert show(["Some ", "\x1b[2J*text*"]) == "Some \x1b[2J*text*"
    assert capsys.readouterr().out == "Some \u241b[2J*text*\n"


def test_in_a_process_with_ipython_and_no_notebook_it_is_printed(
    output: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    sys.modules["IPython"].get_ipython = lambda: None  # type: ignore[attr-defined]
    show(["text"])
    assert capsys.readouterr().out == "text\n"
    assert output.shown == []


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![](http://example.invalid/a.png)",
        "![a <b>](https://example.invalid/?q=words)",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,AAAA)",
        "[x](file:///etc/passwd)",
        '[x](http://a.invalid/"onmouseover="alert(1))',
    ],
)
def test_nothing_runs_and_nothing_is_loaded(text: str) -> None:
    assert dangers(text) == []


def test_pictures_become_links_and_links_stay() -> None:
    html = safe_html("![A cat](https://example.invalid/cat.png) [b](https://b.invalid)")
    assert '<a href="https://example.invalid/cat.png" rel="noreferrer">Picture: A cat</a>' in html
    assert '<a href="https://b.invalid">b</a>' in html


@given(st.text(st.sampled_from('<>"&![]()abc:/\n `*|-scriptmg=on')))
def test_whatever_is_written_is_harmless(text: str) -> None:
    assert dangers(text) == []
