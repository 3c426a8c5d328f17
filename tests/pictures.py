"""Pictures for tests, with what cameras write into them."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from PIL import ExifTags, Image

CAMERA = "Tattletale 3000"
LYING = 6


def exif(orientation: int = 1) -> Image.Exif:
    """Metadata that say with what, where and how a picture was taken."""
    made = Image.Exif()
    made[ExifTags.Base.Make] = CAMERA
    made[ExifTags.Base.Orientation] = orientation
    place = made.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef] = "N"
    place[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.0)
    return made


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    content = BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    """A picture of noise, which no encoder makes small."""
    return encoded(Image.effect_noise(size, 80).convert("RGB"), kind, **options)


def animation(kind: str, frames: int = 3, **options: Any) -> bytes:
    made = [Image.new("RGB", (20, 10), (n * 40, 0, 0)) for n in range(frames)]
    return encoded(made[0], kind, save_all=True, append_images=made[1:], loop=0, **options)


def pixels(content: bytes) -> Sequence[bytes]:
    """Of each frame the pixels."""
    with Image.open(BytesIO(content)) as image:
        frames: list[bytes] = []
        for n in range(getattr(image, "n_frames", 1)):
            image.seek(n)
            frames.append(image.tobytes())
        return frames


def told(content: bytes) -> dict[int, Any]:
    """What the metadata tell, by tag."""
    with Image.open(BytesIO(content)) as image:
        return dict(image.getexif())
