"""The storefront that sells one thing: how it looks, what buyers ask, pictures, and who looked."""

import hashlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw

from app.seed.sowing import Sowing, of
from db.models import FaqEntry, File, FileLink, Product, Store, StoreSetting, Visit
from resolvers import pictures
from resolvers.file_uploads import IMAGE
from resolvers.storefront_settings import GROUP, kept

SETTINGS: dict[str, Any] = {
    "theme": "neon",
    "primary_color": "#c2410c",
    "ad_pixels": {"meta": "1234567890", "tiktok": "C7ABCDEFGH"},
    "announcement": {"text": "Free returns for 60 days", "until": None},
}
FAQ = (
    ("How long does a charge last?", "Forty hours on the lowest level, six on the highest."),
    ("Can it stay outside?", "Yes. Rain and spray do it no harm (IP54); water over it does."),
    ("How is it charged?", "By USB-C, in three hours. A cable is in the box."),
    ("Can the battery be replaced?", "Yes, with one screwdriver. We sell batteries for ten years."),
)  # fmt: skip
KEYWORDS = ["portable lamp", "cordless lamp", "table lamp", "camping lamp"]
HTML = (
    "<p>A cordless lamp for <strong>tables, tents and power cuts</strong>.</p>"
    "<ul><li>Forty hours on one charge</li><li>380 lumens, dimmable</li>"
    "<li>IP54: rain does it no harm</li></ul>"
)
PICTURES = (("ember-one-lit.png", (194, 65, 12)), ("ember-one-coal.png", (64, 64, 70)))
SIZE = (640, 480)
VISITS = 1500
PATHS = ("/", "/", "/", "/faq", "/reviews", "/checkout")
REFERRERS = (
    None,
    None,
    "https://search.example/",
    "https://social.example/",
    "https://mail.example/",
)


def storefront(sowing: Sowing, store: Store, product: Product) -> None:
    """Make of a store with one product what a storefront shows."""
    for name, value in SETTINGS.items():
        sowing.rows.add(
            StoreSetting(
                **of(store), group=GROUP, name=name, value=kept(value), created_at=store.created_at
            )
        )
    product.is_primary = True
    product.description_html = HTML
    product.keywords = KEYWORDS
    product.page_title = f"{product.title} | {store.name}"
    product.meta_description = "A cordless lamp that shines forty hours on one charge."
    for position, (question, answer) in enumerate(FAQ):
        sowing.rows.add(
            FaqEntry(
                **of(store), product_id=product.id, question=question, answer=answer,
                position=position, created_at=product.created_at,
            )
        )  # fmt: skip
    for position, (name, colour) in enumerate(PICTURES):
        _picture(sowing, product, name, colour, position)
    for _ in range(sowing.count(VISITS)):
        sowing.rows.add(
            Visit(
                **of(store),
                path=sowing.pick(PATHS),
                visitor=f"v{sowing.rng.randrange(VISITS // 3):04}",
                referrer=sowing.pick(REFERRERS),
                created_at=sowing.between(product.created_at, sowing.now),
            )
        )


def _picture(
    sowing: Sowing, product: Product, name: str, colour: tuple[int, int, int], position: int
) -> None:
    """A picture of a lamp, drawn here, with its bytes for the storage."""
    content, small = _drawn(colour)
    key = f"{product.store_id}/{sowing.rng.getrandbits(128):032x}"
    sowing.stored += [(key, content), (f"{key}-small", small)]
    owner: dict[str, Any] = {
        "organization_id": product.organization_id, "store_id": product.store_id,
        "created_at": product.created_at,
    }  # fmt: skip
    file = sowing.rows.add(
        File(
            **owner, name=name, key=key, thumbnail_key=f"{key}-small", content_type="image/png",
            size=len(content), sha256=hashlib.sha256(content).hexdigest(),
            alt=f"{product.title}, seen from the side", width=SIZE[0], height=SIZE[1],
        )
    )  # fmt: skip
    sowing.rows.add(
        FileLink(
            **owner, file_id=file.id, subject_type="Product", subject_id=product.id, role=IMAGE,
            position=position,
        )
    )  # fmt: skip


def _drawn(colour: tuple[int, int, int]) -> tuple[bytes, bytes]:
    """A PNG, and the small form of it."""
    image = Image.new("RGB", SIZE, (250, 246, 240))
    pen = ImageDraw.Draw(image)
    pen.polygon([(240, 120), (400, 120), (450, 280), (190, 280)], fill=colour)
    pen.rectangle([(310, 280), (330, 390)], fill=(90, 80, 70))
    pen.ellipse([(230, 375), (410, 415)], fill=(90, 80, 70))
    content, small = BytesIO(), BytesIO()
    image.save(content, "PNG", optimize=True)
    image.thumbnail(pictures.THUMBNAIL)
    image.save(small, "WEBP", quality=80)
    return content.getvalue(), small.getvalue()
