"""Prints the accessible tree of one process as JSON, read as a screen reader reads it.

Run with the system's Python, which has PyGObject: read_accessible_tree.py PID tree|showing

showing: without what is in elements that do not show, which is quicker.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402


def describe(element: Any) -> dict[str, Any]:
    states = element.get_state_set().get_states()
    described = {
        "role": element.get_role_name(),
        "name": element.get_name() or "",
        "description": element.get_description() or "",
        "id": element.get_accessible_id() or "",
        "states": sorted(state.value_nick for state in states),
        "box": [0, 0, 0, 0],
        "text": "",
    }
    component = element.get_component_iface()
    if component is not None:
        box = component.get_extents(Atspi.CoordType.SCREEN)
        described["box"] = [box.x, box.y, box.width, box.height]
    text = element.get_text_iface()
    if text is not None:
        described["text"] = Atspi.Text.get_text(text, 0, -1)
    return described


def walk(element: Any, found: list[dict[str, Any]], everything: bool) -> None:
    try:
        found.append(describe(element))
        if not everything and "showing" not in found[-1]["states"]:
            return
        count = element.get_child_count()
    except GLib.Error:  # it went away while it was read
        return
    for index in range(count):
        try:
            child = element.get_child_at_index(index)
        except GLib.Error:
            continue
        if child is not None:
            walk(child, found, everything)


def main() -> int:
    pid = int(sys.argv[1])
    desktop = Atspi.get_desktop(0)
    found: list[dict[str, Any]] = []
    for index in range(desktop.get_child_count()):
        try:
            application = desktop.get_child_at_index(index)
            if application is None or application.get_process_id() != pid:
                continue
        except GLib.Error:  # another one that has just ended
            continue
        walk(application, found, sys.argv[2] == "tree")
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
