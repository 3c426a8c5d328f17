"""The words by which products are found, and how much an order line took from stock."""

import sqlalchemy as sa
from alembic import op

from db.migrations import steps
from db.words import without_markup, words

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BATCH = 500

_PRODUCT = sa.table(
    "product",
    sa.column("id", _KEY),
    sa.column("title", sa.String()),
    sa.column("slug", sa.String()),
    sa.column("description", sa.String()),
    sa.column("search_text", sa.String()),
)
_VARIANT = sa.table(
    "variant",
    sa.column("id", _KEY),
    sa.column("product_id", _KEY),
    sa.column("position", _KEY),
    sa.column("sku", sa.String()),
    sa.column("deleted_at", sa.DateTime(timezone=True)),
)


def _fill() -> None:
    """As ``resolvers.search`` does: queries are read by the same code as the text."""
    bind, last = op.get_bind(), 0
    of_product = sa.select(*_PRODUCT.c).order_by(_PRODUCT.c.id).limit(_BATCH)
    numbered = (
        sa.select(_VARIANT.c.product_id, _VARIANT.c.sku)
        .where(_VARIANT.c.deleted_at.is_(None), _VARIANT.c.sku.is_not(None))
        .order_by(_VARIANT.c.position, _VARIANT.c.id)
    )
    while rows := bind.execute(of_product.where(_PRODUCT.c.id > last)).all():
        skus: dict[int, list[str]] = {row.id: [] for row in rows}
        for row in bind.execute(numbered.where(_VARIANT.c.product_id.in_(skus))):
            skus[row.product_id].append(row.sku)
        bind.execute(
            _PRODUCT.update()
            .where(_PRODUCT.c.id == sa.bindparam("key"))
            .values(search_text=sa.bindparam("text")),
            [
                {
                    "key": row.id,
                    "text": words(
                        (row.title, row.slug, *skus[row.id], without_markup(row.description or ""))
                    ),
                }
                for row in rows
            ],
        )
        last = rows[-1].id


def upgrade() -> None:
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("search_text", sa.String(), nullable=False, server_default="")
        )
    _fill()
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.alter_column("search_text", server_default=None)
    steps.search_products()
    with op.batch_alter_table("order_line", schema=None) as batch_op:
        batch_op.add_column(sa.Column("taken", _KEY, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("order_line", schema=None) as batch_op:
        batch_op.drop_column("taken")
    steps.search_products_no_more()
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_column("search_text")
