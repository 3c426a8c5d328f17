"""Pictures that are added to a product one by one."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import FileLink, Product
from resolvers import fetch, file_uploads, idempotency, primary_products, product_files, products
from resolvers.context import Context
from resolvers.errors import Conflict, RateLimited
from resolvers.file_uploads import IMAGE, IncomingFile, ReceivedFile
from resolvers.rules import Path
from resolvers.services import Limit
from resolvers.writes import held, touch

MOST = product_files.MOST_FILES.most


async def add_to_primary(
    ctx: Context,
    image: IncomingFile,
    *,
    store_id: int,
    limit: Limit,
    path: Path,
    idempotency_key: str | None = None,
) -> int:
    """Store a picture as the last one of a store's primary product; answers with the file's key.

    ``path`` leads to the picture in the input. Each attempt counts towards ``limit`` of the store:
    to find out that something is no picture costs as much as to keep one. Raises ``RateLimited``,
    ``NotFound`` without a product, ``Invalid``, ``TooLarge``; nothing is stored then.
    """
    ctx.require("file:upload")
    viewer = ctx.require("product:update")
    product = await fetch.find(ctx, primary_products.of_stores, store_id, (), what="product")
    if wait := await ctx.services.limiter.hit(limit, f"store:{store_id}"):
        message = f"at most {limit.amount} images an hour"
        raise RateLimited(message, retry_after=wait, limit=limit.amount)
    is_new = False
    async with file_uploads.received_one(
        ctx, store_id, image, path=path, only_images=True
    ) as received:

        async def work(tx: AsyncSession) -> int:
            nonlocal is_new
            is_new = True
            return await _append(
                ctx, tx, await held(tx, viewer, Product, product.id), received, path
            )

        call = [store_id, received.name, received.sha256]
        key = await idempotency.once(ctx, "addProductImage", idempotency_key, call, work)
    if not is_new:
        await file_uploads.discard(ctx, [received])
    return key


async def _append(
    ctx: Context, tx: AsyncSession, product: Product, received: ReceivedFile, path: Path
) -> int:
    links = select(func.count()).where(
        FileLink.subject_type == Product.__name__,
        FileLink.subject_id == product.id,
        FileLink.role == IMAGE,
    )
    if (await tx.scalar(links) or 0) >= MOST:
        raise Conflict(f"a product has at most {MOST} images", field=path)
    file = file_uploads.add(tx, product.organization_id, product.store_id, received)
    await product_files.append(tx, product, IMAGE, [file])
    touch(product, ctx.services.clock())
    products.tell(tx, "product.updated", product)
    return file.id
