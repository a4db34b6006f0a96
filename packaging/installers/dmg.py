"""The disk image for macOS: the bundle, and the folder to drag it into.

For the architecture it is built on: llama.cpp is compiled for one. Signing reads who signs from the
environment and is skipped, with a notice, without it:

CHATDESK_SIGN_IDENTITY   the certificate, "Developer ID Application: ..." (bundle.SIGN_IDENTITY);
                         the bundle itself is signed when it is frozen
CHATDESK_NOTARY_PROFILE  what `xcrun notarytool store-credentials` called the account
CHATDESK_NOTARY_KEYCHAIN the keychain that it was stored in, where it is not the usual one
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from installers.bundle import SIGN_IDENTITY
from installers.environment import run
from installers.project import BuildError, Project, architecture

NOTARY_PROFILE = "CHATDESK_NOTARY_PROFILE"
NOTARY_KEYCHAIN = "CHATDESK_NOTARY_KEYCHAIN"

Step = tuple[str, list[str]]


def make(frozen: Path, made: Path, dist: Path, project: Project) -> Sequence[Path]:
    """The disk image. Raises BuildError."""
    bundle = frozen.parent / f"{project.title}.app"
    if not bundle.is_dir():
        raise BuildError(f"{bundle.name} is missing: it is frozen on macOS only.")
    staged = made / "dmg"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    (staged / "Applications").symlink_to("/Applications")
    image = dist / image_name(project)
    identity, profile = os.environ.get(SIGN_IDENTITY), os.environ.get(NOTARY_PROFILE)
    for notice in notices(identity, profile):
        print(notice)
    for what, command in steps(bundle, staged, image, project, identity, profile):
        run(command, what)
    return [image]


def image_name(project: Project) -> str:
    """Named by the processor as macOS calls it."""
    processor = {"aarch64": "arm64"}.get(architecture(), architecture())
    return f"{project.title}-{project.version}-macos-{processor}.dmg"


def notices(identity: str | None, profile: str | None) -> list[str]:
    """What a person is told of the steps that are left out."""
    if not identity:
        return [
            f"Not signed: {SIGN_IDENTITY} is not set. On other computers the system refuses it "
            "until its owner allows it in Settings, Privacy and Security."
        ]
    if not profile:
        return [f"Not notarised: {NOTARY_PROFILE} is not set. The system warns of it."]
    return []


def steps(
    bundle: Path,
    staged: Path,
    image: Path,
    project: Project,
    identity: str | None,
    profile: str | None,
) -> list[Step]:
    """What is run, in order, each with its purpose."""
    found: list[Step] = [
        # The seal must hold, whoever signed: a broken one is called damaged and does not start.
        (
            "check the bundle's signature",
            ["codesign", "--verify", "--deep", "--strict", str(bundle)],
        ),
        # ditto keeps links and attributes as they are sealed.
        ("copy the bundle", ["ditto", str(bundle), str(staged / bundle.name)]),
        (
            "make the disk image",
            ["hdiutil", "create", "-volname", f"{project.title} {project.version}", "-srcfolder",
             str(staged), "-fs", "HFS+", "-format", "ULMO", "-ov", str(image)],
        ),
    ]  # fmt: skip
    if not identity:
        return found
    found.append(
        ("sign the image", ["codesign", "--sign", identity, "--timestamp", str(image)]),
    )
    if not profile:
        return found
    keychain = os.environ.get(NOTARY_KEYCHAIN)
    stored = ["--keychain", keychain] if keychain else []
    return [
        *found,
        (
            "have it notarised",
            ["xcrun", "notarytool", "submit", str(image), "--keychain-profile", profile, *stored,
             "--wait"],
        ),
        # With the ticket in it, a computer without a network can tell too.
        ("staple the ticket", ["xcrun", "stapler", "staple", str(image)]),
        ("check the ticket", ["xcrun", "stapler", "validate", str(image)]),
        (
            "ask the system whether it would open it",
            ["spctl", "--assess", "--type", "open", "--context", "context:primary-signature",
             str(image)],
        ),
    ]  # fmt: skip
