"""Briefs: what a generation's job tells the writer, gathered when it runs."""

import re
from collections.abc import AsyncIterator, Mapping
from html import unescape
from typing import Any

from sqlalchemy import select

from db.models import File, Product, Store
from resolvers import file_addresses, file_contents, pictures
from resolvers.context import Context
from resolvers.copywriting import Brief, NoPicture
from resolvers.errors import NotFound
from resolvers.pictures import View
from resolvers.services import NoAnswer, Services
from resolvers.viewer import visible

_BLOCKS = {"p", "div", "li", "h1", "h2", "h3", "h4", "h5", "h6", "tr"}
_TAG = re.compile(r"<[^>]*>")
_GAP = re.compile(r"\n\s*\n")


async def of(ctx: Context, store_id: int, told: Mapping[str, Any]) -> Brief:
    """The brief of a job's input. Raises ``NotFound``: the store is gone.

    A product that is gone is left out: there is still the picture, and there are the hints.
    """
    viewer = ctx.require()
    stores = visible(viewer, Store).where(Store.id == store_id)
    found = await ctx.rows(stores.with_only_columns(Store.name, Store.description))
    if not found:
        raise NotFound("store")
    products = visible(viewer, Product).where(Product.id == told["product_id"])
    described = products.with_only_columns(Product.title, Product.description)
    product: Any = next(iter(await ctx.rows(described)), None)
    hints = told["hints"]
    return Brief(
        store=found[0].name,
        store_description=_plain(found[0].description),
        title=product.title if product else None,
        description=_plain(product.description) if product else None,
        kind=hints.get("product_kind"),
        tone=hints.get("tone"),
        audience=hints.get("audience"),
        further=hints.get("further") or {},
        picture=await _picture(ctx, told),
    )


def _plain(text: str | None) -> str | None:
    """Text of what may be HTML; paragraphs keep an empty line between them."""
    if text is None:
        return None
    import nh3  # noqa: PLC0415 - costs memory, and few need it

    kept = nh3.clean(text, tags=_BLOCKS | {"br"}, attributes={})
    lines = _TAG.sub(lambda tag: "\n" if "br" in tag[0] else "\n\n", kept)
    return unescape(_GAP.sub("\n\n", lines)).strip()


async def _picture(ctx: Context, told: Mapping[str, Any]) -> View | NoPicture | None:
    """The picture that was named: a stored file, or whatever is at an address."""
    if told["file_id"] is not None:
        stored = select(File.key, File.content_type).where(
            File.id == told["file_id"], File.deleted_at.is_(None)
        )
        files = await ctx.rows(stored)
        if not files:
            return NoPicture("the file was deleted")
        return await _stored(ctx.services, files[0].key)
    if told["image_url"] is None:
        return None
    own = file_addresses.read_own(ctx.services, told["image_url"])
    if own is None:
        return await _elsewhere(ctx.services, told["image_url"])
    try:
        served = await file_addresses.served(ctx.services, *own)
    except (NotFound, ValueError):
        return NoPicture("the address leads to no file, or no longer")
    return await _stored(ctx.services, served.key)


async def _stored(services: Services, key: str) -> View | NoPicture:
    """Raises ``Unavailable``: the storage does not answer."""
    try:
        opened = await services.storage.open(key)
    except NotFound:
        return NoPicture("the file is not in the storage")
    content = await _at_most(opened.pieces)
    return await _seen(content)


async def _at_most(pieces: AsyncIterator[bytes]) -> bytes:
    """What the pieces begin with: enough to see that a picture is too large."""
    content = bytearray()
    async for piece in pieces:
        content += piece
        if len(content) > pictures.LARGEST:
            break
    return bytes(content)


async def _elsewhere(services: Services, url: str) -> View | NoPicture:
    if services.fetcher is None:
        return NoPicture("this process fetches none")
    found = await services.fetcher.get(url, most=pictures.LARGEST)
    if isinstance(found, NoAnswer):
        return NoPicture(found.reason, found.final)
    return await _seen(found)


async def _seen(content: bytes) -> View | NoPicture:
    if len(content) > pictures.LARGEST:
        return NoPicture(f"is larger than {pictures.LARGEST} bytes")
    try:
        kind = file_contents.kind(content[: file_contents.HEAD])
        if kind not in pictures.KINDS:
            return NoPicture("is no JPEG, PNG, WebP or GIF picture")
        return await pictures.viewed(content, kind)
    except ValueError as error:
        return NoPicture(str(error))
