"""Landing pages: a page of its own for one product, at an address of its store."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import CodType, Domain, FileLink, LandingPage, Product, Store
from resolvers import idempotency, slugs
from resolvers.context import Context
from resolvers.events import announce
from resolvers.inputs import ABSENT
from resolvers.keys import KeyOf
from resolvers.reads import Conditions, contains, narrowed, one, page, sorts
from resolvers.rules import Matching, Slug, Text, WebAddress, checked
from resolvers.viewer import Viewer
from resolvers.writes import held, put, referred, seen

LANGUAGE = Matching(
    r"(?=.{2,35}$)[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", "a language tag such as en or pt-BR"
)
SORTS = sorts(
    "LandingPageSort",
    default="created_at_desc",
    id=LandingPage.id,
    created_at=LandingPage.created_at,
    updated_at=LandingPage.updated_at,
    title=LandingPage.title,
)


@dataclass(frozen=True, kw_only=True)
class LandingPageFilter:
    """Which landing pages; all given conditions must hold."""

    search: Annotated[str | None, "Text in the title or the slug."] = None
    store_id: Annotated[int | None, KeyOf("Store"), "Only of this store."] = None
    product_id: Annotated[tuple[int, ...] | None, KeyOf("Product"), "Any of these products."] = None
    domain_id: Annotated[int | None, KeyOf("Domain"), "Only those put on this domain."] = None
    cod_type: Annotated[tuple[CodType, ...] | None, "Any of these ways to take orders."] = None
    language: Annotated[str | None, "Exactly this language tag, in any case."] = None
    published: Annotated[bool | None, "Those that buyers see, or only others."] = None
    created_after: Annotated[datetime | None, "Made at or after."] = None
    created_before: Annotated[datetime | None, "Made before."] = None


CONDITIONS: Conditions = {
    "search": lambda text: or_(contains(LandingPage.title, text), contains(LandingPage.slug, text)),
    "store_id": lambda key: LandingPage.store_id == key,
    "product_id": LandingPage.product_id.in_,
    "domain_id": lambda key: LandingPage.domain_id == key,
    "cod_type": LandingPage.cod_type.in_,
    "language": lambda tag: func.lower(LandingPage.language) == tag.lower(),
    "published": lambda wanted: (
        LandingPage.published_at.is_not(None) if wanted else LandingPage.published_at.is_(None)
    ),
    "created_after": lambda at: LandingPage.created_at >= at,
    "created_before": lambda at: LandingPage.created_at < at,
}


@one(LandingPage, by=LandingPage.id, permission="landing_page:view")
def by_id(pages: Any) -> Any:
    return pages


@one(LandingPage, by=LandingPage.uuid, permission="landing_page:view")
def by_uuid(pages: Any) -> Any:
    return pages


@page(LandingPage, sorts=SORTS, permission="landing_page:view")
def listing(pages: Any, *, filter: LandingPageFilter | None = None) -> Any:
    return narrowed(pages, filter, CONDITIONS)


of_stores = listing.by_column(LandingPage.store_id)
of_products = listing.by_column(LandingPage.product_id)
of_domains = listing.by_column(LandingPage.domain_id)


@dataclass(frozen=True, kw_only=True)
class NewLandingPage:
    """A page to make. Buyers see it once it is published."""

    product_id: Annotated[int, KeyOf("Product"), "What it sells."]
    domain_id: Annotated[
        int | None, KeyOf("Domain"), "A domain of the store; its primary one if left out."
    ] = None
    title: Annotated[str, Text(), "Its name, as buyers see it."]
    slug: Annotated[str | None, Slug, "Unique in the store; made of the title if left out."] = None
    meta_description: Annotated[str | None, Text(1000, 0), "Summary for search engines."] = None
    language: Annotated[str | None, LANGUAGE, "What it is written in, as BCP 47 tag."] = None
    cod_type: Annotated[CodType, "How it takes orders that are paid on delivery."] = (
        CodType.CHECKOUT
    )
    screenshot_url: Annotated[str | None, WebAddress(), "Where a picture of it is."] = None


@dataclass(frozen=True, kw_only=True)
class LandingPageChanges:
    """What to change about a landing page."""

    product_id: Annotated[int, KeyOf("Product"), "What it sells."] = ABSENT
    domain_id: Annotated[
        int | None, KeyOf("Domain"), "A domain of the store; null for its primary one."
    ] = ABSENT
    title: Annotated[str, Text(), "Its name, as buyers see it."] = ABSENT
    slug: Annotated[str, Slug, "Unique in the store."] = ABSENT
    meta_description: Annotated[str | None, Text(1000, 0), "Summary for search engines."] = ABSENT
    language: Annotated[str | None, LANGUAGE, "What it is written in, as BCP 47 tag."] = ABSENT
    cod_type: Annotated[CodType, "How it takes orders that are paid on delivery."] = ABSENT
    screenshot_url: Annotated[str | None, WebAddress(), "Where a picture of it is."] = ABSENT


async def create(ctx: Context, *, input: NewLandingPage, idempotency_key: str | None = None) -> int:
    viewer = ctx.require("landing_page:create")
    values = checked(input, "input")

    async def work(tx: AsyncSession) -> int:
        field = ("input", "product_id")
        store_id = (await seen(tx, viewer, Product, input.product_id, field=field)).store_id
        store = await held(tx, viewer, Store, store_id, field=field)
        await _check_references(tx, viewer, values, "input", store_id=store_id)
        values["slug"] = await _slug(tx, store_id, values["slug"], values["title"], "input")
        made = LandingPage(organization_id=store.organization_id, store_id=store_id, **values)
        tx.add(made)
        await tx.flush()
        _tell(tx, "landing_page.created", made)
        return made.id

    return await idempotency.once(ctx, "createLandingPage", idempotency_key, input, work)


async def update(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("LandingPage"), "The landing page."],
    changes: LandingPageChanges,
    expected_version: int | None = None,
) -> int:
    viewer = ctx.require("landing_page:update")
    values = checked(changes, "changes")
    async with ctx.transaction() as tx:
        store_id = (await seen(tx, viewer, LandingPage, id)).store_id
        if "slug" in values:
            await held(tx, viewer, Store, store_id)
        await _check_references(tx, viewer, values, "changes", store_id=store_id)
        found = await held(tx, viewer, LandingPage, id, expected_version=expected_version)
        if values.get("slug", found.slug) != found.slug:
            await _slug(tx, store_id, values["slug"], "", "changes")
        put(found, values)
        _tell(tx, "landing_page.updated", found)
    return id


async def publish(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("LandingPage"), "The landing page."],
    expected_version: int | None = None,
) -> int:
    """Show it to buyers. Publishing it again changes nothing."""
    return await _show(ctx, id, expected_version, ctx.services.clock())


async def unpublish(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("LandingPage"), "The landing page."],
    expected_version: int | None = None,
) -> int:
    return await _show(ctx, id, expected_version, None)


async def delete(
    ctx: Context,
    *,
    id: Annotated[int, KeyOf("LandingPage"), "The landing page."],
    expected_version: int | None = None,
) -> int:
    """Delete a landing page. Orders that came from it stay; another one may have its slug."""
    viewer = ctx.require("landing_page:delete")
    async with ctx.transaction() as tx:
        found = await held(tx, viewer, LandingPage, id, expected_version=expected_version)
        await _delete(tx, [found], ctx.services.clock())
    return id


async def delete_all(tx: AsyncSession, product_id: int, at: datetime) -> None:
    """Delete the pages of a product that goes. Hold the product before, so that none is added."""
    found = (
        select(LandingPage)
        .where(LandingPage.product_id == product_id, LandingPage.deleted_at.is_(None))
        .order_by(LandingPage.id)
        .with_for_update(key_share=True)
    )
    await _delete(tx, (await tx.scalars(found)).all(), at)


async def _delete(tx: AsyncSession, pages: Sequence[LandingPage], at: datetime) -> None:
    await tx.execute(
        sql_delete(FileLink).where(
            FileLink.subject_type == "LandingPage",
            FileLink.subject_id.in_([each.id for each in pages]),
        )
    )
    for each in pages:
        each.deleted_at = at
        _tell(tx, "landing_page.deleted", each)


async def _show(ctx: Context, key: int, version: int | None, at: datetime | None) -> int:
    viewer = ctx.require("landing_page:publish")
    async with ctx.transaction() as tx:
        found = await held(tx, viewer, LandingPage, key, expected_version=version)
        if (found.published_at is None) != (at is None):
            found.published_at = at
            _tell(tx, "landing_page.updated", found)
    return key


async def _check_references(
    tx: AsyncSession, viewer: Viewer, values: dict[str, Any], inside: str, *, store_id: int
) -> None:
    for name, row in (("product_id", Product), ("domain_id", Domain)):
        if (key := values.get(name)) is not None:
            await referred(tx, viewer, row, key, field=(inside, name), store_id=store_id)


async def _slug(
    tx: AsyncSession, store_id: int, wanted: str | None, title: str, inside: str
) -> str:
    taken = (LandingPage.store_id == store_id, LandingPage.deleted_at.is_(None))
    return await slugs.claimed(
        tx, LandingPage.slug, wanted, title, *taken, otherwise="page", inside=inside
    )


def _tell(tx: AsyncSession, topic: str, page: LandingPage) -> None:
    announce(
        tx,
        topic,
        organization_id=page.organization_id,
        store_id=page.store_id,
        subject=("landing_page", page.id),
        title=page.title,
        product_id=page.product_id,
        published=page.published_at is not None,
    )
