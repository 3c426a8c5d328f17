"""What the wholesale store sells in batches: digital accounts and licences, sealed at rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.seed import catalogue
from app.seed.catalogue import Ware
from app.seed.sowing import CENT, Sowing, of
from db.models import OrderLine, Product, StockItem, StockItemState, Store, StoreSetting
from resolvers import wholesale

EXAMPLE_PRODUCT = 12345  # the client samples of the old documentation order this one
MINIMUM_PURCHASE = 7_500_000
DOMAINS = ("mailbox.example", "post.example", "inbox.example")


@dataclass(frozen=True, slots=True)
class Good:
    """``cents`` is the unit price; ``least`` the smallest batch; ``units`` all there ever were."""

    sku: str
    title: str
    cents: int
    least: int = 1
    units: int = 60
    dynamic: bool = False
    key: int | None = None


# The first product of a list of those from 1 USDT up must be one that can be bought singly: the
# samples of the old documentation buy one unit of it. A single unit has to reach the floor, too.
GOODS: Mapping[str, tuple[Good, ...]] = {
    "Instagram aged": (
        Good("IG-AGED-2016", "Instagram account 2016, 1k followers", 980, units=240),
        Good("IG-AGED-2018", "Instagram account 2018", 840, units=120),
        Good("IG-AGED-2020", "Instagram account 2020", 765, units=240, key=EXAMPLE_PRODUCT),
        Good("IG-AGED-2021", "Instagram account 2021", 310, least=3, units=90),
        Good("IG-AGED-2022", "Instagram account 2022", 245, least=5, units=110, dynamic=True),
        Good("IG-AGED-5K", "Instagram account, 5k followers", 2450, units=40),
        Good("IG-AGED-10K", "Instagram account, 10k followers", 4300, units=18, dynamic=True),
    ),
    "Instagram new": (
        Good("IG-NEW", "Instagram account new, mail included", 105, least=10, units=260),
        Good("IG-NEW-2FA", "Instagram account new, two-factor", 135, least=10, units=180),
        Good("IG-NEW-PHOTO", "Instagram account new, photo and bio", 160, least=5, units=150),
        Good("IG-NEW-BULK", "Instagram account new, bulk", 40, least=20, units=320, dynamic=True),
        Good("IG-NEW-EU", "Instagram account new, EU address", 145, least=5, units=140),
        Good("IG-NEW-US", "Instagram account new, US address", 155, least=5, units=0),
    ),
    "TikTok": (
        Good("TT-AGED-2021", "TikTok account 2021", 390, least=2, units=80),
        Good("TT-AGED-2023", "TikTok account 2023", 260, least=3, units=95),
        Good("TT-NEW", "TikTok account new", 85, least=10, units=210),
        Good("TT-1K", "TikTok account, 1k followers", 1190, units=36, dynamic=True),
        Good("TT-10K", "TikTok account, 10k followers", 3980, units=14),
        Good("TT-SHOP", "TikTok Shop seller account", 5600, units=6),
    ),
    "Mail": (
        Good("ML-NEW-10", "Mailbox new", 22, least=40, units=480),
        Good("ML-AGED-2019", "Mailbox 2019", 140, least=6, units=140),
        Good("ML-AGED-2015", "Mailbox 2015", 320, least=3, units=70),
        Good("ML-POP3", "Mailbox new, IMAP and POP3", 35, least=25, units=300),
        Good("ML-DOMAIN", "Mailbox on a domain of its own", 275, least=3, units=60, dynamic=True),
        Good("ML-2FA", "Mailbox new, two-factor", 48, least=20, units=260),
        Good("ML-RECOVERY", "Mailbox with recovery address", 62, least=15, units=200),
    ),
    "Games": (
        Good("GM-STARTER", "Game account, starter level", 190, least=4, units=90),
        Good("GM-LEVEL-20", "Game account, level 20", 640, least=2, units=50),
        Good("GM-LEVEL-50", "Game account, level 50", 1850, units=25),
        Good("GM-PASS", "Game account with season pass", 1320, units=30, dynamic=True),
        Good("GM-VETERAN", "Game account, ten years old", 3400, units=12),
        Good("GM-LIMITED", "Game account with limited items", 7900, units=4),
    ),
    "Licences": (
        Good("LC-OFFICE-1", "Office suite, one device", 1490, units=45),
        Good("LC-OFFICE-5", "Office suite, five devices", 3990, units=22),
        Good("LC-VPN-1", "VPN, one month", 180, least=5, units=130),
        Good("LC-VPN-12", "VPN, one year", 1450, units=60, dynamic=True),
        Good("LC-CLOUD-100", "Cloud storage 100 GB, one year", 990, units=70),
        Good("LC-CLOUD-2T", "Cloud storage 2 TB, one year", 5200, units=16),
        Good("LC-MUSIC-3", "Music streaming, three months", 870, units=85),
        Good("LC-LEARN", "Language course, one year", 2100, units=33),
    ),
}


@dataclass(slots=True)
class Shelf:
    """Goods of one variant that can be handed over, the oldest first."""

    ware: Ware
    good: Good
    items: list[StockItem] = field(default_factory=list[StockItem])
    sold: int = 0

    @property
    def price(self) -> int:
        return self.ware.variants[0].price

    @property
    def least(self) -> int:
        """The smallest batch at the present price."""
        batch = self.ware.product.min_quantity
        return wholesale.minimum_batch(batch, self.price, MINIMUM_PURCHASE)

    def take(self, line: OrderLine) -> None:
        """Hand over what the line is for."""
        for item in self.items[self.sold : self.sold + line.quantity]:
            item.state, item.order_line_id = StockItemState.SOLD, line.id
        self.sold += line.quantity

    def count(self) -> None:
        """Write what is left, when all sales are done."""
        self.ware.variants[0].stock = len(self.items) - self.sold
        catalogue.figure(self.ware)


def shelves(sowing: Sowing, store: Store) -> list[Shelf]:
    """The whole catalogue with its stock, before anything is sold."""
    found: list[Shelf] = []
    for position, (name, goods) in enumerate(GOODS.items()):
        parent = catalogue.category(sowing, store, name, position=position)
        found += [_shelf(sowing, store, good, parent.id) for good in goods]
    return found


def floor(sowing: Sowing, store: Store) -> None:
    """What one purchase must come to."""
    sowing.rows.add(
        StoreSetting(
            organization_id=store.organization_id,
            store_id=store.id,
            group=wholesale.GROUP,
            name=wholesale.FLOOR,
            value={"micro": MINIMUM_PURCHASE},
            created_at=store.created_at,
        )
    )


def _shelf(sowing: Sowing, store: Store, good: Good, category_id: int) -> Shelf:
    created_at = sowing.between(sowing.ago(days=300), sowing.ago(days=100))
    ware = catalogue.product(
        sowing,
        store,
        good.title,
        price=good.cents * CENT,
        created_at=created_at,
        sku=good.sku,
        key=good.key,
        description=f"{good.title}. Credentials are handed over at once and checked before sale.",
        category_id=category_id,
        is_digital=True,
        min_quantity=good.least,
        attributes={"delivery": "instant", "replacement_days": sowing.pick((1, 3, 7))},
    )
    variant = ware.variants[0]
    variant.compare_price, variant.sell_when_out_of_stock = None, False
    if good.dynamic:
        variant.base_price, variant.repriced_at = variant.price, sowing.ago(minutes=15)
    shelf = Shelf(ware, good)
    for number in range(round(good.units * max(0.5, sowing.scale))):
        item = StockItem(
            **of(store),
            variant_id=variant.id,
            content=sowing.vault.seal(_content(sowing, ware.product, number)),
            created_at=sowing.between(created_at, sowing.ago(days=95)),
        )
        shelf.items.append(sowing.rows.add(item))
    return shelf


def _content(sowing: Sowing, product: Product, number: int) -> dict[str, str]:
    """What a buyer gets. None of it opens anything."""
    if product.title.split(",")[0] in ("Office suite", "VPN", "Cloud storage 100 GB"):
        groups = [f"{sowing.rng.getrandbits(20):05X}" for _ in range(4)]
        return {"licence": "-".join(groups)}
    name = f"{sowing.pick(('lena', 'marco', 'nova', 'pixel', 'river', 'tomo'))}{product.id}{number}"
    return {
        "login": name,
        "password": f"{sowing.rng.getrandbits(64):016x}",
        "email": f"{name}@{sowing.pick(DOMAINS)}",
        "email_password": f"{sowing.rng.getrandbits(48):012x}",
    }
