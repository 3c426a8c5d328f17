"""What files are, told by their bytes; and pictures, of which only what they show is kept."""

from io import BytesIO
from typing import Any

import pytest
from PIL import ExifTags, Image

from resolvers import file_contents, pictures
from tests.pictures import CAMERA, LYING, animation, encoded, exif, picture, pixels, told

KINDS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
PAGES = [
    b"<!DOCTYPE html><p>Hello",
    b"\n\t <html><body>",
    b"<HTML>",
    b"\xef\xbb\xbf<html>",
    "<html>".encode("utf-16"),
    b"<script>alert(1)</script>",
    b"<!-- a comment first --><script>alert(1)</script>",
    b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    b'<?xml version="1.0"?>\n<!-- drawn --><svg width="1"/>',
    b'<?xml version="1.0"?><x:svg xmlns:x="http://www.w3.org/2000/svg"/>',
    b'<?xml version="1.0"?><a xmlns="http://www.w3.org/1999/xhtml"/>',
    b'<?xml-stylesheet href="run.xsl"?><a/>',
]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"PK\x03\x04\x14\x00", "application/zip"),
        (b"ID3\x04\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x00", "audio/mpeg"),
        (b"\x00\x00\x00\x20ftypisom\x00", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x1a\x45\xdf\xa3\x01\x00webm", "video/webm"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "application/msword"),
        (b"name,price\nLamp,12\n", "text/plain"),
        ("Grüße".encode(), "text/plain"),
        ("ß".encode() * 3000, "text/plain"),
        ("Grüße".encode("utf-16"), "text/plain"),
        (b"BMW is a car", "text/plain"),
        (b"function run() { return 1 }", "application/octet-stream"),
        (b"#!/usr/bin/env python\nprint(1)", "application/octet-stream"),
        (b'<?xml version="1.0"?><feed/>', "application/octet-stream"),
        (bytes(range(256)), "application/octet-stream"),
        (b"\x00\x01", "application/octet-stream"),
    ],
)
def test_bytes_tell_what_a_file_is(head: bytes, kind: str) -> None:
    assert file_contents.kind(head) == kind


@pytest.mark.parametrize("head", PAGES)
def test_pages_and_drawings_that_could_run_scripts_are_not_taken(head: bytes) -> None:
    with pytest.raises(ValueError, match="web page"):
        file_contents.kind(head)


@pytest.mark.parametrize(
    "head",
    [b"II*\x00\x08\x00", b"MM\x00*\x00", b"\x00\x00\x00\x18ftypheic", b"\x00\x00\x00\x18ftypavif"],
)
def test_other_pictures_than_the_four_are_not_taken(head: bytes) -> None:
    with pytest.raises(ValueError, match="JPEG, PNG, WebP or GIF"):
        file_contents.kind(head)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 3, LYING])
async def test_metadata_go_and_pixels_stay(kind: str, orientation: int) -> None:
    comment: dict[str, Any] = {"comment": CAMERA} if kind == "JPEG" else {}
    sent = picture(kind, (400, 200), exif=exif(orientation), **comment)
    assert CAMERA.encode() in sent

    kept = await pictures.cleaned(sent, KINDS[kind])

    assert CAMERA.encode() not in kept.content
    tags = {} if orientation == 1 else {ExifTags.Base.Orientation: orientation}
    assert told(kept.content) == tags
    assert pixels(kept.content) == pixels(sent)
    size = (200, 400) if orientation == LYING else (400, 200)
    assert (kept.width, kept.height) == size
    with Image.open(BytesIO(kept.thumbnail)) as small:
        assert (small.format, max(small.size)) == ("WEBP", 320)
        assert (small.width < small.height) == (orientation == LYING)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
async def test_animations_keep_their_frames(kind: str) -> None:
    options: dict[str, Any] = {"comment": CAMERA.encode()} if kind == "GIF" else {}
    sent = animation(kind, frames=5, duration=80, **options)

    kept = await pictures.cleaned(sent, KINDS[kind])

    assert CAMERA.encode() not in kept.content
    assert len(pixels(kept.content)) == 5
    assert pixels(kept.content) == pixels(sent)
    with Image.open(BytesIO(kept.content)) as image, Image.open(BytesIO(sent)) as before:
        image.load()
        before.load()
        assert image.info["duration"] == before.info["duration"] == 80
        assert image.info["loop"] == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_what_lies_behind_a_picture_is_cut_off(kind: str) -> None:
    whole = picture(kind)
    kept = await pictures.cleaned(whole + b"<script>alert(1)</script>", KINDS[kind])
    assert b"<script>" not in kept.content
    assert pixels(kept.content) == pixels(whole)


async def test_colour_profiles_stay() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        kept = await pictures.cleaned(picture(kind, icc_profile=b"a profile" * 9), KINDS[kind])
        with Image.open(BytesIO(kept.content)) as image:
            assert image.info["icc_profile"] == b"a profile" * 9


@pytest.mark.parametrize("mode", ["CMYK", "L", "P", "RGBA", "LA", "1", "I;16"])
async def test_thumbnails_are_made_of_pictures_of_every_mode(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    kept = await pictures.cleaned(encoded(Image.new(mode, (700, 7)), kind), KINDS[kind])
    with Image.open(BytesIO(kept.thumbnail)) as small:
        assert small.size == (320, 3)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_picture_that_is_cut_off_is_refused(kind: str) -> None:
    whole = picture(kind)
    for end in (14, 40, len(whole) // 2, len(whole) - 30):
        with pytest.raises(ValueError, match="whole picture"):
            await pictures.cleaned(whole[:end], KINDS[kind])


@pytest.mark.parametrize("size", [(8000, 7000), (20_000, 20_000)])
async def test_a_picture_that_is_huge_once_unpacked_is_refused(size: tuple[int, int]) -> None:
    bomb = encoded(Image.new("1", size), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(ValueError, match="million pixels"):
        await pictures.cleaned(bomb, "image/png")


async def test_too_many_frames_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_FRAMES", 2)
    with pytest.raises(ValueError, match="frames"):
        await pictures.cleaned(animation("GIF"), "image/gif")
