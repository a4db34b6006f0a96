"""Icons from pixels: PNG, Windows' .ico and macOS's .icns, byte by byte."""

from __future__ import annotations

import struct
import zlib

import pytest
from installers import icons


def picture(size: int) -> bytes:
    """Pixels that differ from each other: red by column, green by row."""
    return bytes(
        value
        for row in range(size)
        for column in range(size)
        for value in (column % 256, row % 256, 7, 255)
    )


def unpacked_png(data: bytes) -> tuple[int, bytes]:
    """The size and the pixels of a PNG that icons.png made."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colours = struct.unpack_from(">IIBB", chunks[b"IHDR"])
    assert (width, depth, colours) == (height, 8, 6)
    rows, row = zlib.decompress(chunks[b"IDAT"]), width * 4 + 1
    starts = range(0, len(rows), row)
    assert not any(rows[start] for start in starts)  # no filter
    return width, b"".join(rows[start + 1 : start + row] for start in starts)


@pytest.mark.parametrize("size", [1, 16, 33])
def test_a_png_holds_the_pixels(size: int) -> None:
    assert unpacked_png(icons.png(size, picture(size))) == (size, picture(size))


def test_an_ico_lists_its_images_by_size() -> None:
    data = icons.ico({256: picture(256), 16: picture(16)})
    assert struct.unpack_from("<HHH", data) == (0, 1, 2)
    small = struct.unpack_from("<BBBBHHII", data, 6)
    large = struct.unpack_from("<BBBBHHII", data, 22)
    assert small[:2] == (16, 16)
    assert large[:2] == (0, 0)  # says 256
    assert unpacked_png(data[large[7] : large[7] + large[6]]) == (256, picture(256))
    assert len(data) == large[7] + large[6]


def test_small_images_of_an_ico_are_bitmaps_from_the_lowest_row_up() -> None:
    data = icons.ico({16: picture(16)})
    *_, length, place = struct.unpack_from("<BBBBHHII", data, 6)
    bitmap = data[place : place + length]
    assert struct.unpack_from("<IiiHH", bitmap) == (40, 16, 32, 1, 32)
    blue, green, red, alpha = bitmap[40:44]
    assert (red, green, blue, alpha) == (0, 15, 7, 255)
    assert len(bitmap) == 40 + 16 * 16 * 4 + 16 * 4  # and the mask in rows of 4 bytes


def test_an_icns_has_every_size_for_one_and_two_pixels_a_point() -> None:
    data = icons.icns({size: bytes(size * size * 4) for size in icons.ICNS_SIZES})
    assert data[:4] == b"icns"
    assert struct.unpack_from(">I", data, 4) == (len(data),)
    kinds, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at + 4)
        kinds[data[at : at + 4].decode()] = data[at + 8 : at + length]
        at += length
    assert sorted(kinds) == [
        *("ic04", "ic05", "ic07", "ic08", "ic09", "ic10", "ic11", "ic12", "ic13", "ic14")
    ]
    assert kinds["ic04"].startswith(b"ARGB")
    assert unpacked_png(kinds["ic10"])[0] == 1024


def unpacked(data: bytes) -> bytes:
    """The bytes that icns' packing stands for."""
    found, at = b"", 0
    while at < len(data):
        if data[at] < 128:
            found += data[at + 1 : at + 2 + data[at]]
            at += 2 + data[at]
        else:
            found += data[at + 1 : at + 2] * (data[at] - 125)
            at += 2
    return found


@pytest.mark.parametrize(
    "plain",
    [b"", b"a", b"aa", b"aaa", b"a" * 130, b"a" * 131, b"a" * 133, b"abc" * 100, b"xaaay", b"aab"],
)
def test_packed_runs_unpack_to_what_they_were(plain: bytes) -> None:
    assert unpacked(icons._packed(plain)) == plain


def test_the_drawing_is_there_in_all_sizes_that_a_desktop_asks_for() -> None:
    assert icons.SVG.is_file()
    assert icons.HICOLOR_SIZES == (16, 22, 24, 32, 48, 64, 128, 256, 512)
    assert 256 in icons.ICO_SIZES and 16 in icons.ICO_SIZES
