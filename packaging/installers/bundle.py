"""What the bundle for macOS (Chatdesk.app) tells the system about itself.

Keys: https://developer.apple.com/documentation/bundleresources/information-property-list
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from installers.project import PACKAGING, BuildError, Project
from installers.windows import copyright_line, version4

# What the hardened runtime, which notarisation asks for, lets Chatdesk do beyond its rules. (The
# file itself has no comments: some versions of the system's parser refuse them.) One thing:
#
# allow-unsigned-executable-memory: Python's ctypes calls llama.cpp and takes calls back from it
# (its log). A callback is a few instructions that libffi writes while the program runs; on Intel's
# processors they lie in memory of this kind.
#
# Not asked for, and why:
# allow-jit: nothing here translates programs.
# disable-library-validation: all libraries in the bundle are signed by the same publisher. Who
#   replaces Qt's by changed ones, as their licence allows, signs the bundle anew for their computer
#   (codesign --force --deep --sign - Chatdesk.app), which needs no entitlement.
# allow-dyld-environment-variables, get-task-allow: nobody is to load code into it.
# Devices and personal information: it uses none. Network: only a sandbox restricts it.
ENTITLEMENTS = PACKAGING / "macos" / "entitlements.plist"

# The name of a "Developer ID Application" certificate in the keychain; without it the bundle is
# signed for nobody ("ad hoc"), which starts on this computer only.
SIGN_IDENTITY = "CHATDESK_SIGN_IDENTITY"

_TAG = re.compile(r"^Tag: .*-macosx_(\d+)_(\d+)_\w+$", re.MULTILINE)


def info_plist(project: Project, least: str) -> dict[str, Any]:
    """The bundle's Info.plist, beyond what PyInstaller writes. least: the oldest macOS for it."""
    numbers = ".".join(map(str, version4(project.version)[:3]))
    model = f"{project.application_id}.gguf"
    return {
        "CFBundleName": project.title,
        "CFBundleDisplayName": project.title,
        "CFBundleDevelopmentRegion": "en",
        "CFBundleShortVersionString": numbers,
        "CFBundleVersion": numbers,
        "NSHumanReadableCopyright": copyright_line(),
        "LSApplicationCategoryType": "public.app-category.productivity",
        "LSMinimumSystemVersion": least,
        "NSPrincipalClass": "NSApplication",
        "NSHighResolutionCapable": True,
        "NSRequiresAquaSystemAppearance": False,  # dark where the system is
        "NSLocalNetworkUsageDescription": (
            f"{project.title} asks the servers on your network that you add as providers, "
            "and no others."
        ),
        # Models are opened with it; what opened them before goes on doing so ("Alternate").
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": "Language model",
                "CFBundleTypeRole": "Viewer",
                "LSHandlerRank": "Alternate",
                "LSItemContentTypes": [model],
            }
        ],
        # The file type is not ours: the system takes its owner's description where there is one.
        "UTImportedTypeDeclarations": [
            {
                "UTTypeIdentifier": model,
                "UTTypeDescription": "Language model",
                "UTTypeConformsTo": ["public.data"],
                "UTTypeTagSpecification": {"public.filename-extension": ["gguf"]},
            }
        ],
    }


def least_system() -> str:
    """The oldest macOS that everything installed in this Python runs on. Raises BuildError."""
    return newest_needed(
        distribution.read_text("WHEEL") or "" for distribution in metadata.distributions()
    )


def newest_needed(wheels: Iterable[str]) -> str:
    """The newest macOS that one of the wheels, by their WHEEL files, asks for. Raises BuildError.

    A wheel with several tags runs where the oldest of them does.
    """
    needed = []
    for text in wheels:
        tags = [(int(major), int(minor)) for major, minor in _TAG.findall(text)]
        if tags:
            needed.append(min(tags))
    if not needed:
        raise BuildError("No package here is one for macOS: it is frozen on macOS only.")
    major, minor = max(needed)
    return f"{major}.{minor}"
