"""The settings: one declaration for each (declared.py), one file that keeps them (file.py).

declared.py says what can be set, within which bounds and in which words; the settings dialog, the
command line, the validation and the documentation are all made from it. table.py derives the
option table and checks single values; file.py loads, saves and watches settings.json.
"""

from __future__ import annotations

from chatdesk.settings.declared import Settings
from chatdesk.settings.file import SettingsFile
from chatdesk.settings.table import (
    GROUPS,
    OPTIONS,
    Group,
    Kind,
    Option,
    option,
    sampling_parameters,
    settings_with,
    validate,
    validate_parameter,
)

__all__ = [
    "GROUPS",
    "OPTIONS",
    "Group",
    "Kind",
    "Option",
    "Settings",
    "SettingsFile",
    "option",
    "sampling_parameters",
    "settings_with",
    "validate",
    "validate_parameter",
]
