"""The four formats of pictures, part by part: what is shown is kept, what tells tales is not.

Pixels are never decoded here, so nothing of them is lost. Each function returns the picture anew,
without what lies behind its end, with nothing of its metadata but the colour profile and, where the
camera was turned, how. They raise ``ValueError`` (or ``IndexError``) for what is cut off.
"""

import re
from collections.abc import Iterator
from zlib import crc32

UPRIGHT = 1
_ORIENTATION = 0x0112
_SHORT = 3
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Behind FF in the picture's own bytes: a stuffed FF, a restart, or padding. All else is a marker.
_NEXT_MARKER = re.compile(rb"\xff(?![\x00\xd0-\xd7\xff])")
_EXIF, _SCAN = 0xE1, 0xDA
_ALONE = {0x01, *range(0xD0, 0xD8)}
_KEPT_APPLICATION = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_APPLICATION = range(0xE0, 0xF0)
_COMMENT = 0xFE
_KEPT_PNG = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs sPLT "
    b"acTL fcTL fdAT".split()
)
_KEPT_WEBP = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04
_KEPT_GIF = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")
_GIF_IMAGE, _GIF_EXTENSION, _GIF_END = 0x2C, 0x21, 0x3B
_GIF_COMMENT, _GIF_APPLICATION = 0xFE, 0xFF


def jpeg(data: bytes) -> bytes:
    first, rest, orientation = b"", bytearray(), UPRIGHT
    for marker, part in _jpeg_parts(data):
        inside = part[4:]
        if marker == _EXIF:
            if inside.startswith(b"Exif\0\0"):
                orientation = _orientation(inside[6:])
        elif marker in _APPLICATION:
            kept = _KEPT_APPLICATION.get(marker)
            if kept and inside.startswith(kept):
                if marker == _APPLICATION.start:
                    first = part
                else:
                    rest += part
        elif marker != _COMMENT:
            rest += part
    turned = b""
    if orientation != UPRIGHT:
        turned = b"\xff\xe1" + (8 + len(_exif(orientation))).to_bytes(2, "big") + b"Exif\0\0"
        turned += _exif(orientation)
    return _JPEG_START + first + turned + rest + _JPEG_END


def _jpeg_parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each segment with its marker; the scans' own bytes go with theirs."""
    at = len(_JPEG_START)
    while True:
        if data[at] != 0xFF:  # noqa: PLR2004 - so do all markers begin
            raise ValueError("no marker where one must be")
        while data[at + 1] == 0xFF:  # noqa: PLR2004 - padding
            at += 1
        marker = data[at + 1]
        if marker == _JPEG_END[1]:
            return
        end = at + 2
        if marker not in _ALONE:
            end += int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SCAN:
            found = _NEXT_MARKER.search(data, end)
            if found is None:
                raise ValueError("a scan is cut off")
            end = found.start()
        if end > len(data) or end < at + 2:
            raise ValueError("a segment is cut off")
        yield marker, data[at:end]
        at = end


def png(data: bytes) -> bytes:
    parts, orientation, at = [_PNG_SIGNATURE], UPRIGHT, len(_PNG_SIGNATURE)
    while True:
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise ValueError("a chunk is cut off")
        if name in _KEPT_PNG:
            parts.append(data[at:end])
        elif name == b"eXIf":
            orientation = _orientation(data[at + 8 : end - 4])
        if name == b"IEND":
            break
        at = end
    if orientation != UPRIGHT:
        inside = b"eXIf" + _exif(orientation)
        chunk = (len(inside) - 4).to_bytes(4, "big") + inside + crc32(inside).to_bytes(4, "big")
        parts.insert(2, chunk)  # behind the signature and IHDR
    return b"".join(parts)


def webp(data: bytes) -> bytes:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise ValueError("the file is cut off")
    parts: list[tuple[bytes, bytes]] = []
    orientation, at = UPRIGHT, 12
    while at < end:
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        inside = data[at + 8 : at + 8 + length]
        if at + 8 + length > end:
            raise ValueError("a chunk is cut off")
        if name in _KEPT_WEBP:
            parts.append((name, inside))
        elif name == b"EXIF":
            orientation = _orientation(inside.removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    if parts and parts[0][0] == b"VP8X":
        flags = parts[0][1][0] & ~(_WEBP_EXIF | _WEBP_XMP)
        if orientation != UPRIGHT:
            flags |= _WEBP_EXIF
            parts.append((b"EXIF", _exif(orientation)))
        parts[0] = (b"VP8X", bytes([flags]) + parts[0][1][1:])
    body = b"".join(
        name + len(inside).to_bytes(4, "little") + inside + b"\0" * (len(inside) % 2)
        for name, inside in parts
    )
    return b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + body


def gif(data: bytes) -> bytes:
    at = 13 + _gif_colors(data[10])
    kept = bytearray(data[:at])
    while at < len(data) and data[at] != _GIF_END:  # the end is left out by some programs
        if data[at] == _GIF_IMAGE:
            end = _behind_blocks(data, at + 11 + _gif_colors(data[at + 9]))
            kept += data[at:end]
        elif data[at] == _GIF_EXTENSION:
            end = _behind_blocks(data, at + 2)
            label = data[at + 1]
            is_kept = label != _GIF_COMMENT and (
                label != _GIF_APPLICATION or data[at + 3 : at + 14] in _KEPT_GIF
            )
            kept += data[at:end] if is_kept else b""
        else:
            raise ValueError("no block where one must be")
        at = end
    return bytes(kept) + bytes([_GIF_END])


def _gif_colors(flags: int) -> int:
    """Bytes of the colour table that the flags tell of."""
    return 3 * 2 ** (1 + (flags & 7)) if flags & 0x80 else 0


def _behind_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _exif(orientation: int) -> bytes:
    """Metadata that tells of nothing but the orientation."""
    entry = (
        _ORIENTATION.to_bytes(2, "little")
        + _SHORT.to_bytes(2, "little")
        + (1).to_bytes(4, "little")
        + orientation.to_bytes(4, "little")
    )
    return b"II*\0" + (8).to_bytes(4, "little") + b"\1\0" + entry + b"\0\0\0\0"


def _orientation(exif: bytes) -> int:
    """How the camera was turned (1 to 8); upright where the metadata do not tell."""
    order = "big" if exif.startswith(b"MM") else "little"
    start = int.from_bytes(exif[4:8], order)
    count = int.from_bytes(exif[start : start + 2], order)
    for entry in range(count):
        at = start + 2 + 12 * entry
        if at + 12 > len(exif):
            break
        if int.from_bytes(exif[at : at + 2], order) == _ORIENTATION:
            found = int.from_bytes(exif[at + 8 : at + 10], order)
            return found if found in range(1, 9) else UPRIGHT
    return UPRIGHT
