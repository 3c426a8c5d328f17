"""The ordinary shop: a few hundred things for the home, filed in a tree of categories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product as combinations

from app.seed import catalogue, reviews
from app.seed.catalogue import Ware
from app.seed.sowing import CENT, Sowing
from db.models import Customer, ProductStatus, Store

LINES = (  # noqa: SIM905 - words read best as text
    "Alder Arden Birk Brae Calder Elan Elm Fen Fjord Garrow Glen Halden Harbour Haven Heath "
    "Hollin Isle Juno Kestrel Lark Linden Lowen Lumi Marlow Moss Nord Oakham Orla Otter Pine "
    "Quill Ridge Rowan Saga Skerry Sol Sorrel Tarn Thistle Vale Wren"
).split()
MAKERS = (
    "Aldermoor", "Bryn & Bay", "Copperfield", "Dunlin", "Eastlight", "Fable & Fern", "Greywater",
    "Hearthside", "Kindling Co.", "Lagom Works", "Mill & Meadow", "Northbound", "Ostrea",
    "Pebble Lane", "Rookery", "Saltgrass", "Tern Studio", "Umber", "Wickerby", "Yarrow Home",
)  # fmt: skip
COLOURS = (
    "Charcoal", "Sand", "Sage", "Rust", "Ivory", "Navy", "Ochre", "Clay", "Moss", "Slate",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """What a category holds: how its things are named, what they cost, how they differ."""

    nouns: tuple[str, ...]
    materials: tuple[str, ...]
    prices: tuple[int, int]
    colours: int = 0
    options: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])


BEDS = {"Size": ("Twin", "Queen", "King")}
CLOTHES = {"Size": ("S", "M", "L", "XL")}
TREE: Mapping[str, Mapping[str, Kind]] = {
    "Furniture": {
        "Chairs": Kind(
            ("Dining Chair", "Armchair", "Stool"), ("Oak", "Ash", "Rattan"), (79, 420), colours=3
        ),
        "Tables": Kind(
            ("Coffee Table", "Side Table", "Desk"), ("Oak", "Walnut", "Steel"), (120, 690)
        ),
        "Storage": Kind(
            ("Bookcase", "Sideboard", "Shelf"), ("Birch", "Oak", "Cane"), (60, 540), colours=2
        ),
    },
    "Lighting": {
        "Floor lamps": Kind(
            ("Floor Lamp", "Reading Lamp"), ("Brass", "Linen", "Paper"), (70, 260), colours=2
        ),
        "Table lamps": Kind(
            ("Table Lamp", "Desk Lamp"), ("Ceramic", "Glass", "Steel"), (35, 180), colours=3
        ),
        "Pendants": Kind(("Pendant", "Lantern"), ("Rattan", "Opal Glass", "Copper"), (45, 240)),
    },
    "Kitchen": {
        "Cookware": Kind(
            ("Casserole", "Frying Pan", "Saucepan"), ("Cast Iron", "Steel", "Copper"), (39, 220),
            options={"Size": ("20 cm", "24 cm", "28 cm")},
        ),
        "Coffee and tea": Kind(
            ("Teapot", "Pour-over Set", "Kettle"), ("Stoneware", "Glass", "Enamel"), (18, 95)
        ),
        "Tableware": Kind(
            ("Bowl Set", "Plate Set", "Mug"), ("Stoneware", "Porcelain", "Earthenware"), (9, 85),
            colours=4,
        ),
        "Knives": Kind(("Chef's Knife", "Paring Knife"), ("Carbon Steel", "Damascus"), (25, 190)),
    },
    "Textiles": {
        "Bedding": Kind(
            ("Duvet Cover", "Sheet Set", "Quilt"), ("Linen", "Percale", "Cotton"), (39, 210),
            colours=2, options=BEDS,
        ),
        "Throws and cushions": Kind(
            ("Throw", "Cushion"), ("Wool", "Linen", "Velvet"), (19, 130), colours=4
        ),
        "Rugs": Kind(
            ("Rug", "Runner"), ("Jute", "Wool", "Cotton"), (49, 480),
            options={"Size": ("60 x 90", "120 x 180", "160 x 230")},
        ),
        "Bath": Kind(
            ("Towel Set", "Bath Mat", "Robe"), ("Cotton", "Waffle", "Bamboo"), (15, 95), colours=3
        ),
    },
    "Clothing": {
        "Knitwear": Kind(
            ("Jumper", "Cardigan", "Beanie"), ("Merino", "Lambswool", "Cotton"), (29, 140),
            colours=2, options=CLOTHES,
        ),
        "Outerwear": Kind(
            ("Parka", "Rain Jacket", "Gilet"), ("Waxed Cotton", "Recycled", "Quilted"), (89, 320),
            options=CLOTHES,
        ),
    },
    "Outdoors": {
        "Garden": Kind(
            ("Planter", "Watering Can", "Bench"), ("Zinc", "Terracotta", "Teak"), (16, 260)
        ),
        "Camping": Kind(
            ("Camp Mug", "Lantern", "Blanket"), ("Enamel", "Steel", "Wool"), (12, 120), colours=2
        ),
    },
}  # fmt: skip
PER_CATEGORY = 18
STATUSES = (ProductStatus.ACTIVE, ProductStatus.DRAFT, ProductStatus.ARCHIVED)


def catalogue_of(sowing: Sowing, store: Store, customers: Sequence[Customer]) -> list[Ware]:
    """All products of the shop, with offers and reviews; those on sale are returned."""
    makers = [
        catalogue.brand(sowing, store, name, about=f"{name} makes things for the home.")
        for name in MAKERS
    ]
    wares: list[Ware] = []
    for place, (department, kinds) in enumerate(TREE.items()):
        parent = catalogue.category(sowing, store, department, position=place)
        for position, (name, kind) in enumerate(kinds.items()):
            leaf = catalogue.category(sowing, store, name, parent=parent, position=position)
            for title, material in _titles(sowing, kind, sowing.count(PER_CATEGORY)):
                status = sowing.rng.choices(STATUSES, (94, 4, 2))[0]
                maker = sowing.pick(makers)
                ware = catalogue.product(
                    sowing,
                    store,
                    title,
                    price=sowing.price(*kind.prices),
                    created_at=sowing.between(sowing.ago(days=400), sowing.ago(days=20)),
                    options=_options(sowing, kind),
                    sku=f"{title[:3]}-{sowing.rng.randint(10_000, 99_999)}".upper(),
                    description=_description(sowing, title, material, maker.name),
                    status=status,
                    brand_id=maker.id,
                    category_id=leaf.id,
                    page_title=f"{title} | {store.name}",
                    meta_description=f"{title} by {maker.name}, delivered in two to four days.",
                    attributes={
                        "material": material.lower(),
                        "made_in": sowing.pick(("Portugal", "Denmark", "Japan", "Wales", "India")),
                        "weight_grams": sowing.rng.randint(2, 240) * 50,
                    },
                )
                catalogue.offers(sowing, ware)
                if status is ProductStatus.ACTIVE:
                    reviews.reviews(sowing, ware, customers, most=8)
                    wares.append(ware)
    return wares


def _titles(sowing: Sowing, kind: Kind, count: int) -> list[tuple[str, str]]:
    """Titles with their materials, all different as long as the words reach."""
    pool = list(combinations(LINES, kind.materials, kind.nouns))
    sowing.rng.shuffle(pool)
    found: list[tuple[str, str]] = []
    for at in range(count):
        line, material, noun = pool[at % len(pool)]
        edition = at // len(pool) + 1
        title = f"{line} {material} {noun}"
        found.append((title if edition == 1 else f"{title}, edition {edition}", material))
    return found


def _options(sowing: Sowing, kind: Kind) -> dict[str, Sequence[str]]:
    chosen: dict[str, Sequence[str]] = dict(kind.options)
    if kind.colours:
        chosen["Colour"] = sowing.rng.sample(COLOURS, sowing.rng.randint(1, kind.colours))
    return chosen


def _description(sowing: Sowing, title: str, material: str, maker: str) -> str:
    opening = sowing.pick(
        (
            f"The {title} is made of {material.lower()} in small batches by {maker}.",
            f"{maker} designed the {title} for everyday use, not for the display cabinet.",
            f"Plain {material.lower()}, honest joints, no fuss: the {title} by {maker}.",
        )
    )
    ending = sowing.pick(
        (
            "It ages well and can be repaired.",
            "Ships flat and needs ten minutes and one tool.",
            "Each piece differs a little, as handmade things do.",
            "Comes with a five-year guarantee.",
        )
    )
    return f"{opening} {ending}"


LAMP = 149_00 * CENT


def single_product(sowing: Sowing, store: Store, customers: Sequence[Customer]) -> list[Ware]:
    """The storefront that sells one thing."""
    lamp = catalogue.product(
        sowing,
        store,
        "Ember One Portable Lamp",
        price=LAMP,
        created_at=sowing.ago(days=150),
        options={"Colour": ("Coal", "Chalk", "Copper")},
        sku="EMBER-1",
        description="A cordless lamp for tables, tents and power cuts. Forty hours on one charge.",
        attributes={"battery_mah": 5200, "lumens": 380, "ingress_protection": "IP54"},
    )
    reviews.reviews(sowing, lamp, customers, most=40)
    return [lamp]
