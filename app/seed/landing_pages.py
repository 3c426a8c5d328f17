"""Addresses of a shop's own, and pages that sell one thing each."""

from collections.abc import Sequence

from app.seed.catalogue import Ware
from app.seed.sowing import Sowing, of
from db.models import CodType, Domain, LandingPage, Store

COUNT = 24
LANGUAGES = ("en", "en-GB", "de", "fr", "es")
CALLS = ("Made to stay", "Back in stock", "As seen in the window", "Last pieces of this batch")


def domains(sowing: Sowing, store: Store, names: Sequence[str]) -> list[Domain]:
    """The host names of a store; the first is its primary one."""
    return [
        sowing.rows.add(
            Domain(
                **of(store),
                name=name,
                is_primary=number == 0,
                created_at=sowing.ago(days=380 - 90 * number),
            )
        )
        for number, name in enumerate(names)
    ]


def landing_pages(
    sowing: Sowing, store: Store, wares: Sequence[Ware], hosts: Sequence[Domain]
) -> list[LandingPage]:
    """Pages for some of a store's products, each of another one; a few are not published yet."""
    chosen = sowing.rng.sample(wares, min(len(wares), sowing.count(COUNT)))
    return [_page(sowing, store, ware, hosts) for ware in chosen]


def _page(sowing: Sowing, store: Store, ware: Ware, hosts: Sequence[Domain]) -> LandingPage:
    product, host = ware.product, sowing.pick((None, *hosts))
    since = product.created_at if host is None else max(product.created_at, host.created_at)
    created_at = sowing.between(since, sowing.ago(days=2))
    published_at = sowing.after(created_at, hours=(1, 40)) if sowing.chance(0.85) else None
    return sowing.rows.add(
        LandingPage(
            **of(store),
            product_id=product.id,
            domain_id=None if host is None else host.id,
            title=f"{product.title}: {sowing.pick(CALLS).lower()}",
            slug=f"{product.slug}-offer",
            meta_description=product.meta_description,
            language=sowing.pick(LANGUAGES),
            cod_type=sowing.pick(tuple(CodType)),
            published_at=published_at,
            created_at=created_at,
        ),
        updated_at=published_at,
    )
