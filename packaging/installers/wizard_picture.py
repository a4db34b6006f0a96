"""The picture at the side of the Windows installer's last page: the icon on a plain ground.

Made from the .ico that the programs carry, so that it changes with the icon; without it NSIS shows
a picture of its own.
"""

from __future__ import annotations

import struct
from pathlib import Path

from installers.project import BuildError

WIDTH, HEIGHT = 164, 314  # what NSIS's pages have room for
_LARGEST = 128
_GROUND = (0xED, 0xF0, 0xE4)  # blue, green, red: a light tint of the icon
_TOP = 48  # above the icon


def write_picture(icon: Path, file: Path) -> None:
    """Write the picture, a bitmap, from an icon's file. Raises BuildError."""
    size, pixels = icon_pixels(icon.read_bytes())
    ground = bytearray(bytes(_GROUND) * (WIDTH * HEIGHT))
    left = (WIDTH - size) // 2
    for row in range(size):
        for column in range(size):
            at = (row * size + column) * 4
            alpha = pixels[at + 3]
            place = ((_TOP + row) * WIDTH + left + column) * 3
            for channel in range(3):
                mixed = pixels[at + channel] * alpha + ground[place + channel] * (255 - alpha)
                ground[place + channel] = mixed // 255
    file.write_bytes(_bitmap(bytes(ground)))


def icon_pixels(data: bytes) -> tuple[int, bytes]:
    """The largest image of an .ico up to 128 pixels that is a bitmap: its size, and its pixels.

    Pixels as blue, green, red, alpha, from the top. Raises BuildError where there is none.
    """
    reserved, kind, count = struct.unpack_from("<HHH", data)
    found: tuple[int, int] | None = None
    for number in range(count if (reserved, kind) == (0, 1) else 0):
        width, height, _, _, _, bits, _, place = struct.unpack_from(
            "<BBBBHHII", data, 6 + number * 16
        )
        if width == height and 0 < width <= _LARGEST and bits == 32 and data[place] == 40:
            found = max(found or (0, 0), (width, place))
    if found is None:
        raise BuildError("The icon has no image that the installer can show.")
    size, place = found
    start, row = place + 40, size * 4
    rows = [data[start + at * row : start + (at + 1) * row] for at in range(size)]
    return size, b"".join(reversed(rows))


def _bitmap(pixels: bytes) -> bytes:
    row = WIDTH * 3  # already whole 4 bytes, as the format wants
    rows = [pixels[at : at + row] for at in range(0, len(pixels), row)]
    body = b"".join(reversed(rows))
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 24, 0, len(body), 3780, 3780, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 14 + 40 + len(body), 0, 0, 54) + head + body
