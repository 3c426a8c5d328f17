"""Pictures: cleaned of what they tell beyond what they show, and made small."""

import asyncio
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from resolvers import picture_formats

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 5 << 20
MOST_PIXELS = 50_000_000
MOST_FRAMES = 2_000
THUMBNAIL = (320, 320)
VIEW = (1024, 1024)
_COLOURS, _WHITE = 6, 235
KINDS: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "image/jpeg": ("JPEG", picture_formats.jpeg),
    "image/png": ("PNG", picture_formats.png),
    "image/webp": ("WEBP", picture_formats.webp),
    "image/gif": ("GIF", picture_formats.gif),
}
_BROKEN = "must be a whole picture that can be read"
_BOMB = f"must have at most {MOST_PIXELS // 1_000_000} million pixels and {MOST_FRAMES} frames"
_LYING = range(5, 9)
# A large picture takes 200 MB while it is made small: so few at a time.
_workshop = ThreadPoolExecutor(2, thread_name_prefix="pictures")


@dataclass(frozen=True, slots=True)
class Picture:
    """``width`` and ``height`` are as shown; the thumbnail is WebP."""

    content: bytes
    thumbnail: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class View:
    """A picture to be looked at: its first frame as a JPEG of at most 1024 pixels a side.

    ``width`` and ``height`` are those of the picture itself, as shown. ``colour`` (red, green and
    blue, 0 to 255) is what most of its middle has, if that is not all white.
    """

    content: bytes
    width: int
    height: int
    colour: tuple[int, int, int]


async def cleaned(data: bytes, kind: str) -> Picture:
    """The picture without its metadata, and its thumbnail.

    Its pixels, frames and colours stay as they are. Raises ``ValueError``: it is none, it is cut
    off, or it would be too large once unpacked.
    """
    return await asyncio.get_running_loop().run_in_executor(_workshop, _cleaned, data, kind)


async def viewed(data: bytes, kind: str) -> View:
    """How the picture looks. Raises ``ValueError`` as ``cleaned`` does."""
    return await asyncio.get_running_loop().run_in_executor(_workshop, _viewed, data, kind)


def _cleaned(data: bytes, kind: str) -> Picture:
    with _opened(data, kind) as (content, image, width, height):
        return Picture(content, _thumbnail(image), width, height)


def _viewed(data: bytes, kind: str) -> View:
    from PIL import Image, ImageOps  # noqa: PLC0415 - megabytes, and few processes see a picture

    with _opened(data, kind) as (_, image, width, height):
        image.seek(0)
        image.thumbnail(VIEW, reducing_gap=2.0)
        upright = ImageOps.exif_transpose(image).convert("RGBA")
        shown = Image.new("RGB", upright.size, "white")
        shown.paste(upright, mask=upright)
        content = BytesIO()
        shown.save(content, "JPEG", quality=85)
        return View(content.getvalue(), width, height, _colour(shown))


@contextmanager
def _opened(data: bytes, kind: str) -> Generator[tuple[bytes, "Image.Image", int, int]]:
    """The bytes without metadata, the picture in them, its width and height as shown."""
    from PIL import ExifTags, Image  # noqa: PLC0415 - as above

    name, strip = KINDS[kind]
    try:
        content = strip(data)
        # Only this format: Pillow reads dozens, and some of them start other programs.
        with Image.open(BytesIO(content), formats=[name]) as image:
            _refuse_bombs(image)
            is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) in _LYING
            width, height = reversed(image.size) if is_turned else image.size
            yield content, image, width, height
    except (_Bomb, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(_BOMB) from error
    # Whatever a decoder stumbles over, the picture is the reason: nothing else goes in.
    except Exception as error:
        raise ValueError(_BROKEN) from error


class _Bomb(Exception):
    """A picture that is small as a file and large once unpacked."""


def _refuse_bombs(image: "Image.Image") -> None:
    frames: int = getattr(image, "n_frames", 1)
    if image.width * image.height > MOST_PIXELS or frames > MOST_FRAMES:
        raise _Bomb


def _thumbnail(image: "Image.Image") -> bytes:
    """The first frame, upright."""
    from PIL import ImageOps  # noqa: PLC0415

    image.seek(0)
    image.thumbnail(THUMBNAIL, reducing_gap=2.0)
    small = ImageOps.exif_transpose(image)
    profile = small.info.get("icc_profile") if small.mode in {"RGB", "RGBA"} else None
    if small.mode not in {"RGB", "RGBA"}:
        small = small.convert("RGBA" if small.has_transparency_data else "RGB")
    content = BytesIO()
    small.save(content, "WEBP", quality=80, icc_profile=profile, exif=b"", xmp=b"")
    return content.getvalue()


def _colour(image: "Image.Image") -> tuple[int, int, int]:
    width, height = image.size
    middle = image.crop((width // 4, height // 4, width - width // 4, height - height // 4))
    middle.thumbnail((64, 64))
    counted: Any = middle.quantize(_COLOURS).convert("RGB").getcolors()
    colours = [colour for _, colour in sorted(counted, reverse=True)]
    return next((each for each in colours if min(each) < _WHITE), colours[0])
