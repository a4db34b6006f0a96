"""Icons in the formats and sizes that systems ask for, drawn from the one SVG.

Qt of the build's environment draws, in a process of its own without a screen; PNG, .ico and .icns
are written here, so that the same drawing gives the same bytes. Formats:

PNG: https://www.w3.org/TR/png-3/
.ico: https://learn.microsoft.com/en-us/previous-versions/ms997538(v=msdn.10) (sizes below 256 as
bitmaps, 256 as PNG, which Windows reads since Vista)
.icns: https://en.wikipedia.org/wiki/Apple_Icon_Image_format (PNG from 32 pixels at double density
on; 16 and 32 in ARGB, because Finder shows PNG wrongly there)
"""

from __future__ import annotations

import base64
import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from installers.environment import run
from installers.project import RESOURCES, BuildError, system

SVG = RESOURCES / "chatdesk.svg"

# The sizes of the icon theme that desktops look in (hicolor), and those of Windows.
HICOLOR_SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
ICO_SIZES = (16, 20, 24, 32, 40, 48, 64, 96, 128, 256)
_ICNS_ARGB = {"ic04": 16, "ic05": 32}
_ICNS_PNG = {
    **{"ic07": 128, "ic08": 256, "ic09": 512, "ic10": 1024},
    **{"ic11": 32, "ic12": 64, "ic13": 256, "ic14": 512},  # for two pixels per point
}
ICNS_SIZES = tuple(sorted({*_ICNS_ARGB.values(), *_ICNS_PNG.values()}))

_DRAW = """
import base64, json, sys
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
renderer, drawn = QSvgRenderer(sys.argv[1]), {}
if not renderer.isValid():
    sys.exit("this is no SVG that Qt can draw")
for size in map(int, sys.argv[2:]):
    image = QImage(size, size, QImage.Format.Format_RGBA8888_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    drawn[size] = base64.b64encode(bytes(image.constBits())).decode()
print("drawn:" + json.dumps(drawn))
"""


def draw(python: Path, sizes: Sequence[int], svg: Path = SVG) -> dict[int, bytes]:
    """The drawing in these sizes: rows of pixels in red, green, blue, alpha. Raises BuildError.

    python: one that has PySide6.
    """
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    command = [str(python), "-c", _DRAW, str(svg), *map(str, sizes)]
    answer = run(command, "draw the icon", environment)
    _, marker, drawn = answer.partition("drawn:")
    if not marker:
        raise BuildError(f"{answer}\n\nThe icon was not drawn.")
    pixels = {int(size): base64.b64decode(data) for size, data in json.loads(drawn).items()}
    for size, data in pixels.items():
        if len(data) != size * size * 4:
            raise BuildError(f"The icon of {size} pixels has {len(data)} bytes.")
    return pixels


def make_pngs(python: Path, sizes: Sequence[int] = HICOLOR_SIZES) -> dict[int, bytes]:
    """The icon as PNG files by size."""
    return {size: png(size, pixels) for size, pixels in draw(python, sizes).items()}


def make_system_icon(python: Path, made: Path) -> Path:
    """Write the icon that this system's programs carry, into made; returns the file."""
    if system() == "windows":
        file = made / "chatdesk.ico"
        file.write_bytes(ico(draw(python, ICO_SIZES)))
    else:
        file = made / "chatdesk.icns"
        file.write_bytes(icns(draw(python, ICNS_SIZES)))
    return file


def png(size: int, pixels: bytes) -> bytes:
    """Square pixels as a PNG file."""
    # Rows as they are (filter 0): for flat drawings smaller than with any other filter.
    row = size * 4
    rows = b"".join(b"\0" + pixels[start : start + row] for start in range(0, len(pixels), row))

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)),
            chunk(b"IDAT", zlib.compress(rows, 9)),
            chunk(b"IEND", b""),
        )
    )


def ico(drawn: Mapping[int, bytes]) -> bytes:
    """A Windows icon of these sizes."""
    images = {
        size: png(size, pixels) if size >= 256 else _bitmap(size, pixels)
        for size, pixels in sorted(drawn.items())
    }
    head = struct.pack("<HHH", 0, 1, len(images))
    place = len(head) + 16 * len(images)
    entries = b""
    for size, image in images.items():
        edge = size % 256  # 0 says 256
        entries += struct.pack("<BBBBHHII", edge, edge, 0, 0, 1, 32, len(image), place)
        place += len(image)
    return head + entries + b"".join(images.values())


def icns(drawn: Mapping[int, bytes]) -> bytes:
    """A macOS icon from the sizes of ICNS_SIZES."""
    parts = [(kind, _argb(drawn[size])) for kind, size in _ICNS_ARGB.items()]
    parts += [(kind, png(size, drawn[size])) for kind, size in _ICNS_PNG.items()]
    body = b"".join(
        kind.encode() + struct.pack(">I", 8 + len(data)) + data for kind, data in sorted(parts)
    )
    return b"icns" + struct.pack(">I", 8 + len(body)) + body


def _bitmap(size: int, pixels: bytes) -> bytes:
    """Pixels as an icon's bitmap: from the lowest row up, blue first, then a mask of no use."""
    row = size * 4
    rows = [pixels[start : start + row] for start in range(0, len(pixels), row)]
    colours = bytearray()
    for line in reversed(rows):
        turned = bytearray(line)
        turned[0::4], turned[2::4] = line[2::4], line[0::4]
        colours += turned
    # The mask is one bit a pixel in rows of whole 4 bytes; with an alpha channel it says nothing,
    # yet must be there and is counted into the height.
    mask = bytes((size + 31) // 32 * 4 * size)
    head = struct.pack("<IiiHHIIiiII", 40, size, size * 2, 1, 32, 0, 0, 0, 0, 0, 0)
    return head + bytes(colours) + mask


def _argb(pixels: bytes) -> bytes:
    """Pixels as four packed channels: alpha, red, green, blue."""
    return b"ARGB" + b"".join(_packed(pixels[channel::4]) for channel in (3, 0, 1, 2))


def _packed(data: bytes) -> bytes:
    """Runs of 3 to 130 equal bytes as two, others as they are, up to 128 after their count."""
    packed, plain, at = bytearray(), bytearray(), 0

    def end_plain() -> None:
        for start in range(0, len(plain), 128):
            part = plain[start : start + 128]
            packed.append(len(part) - 1)
            packed.extend(part)
        plain.clear()

    while at < len(data):
        run_length = 1
        while run_length < 130 and data[at : at + 1] == data[at + run_length : at + run_length + 1]:
            run_length += 1
        if run_length >= 3:
            end_plain()
            packed += bytes((run_length + 125, data[at]))
        else:
            plain += data[at : at + run_length]
        at += run_length
    end_plain()
    return bytes(packed)
