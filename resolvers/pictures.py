"""Pictures: cleaned of what they tell beyond what they show, and made small."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from resolvers import picture_formats

if TYPE_CHECKING:
    from PIL import Image

LARGEST = 5 << 20
MOST_PIXELS = 50_000_000
MOST_FRAMES = 2_000
THUMBNAIL = (320, 320)
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


async def cleaned(data: bytes, kind: str) -> Picture:
    """The picture without its metadata, and its thumbnail.

    Its pixels, frames and colours stay as they are. Raises ``ValueError``: it is none, it is cut
    off, or it would be too large once unpacked.
    """
    return await asyncio.get_running_loop().run_in_executor(_workshop, _cleaned, data, kind)


def _cleaned(data: bytes, kind: str) -> Picture:
    from PIL import ExifTags, Image  # noqa: PLC0415 - megabytes, and few processes see a picture

    name, strip = KINDS[kind]
    try:
        content = strip(data)
        # Only this format: Pillow reads dozens, and some of them start other programs.
        with Image.open(BytesIO(content), formats=[name]) as image:
            _refuse_bombs(image)
            is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) in _LYING
            width, height = reversed(image.size) if is_turned else image.size
            return Picture(content, _thumbnail(image), width, height)
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
