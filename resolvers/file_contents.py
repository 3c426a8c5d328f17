"""What a file is: told by its bytes, whatever its name and its sender say."""

import re
from codecs import getincrementaldecoder
from typing import Any

HEAD = 4096
"""So many bytes tell what a file is."""
UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
# Those of which puremagic gives several answers, in any order.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (30, b"mimetypeapplication/epub+zip", "application/epub+zip"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (8, b"WAVE", "audio/wav"),
    (4, b"ftypqt  ", "video/quicktime"),
    (4, b"ftypM4A ", "audio/mp4"),
    (4, b"ftypM4B ", "audio/mp4"),
    (4, b"ftypavi", "image/avif"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftyphev", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypmsf1", "image/heif"),
    (4, b"ftyp", "video/mp4"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
)
_RIFF = {"image/webp", "audio/wav"}
_MATROSKA = b"\x1a\x45\xdf\xa3"
_TAKEN_PICTURES = {"image/jpeg", "image/png", "image/webp", "image/gif"}
# As browsers tell a page (WHATWG MIME Sniffing, 7.1), and what SVG begins with.
_PAGE = re.compile(
    r"<(!doctype\s+(html|svg)|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p"
    r"|svg|meta|link|img|object|embed|form)[\s>/]",
    re.IGNORECASE,
)
_MARKUP_START = re.compile(r"\s*<(!--|\?xml|!doctype)", re.IGNORECASE)
_PAGE_INSIDE = re.compile(
    r"<(?:[\w-]+:)?(svg|html|script)[\s>/]|<!doctype\s+(html|svg)|xml-stylesheet"
    r"|http://www\.w3\.org/(1999/xhtml|2000/svg)",
    re.IGNORECASE,
)
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")


def kind(head: bytes) -> str:
    """The media type of what begins with these bytes (``HEAD`` of them, if there are so many).

    Raises ``ValueError`` for what is not taken: web pages and SVG, because they run scripts where
    they are opened (inside a ZIP they do not), and pictures in other formats than the four, whose
    metadata would stay in them.
    """
    if _is_page(head):
        raise ValueError("must not be a web page or an SVG drawing; put it into a ZIP archive")
    found = _by_signature(head) or _by_puremagic(head)
    if found.startswith("image/") and found not in _TAKEN_PICTURES:
        raise ValueError("must be a JPEG, PNG, WebP or GIF, if it is a picture")
    return found


def _is_page(head: bytes) -> bool:
    start = _text(head[:HEAD]).lstrip()
    if _PAGE.match(start):
        return True
    return _MARKUP_START.match(start) is not None and _PAGE_INSIDE.search(start) is not None


def _text(head: bytes) -> str:
    """The bytes as if they were text; each is a character of its own without a mark in front."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
    ):
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, errors="ignore")
    return head.decode("latin-1")


def _by_signature(head: bytes) -> str | None:
    if head.startswith(_MATROSKA):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    for offset, mark, name in _SIGNATURES:
        if head.startswith(mark, offset) and (name not in _RIFF or head.startswith(b"RIFF")):
            return name
    return None


def _by_puremagic(head: bytes) -> str:
    found = [each for each in _guesses(head) if _MEDIA_TYPE.fullmatch(each.mime_type)]
    if found and len(found[0].byte_match) > 2:  # noqa: PLR2004 - shorter ones are in many texts
        name: str = found[0].mime_type
        return UNKNOWN if name.startswith("text/") or "xml" in name or "script" in name else name
    return TEXT if _is_text(head) else UNKNOWN


def _guesses(head: bytes) -> list[Any]:
    # Its table of formats takes a megabyte, and most files are told apart without it.
    import puremagic  # noqa: PLC0415

    untyped: Any = puremagic
    try:
        return list(untyped.magic_string(head))
    except puremagic.PureError:
        return []


def _is_text(head: bytes) -> bool:
    if not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD)
        except UnicodeDecodeError:
            return False
    return not any(each < " " and each not in "\t\n\r\f\x1b" for each in _text(head))
