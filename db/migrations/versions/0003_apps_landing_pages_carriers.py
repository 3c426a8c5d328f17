"""Apps, landing pages, shipping carriers, and what orders, customers and files lacked."""

from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_BATCH = 500
_SPELT = {
    "line1": "address",
    "city": "city",
    "state": "state",
    "postal_code": "postal_code",
    "country": "country",
}
_CARRIERS = (
    ("UPS", "ups", "https://www.ups.com/track?tracknum={number}"),
    ("USPS", "usps", "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}"),
    ("FedEx", "fedex", "https://www.fedex.com/fedextrack/?trknbr={number}"),
    ("DHL Express", "dhl", "https://www.dhl.com/en/express/tracking.html?AWB={number}"),
    ("DPD", "dpd", "https://www.dpd.com/tracking/{number}"),
    ("GLS", "gls", "https://gls-group.com/track/{number}"),
    ("Royal Mail", "royal_mail", "https://www.royalmail.com/track-your-item#/tracking-results/{number}"),
    ("La Poste", "la_poste", "https://www.laposte.fr/outils/suivre-vos-envois?code={number}"),
    ("Canada Post", "canada_post", "https://www.canadapost-postescanada.ca/track-reperage/en#/details/{number}"),
    ("Australia Post", "australia_post", "https://auspost.com.au/mypost/track/#/details/{number}"),
    ("Aramex", "aramex", "https://www.aramex.com/track/results?ShipmentNumber={number}"),
    ("Other", "other", None),
)  # fmt: skip


def _name_options() -> None:
    options = sa.table("product_option", sa.column("id", _KEY), sa.column("uuid", sa.Uuid()))
    bind = op.get_bind()
    for key in bind.execute(sa.select(options.c.id)).scalars().all():
        bind.execute(options.update().where(options.c.id == key).values(uuid=uuid4()))


def _spell_out_addresses() -> None:
    """What was one JSON value is a column each; what fits none stays among the attributes."""
    names = [f"{prefix}{name}" for prefix in ("", "billing_") for name in _columns()]
    orders = sa.table(
        "orders",
        sa.column("id", _KEY),
        sa.column("shipping_json", _JSON),
        sa.column("billing_json", _JSON),
        sa.column("attributes", _JSON),
        *(sa.column(name, sa.String()) for name in names),
    )
    given = sa.or_(orders.c.shipping_json.is_not(None), orders.c.billing_json.is_not(None))
    bind, last = op.get_bind(), 0
    page = sa.select(orders.c.id, orders.c.shipping_json, orders.c.billing_json).where(given)
    while rows := bind.execute(
        page.where(orders.c.id > last).order_by(orders.c.id).limit(_BATCH)
    ).all():
        for row in rows:
            values: dict[str, str] = {}
            left: dict[str, Any] = {}
            for name, prefix, address in (
                ("shipping", "", row.shipping_json),
                ("billing", "billing_", row.billing_json),
            ):
                found, rest = _columns_of(address, prefix)
                values.update(found)
                if rest:
                    left[f"{name}_address"] = rest
            bind.execute(
                orders.update().where(orders.c.id == row.id).values(**values, attributes=left)
            )
        last = rows[-1].id


def _columns() -> tuple[str, ...]:
    return ("first_name", "last_name", *_SPELT.values())


def _columns_of(address: Any, prefix: str) -> tuple[dict[str, str], Any]:
    if not isinstance(address, dict):
        return {}, address
    rest = dict(cast("dict[str, Any]", address))
    found: dict[str, str] = {}
    if isinstance(name := rest.get("name"), str):
        del rest["name"]
        found["first_name"], _, found["last_name"] = name.partition(" ")
    for key, column in _SPELT.items():
        if isinstance(rest.get(key), str):
            found[column] = rest.pop(key)
    return {f"{prefix}{column}": value for column, value in found.items()}, {
        key: value for key, value in rest.items() if value is not None
    }


def _tell_customers_apart() -> None:
    """Of a store's customers with one e-mail address the first keeps it from later ones."""
    op.execute(
        """
        UPDATE customer SET email_key = lower(email) WHERE id IN (
          SELECT min(id) FROM customer WHERE deleted_at IS NULL AND email <> ''
          GROUP BY store_id, lower(email)
        )
        """
    )


