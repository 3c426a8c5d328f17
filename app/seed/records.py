"""The record shop: albums whose makers are artists, on labels. Nobody of them exists."""

from collections.abc import Sequence

from app.seed import catalogue, reviews
from app.seed.catalogue import Ware
from app.seed.sowing import Sowing
from db.models import BrandRole, Customer, Store

ARTISTS = (
    "Velvet Tram", "The Night Ferries", "Mara Okonjo", "Paper Lighthouse", "Sunday Cartographers",
    "Echo Parade", "Delia Fontaine Trio", "Low Tide Orchestra", "Kasimir & the Cranes",
    "Ferrous Hearts", "Lina Solberg", "Static Gardens", "The Borrowed Coats", "Hollow Meridian",
    "Juno Vasquez", "Cobalt Choir", "Polar Motel", "Anwar Haddad Quartet", "Glass Harbour",
    "Wintering Birds", "Sister Ampersand", "The Slow Comets", "Tomo Ishii", "Rust & Reverie",
)  # fmt: skip
LABELS = ("Attic Tapes", "Blue Kiosk", "Fieldmouse Records", "Night Desk", "Ninth Floor", "Tidal")
GENRES = ("Jazz", "Indie", "Electronic", "Folk", "Soul", "Ambient")
FIRST = (
    "Letters", "Songs", "Maps", "Rooms", "Ghosts", "Postcards", "Signals", "Gardens", "Shadows",
    "Winters",
)  # fmt: skip
LAST = (
    "from the Coast", "for Empty Trains", "of a Quiet City", "after Midnight", "without Names",
    "in Slow Motion", "to Nowhere", "under Glass", "for My Brother", "from the Third Floor",
)  # fmt: skip
FORMATS = (("LP", "CD"), ("LP", "LP, coloured", "CD"), ("LP",), ("2xLP", "CD", "Cassette"))
ALBUMS = 120


def catalogue_of(sowing: Sowing, store: Store, customers: Sequence[Customer]) -> list[Ware]:
    artists = [
        catalogue.brand(
            sowing, store, name, role=BrandRole.ARTIST, about=f"All that we have by {name}."
        )
        for name in ARTISTS
    ]
    labels = [
        catalogue.brand(
            sowing, store, name, role=BrandRole.LABEL, about=f"The catalogue of {name}."
        )
        for name in LABELS
    ]
    genres = [
        catalogue.category(sowing, store, name, position=at) for at, name in enumerate(GENRES)
    ]
    wares: list[Ware] = []
    for number in range(sowing.count(ALBUMS)):
        label, genre = sowing.pick(labels), sowing.pick(genres)
        # A compilation belongs to its label, any other album to its artist.
        maker = label if sowing.chance(0.08) else sowing.pick(artists)
        name = f"{sowing.pick(FIRST)} {sowing.pick(LAST)}"
        by = "Various" if maker is label else maker.name
        ware = catalogue.product(
            sowing,
            store,
            f"{by} - {name}",
            price=sowing.price(12, 34),
            created_at=sowing.between(sowing.ago(days=380), sowing.ago(days=5)),
            options={"Format": sowing.pick(FORMATS)},
            sku=f"{label.slug[:2]}{number + 100:04d}".upper(),
            description=f"{name} by {by}, on {label.name}. {genre.name}, in very good condition.",
            brand_id=maker.id,
            category_id=genre.id,
            attributes={
                "artist": by,
                "label": label.name,
                "year": sowing.rng.randint(1968, 2025),
                "condition": sowing.pick(("new", "near mint", "very good plus")),
            },
        )
        catalogue.offers(sowing, ware)
        reviews.reviews(sowing, ware, customers, most=3)
        wares.append(ware)
    return wares
