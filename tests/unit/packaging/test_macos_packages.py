"""What the macOS bundle tells the system, what it is allowed, and the steps of its disk image."""

from __future__ import annotations

import plistlib
import shlex
from pathlib import Path

import pytest
from installers import bundle, dmg
from installers.project import BuildError, Project, read_project


@pytest.fixture
def project() -> Project:
    return read_project()


def test_the_bundle_follows_the_systems_look_and_opens_models(project: Project) -> None:
    told = bundle.info_plist(project, "13.0")
    assert plistlib.loads(plistlib.dumps(told)) == told
    assert told["NSRequiresAquaSystemAppearance"] is False
    assert told["NSHighResolutionCapable"] is True
    assert told["LSMinimumSystemVersion"] == "13.0"
    assert told["CFBundleShortVersionString"] == project.version
    (kind,) = told["CFBundleDocumentTypes"]
    assert kind["CFBundleTypeRole"] == "Viewer"
    assert kind["LSHandlerRank"] == "Alternate"  # what opened models before goes on doing so
    (declared,) = told["UTImportedTypeDeclarations"]
    assert kind["LSItemContentTypes"] == [declared["UTTypeIdentifier"]]
    assert declared["UTTypeTagSpecification"] == {"public.filename-extension": ["gguf"]}
    # PyInstaller gives a program with a console this, which would keep it out of the Dock.
    assert "LSBackgroundOnly" not in told


def test_the_hardened_runtime_allows_one_thing() -> None:
    text = bundle.ENTITLEMENTS.read_bytes()
    assert plistlib.loads(text) == {"com.apple.security.cs.allow-unsigned-executable-memory": True}
    assert b"<!--" not in text  # some versions of the system refuse comments in it


def test_the_least_system_is_the_newest_that_a_package_needs() -> None:
    universal = "Wheel-Version: 1.0\nTag: cp39-abi3-macosx_13_0_universal2\n"
    native = "Tag: cp311-cp311-macosx_11_0_arm64\nTag: cp311-cp311-macosx_14_0_arm64\n"
    assert bundle.newest_needed([universal, native, "Tag: py3-none-any\n", ""]) == "13.0"
    assert bundle.newest_needed(["Tag: cp311-cp311-macosx_10_9_x86_64\n"]) == "10.9"
    with pytest.raises(BuildError, match="only"):
        bundle.newest_needed(["Tag: py3-none-any\n"])


def told(project: Project, identity: str | None, profile: str | None) -> list[str]:
    """The programs and first arguments of the steps."""
    steps = dmg.steps(
        Path("/b/Chatdesk.app"), Path("/b/dmg"), Path("/d/c.dmg"), project, identity, profile
    )
    return [shlex.join(command) for _, command in steps]


def test_without_a_certificate_the_image_is_made_and_a_notice_told(project: Project) -> None:
    commands = told(project, None, "profile")
    assert [command.split()[0] for command in commands] == ["codesign", "ditto", "hdiutil"]
    assert "--verify" in commands[0]
    (notice,) = dmg.notices(None, "profile")
    assert "CHATDESK_SIGN_IDENTITY" in notice


def test_with_a_certificate_the_image_is_signed(project: Project) -> None:
    commands = told(project, "Developer ID Application: A B", None)
    assert commands[-1] == (
        "codesign --sign 'Developer ID Application: A B' --timestamp /d/c.dmg"
    )  # fmt: skip
    (notice,) = dmg.notices("identity", None)
    assert "CHATDESK_NOTARY_PROFILE" in notice


def test_with_an_account_it_is_notarised_stapled_and_checked(project: Project) -> None:
    commands = told(project, "identity", "profile")
    assert [command.split()[:3] for command in commands[4:]] == [
        ["xcrun", "notarytool", "submit"],
        ["xcrun", "stapler", "staple"],
        ["xcrun", "stapler", "validate"],
        ["spctl", "--assess", "--type"],
    ]
    assert "--keychain-profile profile --wait" in commands[4]
    assert dmg.notices("identity", "profile") == []


def test_the_image_is_named_by_the_processor(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dmg, "architecture", lambda: "aarch64")
    assert dmg.image_name(project) == f"Chatdesk-{project.version}-macos-arm64.dmg"
    monkeypatch.setattr(dmg, "architecture", lambda: "x86_64")
    assert dmg.image_name(project) == f"Chatdesk-{project.version}-macos-x86_64.dmg"


def test_what_was_not_frozen_on_macos_is_not_packed(tmp_path: Path, project: Project) -> None:
    with pytest.raises(BuildError, match="frozen on macOS"):
        dmg.make(tmp_path / "frozen" / "chatdesk", tmp_path, tmp_path, project)