def _drop_defaults() -> None:
    """They were for the rows that existed; from now on the code says what is in a new one."""
    for table, columns in {
        "customer": ("subscription_status",),
        "file": ("alt",),
        "order_line": ("options",),
        "orders": ("tip", "tip_value", "fee", "attributes"),
    }.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.alter_column(column, server_default=None)


def _add_carriers() -> None:
    carriers = sa.table(
        "shipping_carrier",
        sa.column("uuid", sa.Uuid()),
        sa.column("name", sa.String()),
        sa.column("code", sa.String()),
        sa.column("status", sa.String()),
        sa.column("tracking_url", sa.String()),
        sa.column("created_at", sa.DateTime(timezone=True)),
        sa.column("updated_at", sa.DateTime(timezone=True)),
        sa.column("version", _KEY),
    )
    now = datetime.now(UTC)
    op.bulk_insert(
        carriers,
        [
            {
                "uuid": uuid4(),
                "name": name,
                "code": code,
                "status": "active",
                "tracking_url": url,
                "created_at": now,
                "updated_at": now,
                "version": 1,
            }
            for name, code, url in _CARRIERS
        ],
    )


def upgrade() -> None:
    op.create_table(
        "shipping_carrier",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "active",
                "inactive",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("tracking_url", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipping_carrier")),
        sa.UniqueConstraint("code", name=op.f("uq_shipping_carrier_code")),
        sa.UniqueConstraint("uuid", name=op.f("uq_shipping_carrier_uuid")),
    )
    op.create_table(
        "app",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("signing_secret_encrypted", sa.String(), nullable=False),
        sa.Column("install_url", sa.String(), nullable=True),
        sa.Column("webhook_url", sa.String(), nullable=True),
        sa.Column(
            "permissions", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "topics", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_app_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app")),
        sa.UniqueConstraint("client_id", name=op.f("uq_app_client_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_app_uuid")),
    )
    with op.batch_alter_table("app", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_app_organization_id"), ["organization_id"], unique=False
        )

    op.create_table(
        "app_installation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("app_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("app_name", sa.String(), nullable=False),
        sa.Column(
            "permissions", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "active",
                "inactive",
                "uninstalled",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("uninstalled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_app_installation_app_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_app_installation_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk_app_installation_store_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_installation")),
        sa.UniqueConstraint("uuid", name=op.f("uq_app_installation_uuid")),
    )
    with op.batch_alter_table("app_installation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_app_installation_app_id"), ["app_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_app_installation_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_app_installation_store_id"), ["store_id"], unique=False
        )
        batch_op.create_index(
            "uq_app_installation_app_store",
            ["app_id", "store_id"],
            unique=True,
            sqlite_where=sa.text("status <> 'uninstalled'"),
            postgresql_where=sa.text("status <> 'uninstalled'"),
        )

    op.create_table(
        "domain",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_domain_organization_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_domain_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain")),
        sa.UniqueConstraint("name", name=op.f("uq_domain_name")),
        sa.UniqueConstraint("uuid", name=op.f("uq_domain_uuid")),
    )
    with op.batch_alter_table("domain", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_domain_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_domain_store_id"), ["store_id"], unique=False)
        batch_op.create_index(
            "uq_domain_primary",
            ["store_id"],
            unique=True,
            sqlite_where=sa.text("is_primary"),
            postgresql_where=sa.text("is_primary"),
        )

    op.create_table(
        "payment_provider",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "payment_types",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_payment_provider_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk_payment_provider_store_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_provider")),
        sa.UniqueConstraint("uuid", name=op.f("uq_payment_provider_uuid")),
    )
    with op.batch_alter_table("payment_provider", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_payment_provider_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_payment_provider_store_id"), ["store_id"], unique=False
        )

    op.create_table(
        "app_token",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("app_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "installation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["app.id"], name=op.f("fk_app_token_app_id")),
        sa.ForeignKeyConstraint(
            ["installation_id"], ["app_installation.id"], name=op.f("fk_app_token_installation_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_app_token_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_app_token_token_hash")),
    )
    with op.batch_alter_table("app_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_app_token_app_id"), ["app_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_app_token_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_app_token_installation_id"), ["installation_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_app_token_organization_id"), ["organization_id"], unique=False
        )

    op.create_table(
        "landing_page",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column(
            "product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("domain_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("meta_description", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column(
            "cod_type",
            sa.Enum(
                "checkout",
                "popup",
                "embedded",
                name="cod_type",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("screenshot_url", sa.String(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domain.id"], name=op.f("fk_landing_page_domain_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_landing_page_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_landing_page_product_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_landing_page_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_landing_page")),
        sa.UniqueConstraint("uuid", name=op.f("uq_landing_page_uuid")),
    )
    with op.batch_alter_table("landing_page", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_landing_page_domain_id"), ["domain_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_landing_page_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_landing_page_product_id"), ["product_id"], unique=False
        )
        batch_op.create_index(
            "ix_landing_page_store_created", ["store_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_landing_page_store_id"), ["store_id"], unique=False)
        batch_op.create_index(
            "uq_landing_page_slug",
            ["store_id", "slug"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "product_property",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column(
            "product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_product_property_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_product_property_product_id")
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk_product_property_store_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_property")),
        sa.UniqueConstraint("uuid", name=op.f("uq_product_property_uuid")),
    )
    with op.batch_alter_table("product_property", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_product_property_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(
            "ix_product_property_product", ["product_id", "position", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_product_property_store_id"), ["store_id"], unique=False
        )

    op.create_table(
        "refund_line",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "refund_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "order_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("quantity", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_refund_line_amount")),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_refund_line_quantity")),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_line.id"], name=op.f("fk_refund_line_order_line_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_refund_line_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["refund_id"], ["refund.id"], name=op.f("fk_refund_line_refund_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_refund_line_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_line")),
        sa.UniqueConstraint(
            "refund_id", "order_line_id", name=op.f("uq_refund_line_refund_id_order_line_id")
        ),
    )
    with op.batch_alter_table("refund_line", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_refund_line_order_line_id"), ["order_line_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_refund_line_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_refund_line_store_id"), ["store_id"], unique=False)

    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "latest_order_id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=True,
            )
        )
        batch_op.add_column(
            sa.Column(
                "subscription_status",
                sa.Enum(
                    "subscribed",
                    "not_subscribed",
                    name="subscription_status",
                    native_enum=False,
                    create_constraint=True,
                    length=32,
                ),
                nullable=False,
                server_default="not_subscribed",
            )
        )
        batch_op.add_column(sa.Column("email_key", sa.String(), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_customer_latest_order_id"), ["latest_order_id"], unique=False
        )
        batch_op.create_index(
            "ix_customer_store_created", ["store_id", "created_at", "id"], unique=False
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_customer_latest_order_id"),
            "orders",
            ["latest_order_id"],
            ["id"],
            use_alter=True,
        )
    _tell_customers_apart()
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.create_index(
            "uq_customer_email",
            ["store_id", "email_key"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "shipping_carrier_id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=True,
            )
        )
        batch_op.create_index(
            batch_op.f("ix_delivery_shipping_carrier_id"), ["shipping_carrier_id"], unique=False
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_delivery_shipping_carrier_id"),
            "shipping_carrier",
            ["shipping_carrier_id"],
            ["id"],
        )

    with op.batch_alter_table("file", schema=None) as batch_op:
        batch_op.add_column(sa.Column("alt", sa.String(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("thumbnail_key", sa.String(), nullable=True))
        batch_op.create_index(
            "ix_file_store_created", ["store_id", "created_at", "id"], unique=False
        )
        batch_op.create_unique_constraint(batch_op.f("uq_file_thumbnail_key"), ["thumbnail_key"])

    with op.batch_alter_table("order_line", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "options",
                sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
                nullable=False,
                server_default="{}",
            )
        )

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.alter_column("shipping_address", new_column_name="shipping_json")
        batch_op.alter_column("billing_address", new_column_name="billing_json")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shipping_name", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("discount_code", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "tip",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=False,
                server_default="0",
            )
        )
        batch_op.add_column(sa.Column("tip_type", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "tip_value",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=False,
                server_default="0",
            )
        )
        batch_op.add_column(
            sa.Column(
                "fee",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=False,
                server_default="0",
            )
        )
        batch_op.add_column(sa.Column("bundle_name", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("bundle_option_name", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "bundle_price", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
        batch_op.add_column(sa.Column("first_name", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("last_name", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("phone", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("address", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("city", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("state", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("postal_code", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("country", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("billing_first_name", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("billing_last_name", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("billing_email", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("billing_phone", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("billing_city", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("billing_state", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("billing_postal_code", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("billing_country", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "payment_provider_id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("card_brand", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("card_last4", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "landing_page_id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("source_link", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "attributes",
                sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
                nullable=False,
                server_default="{}",
            )
        )
        batch_op.add_column(sa.Column("billing_address", sa.String(), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_orders_landing_page_id"), ["landing_page_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_orders_payment_provider_id"), ["payment_provider_id"], unique=False
        )
        batch_op.create_index(
            "ix_orders_store_updated", ["store_id", "updated_at", "id"], unique=False
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_orders_landing_page_id"), "landing_page", ["landing_page_id"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_orders_payment_provider_id"),
            "payment_provider",
            ["payment_provider_id"],
            ["id"],
        )

    _spell_out_addresses()
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("shipping_json")
        batch_op.drop_column("billing_json")

    with op.batch_alter_table("product_option", schema=None) as batch_op:
        batch_op.add_column(sa.Column("uuid", sa.Uuid(), nullable=True))
    _name_options()
    with op.batch_alter_table("product_option", schema=None) as batch_op:
        batch_op.alter_column("uuid", existing_type=sa.Uuid(), nullable=False)
        batch_op.create_unique_constraint(batch_op.f("uq_product_option_uuid"), ["uuid"])

    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email", sa.String(), nullable=True))
        batch_op.create_index(
            "ix_review_store_created", ["store_id", "created_at", "id"], unique=False
        )

    with op.batch_alter_table("webhook_delivery", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "installation_id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                nullable=True,
            )
        )
        batch_op.create_index(
            batch_op.f("ix_webhook_delivery_installation_id"), ["installation_id"], unique=False
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_webhook_delivery_event_id_installation_id"),
            ["event_id", "installation_id"],
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_webhook_delivery_installation_id"),
            "app_installation",
            ["installation_id"],
            ["id"],
        )
    _drop_defaults()
    _add_carriers()


def downgrade() -> None:
    with op.batch_alter_table("webhook_delivery", schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_webhook_delivery_installation_id"), type_="foreignkey"
        )
        batch_op.drop_constraint(
            batch_op.f("uq_webhook_delivery_event_id_installation_id"), type_="unique"
        )
        batch_op.drop_index(batch_op.f("ix_webhook_delivery_installation_id"))
        batch_op.drop_column("installation_id")

    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.drop_index("ix_review_store_created")
        batch_op.drop_column("email")

    with op.batch_alter_table("product_option", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_product_option_uuid"), type_="unique")
        batch_op.drop_column("uuid")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "shipping_address",
                sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
                nullable=True,
            )
        )
        batch_op.drop_constraint(batch_op.f("fk_orders_payment_provider_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_orders_landing_page_id"), type_="foreignkey")
        batch_op.drop_index("ix_orders_store_updated")
        batch_op.drop_index(batch_op.f("ix_orders_payment_provider_id"))
        batch_op.drop_index(batch_op.f("ix_orders_landing_page_id"))
        batch_op.drop_column("billing_address")
        batch_op.drop_column("attributes")
        batch_op.drop_column("source_link")
        batch_op.drop_column("landing_page_id")
        batch_op.drop_column("card_last4")
        batch_op.drop_column("card_brand")
        batch_op.drop_column("payment_provider_id")
        batch_op.drop_column("billing_country")
        batch_op.drop_column("billing_postal_code")
        batch_op.drop_column("billing_state")
        batch_op.drop_column("billing_city")
        batch_op.drop_column("billing_phone")
        batch_op.drop_column("billing_email")
        batch_op.drop_column("billing_last_name")
        batch_op.drop_column("billing_first_name")
        batch_op.drop_column("country")
        batch_op.drop_column("postal_code")
        batch_op.drop_column("state")
        batch_op.drop_column("city")
        batch_op.drop_column("address")
        batch_op.drop_column("phone")
        batch_op.drop_column("last_name")
        batch_op.drop_column("first_name")
        batch_op.drop_column("bundle_price")
        batch_op.drop_column("bundle_option_name")
        batch_op.drop_column("bundle_name")
        batch_op.drop_column("fee")
        batch_op.drop_column("tip_value")
        batch_op.drop_column("tip_type")
        batch_op.drop_column("tip")
        batch_op.drop_column("discount_code")
        batch_op.drop_column("shipping_name")

    with op.batch_alter_table("order_line", schema=None) as batch_op:
        batch_op.drop_column("options")

    with op.batch_alter_table("file", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_file_thumbnail_key"), type_="unique")
        batch_op.drop_index("ix_file_store_created")
        batch_op.drop_column("thumbnail_key")
        batch_op.drop_column("alt")

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_delivery_shipping_carrier_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_delivery_shipping_carrier_id"))
        batch_op.drop_column("shipping_carrier_id")

    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_customer_latest_order_id"), type_="foreignkey")
        batch_op.drop_index(
            "uq_customer_email",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_column("email_key")
        batch_op.drop_index("ix_customer_store_created")
        batch_op.drop_index(batch_op.f("ix_customer_latest_order_id"))
        batch_op.drop_column("subscription_status")
        batch_op.drop_column("latest_order_id")

    with op.batch_alter_table("refund_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refund_line_store_id"))
        batch_op.drop_index(batch_op.f("ix_refund_line_organization_id"))
        batch_op.drop_index(batch_op.f("ix_refund_line_order_line_id"))

    op.drop_table("refund_line")
    with op.batch_alter_table("product_property", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_product_property_store_id"))
        batch_op.drop_index("ix_product_property_product")
        batch_op.drop_index(batch_op.f("ix_product_property_organization_id"))

    op.drop_table("product_property")
    with op.batch_alter_table("landing_page", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_landing_page_slug",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_landing_page_store_id"))
        batch_op.drop_index("ix_landing_page_store_created")
        batch_op.drop_index(batch_op.f("ix_landing_page_product_id"))
        batch_op.drop_index(batch_op.f("ix_landing_page_organization_id"))
        batch_op.drop_index(batch_op.f("ix_landing_page_domain_id"))

    op.drop_table("landing_page")
    with op.batch_alter_table("app_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_app_token_organization_id"))
        batch_op.drop_index(batch_op.f("ix_app_token_installation_id"))
        batch_op.drop_index(batch_op.f("ix_app_token_expires_at"))
        batch_op.drop_index(batch_op.f("ix_app_token_app_id"))

    op.drop_table("app_token")
    with op.batch_alter_table("payment_provider", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_provider_store_id"))
        batch_op.drop_index(batch_op.f("ix_payment_provider_organization_id"))

    op.drop_table("payment_provider")
    with op.batch_alter_table("domain", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_domain_primary",
            sqlite_where=sa.text("is_primary"),
            postgresql_where=sa.text("is_primary"),
        )
        batch_op.drop_index(batch_op.f("ix_domain_store_id"))
        batch_op.drop_index(batch_op.f("ix_domain_organization_id"))

    op.drop_table("domain")
    with op.batch_alter_table("app_installation", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_app_installation_app_store",
            sqlite_where=sa.text("status <> 'uninstalled'"),
            postgresql_where=sa.text("status <> 'uninstalled'"),
        )
        batch_op.drop_index(batch_op.f("ix_app_installation_store_id"))
        batch_op.drop_index(batch_op.f("ix_app_installation_organization_id"))
        batch_op.drop_index(batch_op.f("ix_app_installation_app_id"))

    op.drop_table("app_installation")
    with op.batch_alter_table("app", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_app_organization_id"))

    op.drop_table("app")
    op.drop_table("shipping_carrier")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "billing_address",
                sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
                nullable=True,
            )
        )
