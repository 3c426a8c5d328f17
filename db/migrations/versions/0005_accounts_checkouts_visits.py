"""People's accounts, checkout sessions, visits, and what products of storefronts lacked."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from db.migrations import steps

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


_ROLES = ("balance", "deposits", "sales", "adjustments")
_KINDS = ("top_up", "purchase", "refund", "adjustment")
_ADDED = {"role": ("fees",), "kind": ("payment", "fee"), "status": ("failed",)}
_WIDENED = (
    ("account", "role", _ROLES),
    ("transfer", "kind", _KINDS),
    ("ledger_entry", "kind", _KINDS),
    ("refund", "status", ("pending", "refunded")),
)


def _allow(table: str, column: str, values: tuple[str, ...]) -> None:
    name, listed = op.f(f"ck_{table}_{column}"), ", ".join(f"'{value}'" for value in values)
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.drop_constraint(name, type_="check")
        batch_op.create_check_constraint(name, f"{column} IN ({listed})")
    if table in steps.APPEND_ONLY:
        steps.append_only_again(table)


def upgrade() -> None:
    op.create_table(
        "provider_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_event")),
        sa.UniqueConstraint(
            "provider", "reference", name=op.f("uq_provider_event_provider_reference")
        ),
    )
    op.create_table(
        "simulated_checkout",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column(
            "details", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("success_url", sa.String(), nullable=False),
        sa.Column("cancel_url", sa.String(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "complete",
                "expired",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payment_reference", sa.String(), nullable=True),
        sa.Column(
            "refunds", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column(
            "buyer", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_simulated_checkout")),
        sa.UniqueConstraint(
            "payment_reference", name=op.f("uq_simulated_checkout_payment_reference")
        ),
        sa.UniqueConstraint("reference", name=op.f("uq_simulated_checkout_reference")),
    )
    op.create_table(
        "connected_account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("charges_enabled", sa.Boolean(), nullable=False),
        sa.Column("payouts_enabled", sa.Boolean(), nullable=False),
        sa.Column("details_submitted", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_connected_account_organization_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connected_account")),
        sa.UniqueConstraint(
            "organization_id",
            "provider",
            name=op.f("uq_connected_account_organization_id_provider"),
        ),
        sa.UniqueConstraint(
            "provider", "reference", name=op.f("uq_connected_account_provider_reference")
        ),
    )
    with op.batch_alter_table("connected_account", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_connected_account_organization_id"), ["organization_id"], unique=False
        )

    op.create_table(
        "user_identity",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["app_user.id"], name=op.f("fk_user_identity_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_identity")),
        sa.UniqueConstraint("provider", "subject", name=op.f("uq_user_identity_provider_subject")),
    )
    with op.batch_alter_table("user_identity", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_user_identity_user_id"), ["user_id"], unique=False)

    op.create_table(
        "visit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("visitor", sa.String(), nullable=True),
        sa.Column("referrer", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_visit_organization_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_visit_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_visit_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(
            "ix_visit_store_created", ["store_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_visit_store_id"), ["store_id"], unique=False)

    op.create_table(
        "faq_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_faq_entry_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_faq_entry_product_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_faq_entry_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_faq_entry")),
    )
    with op.batch_alter_table("faq_entry", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_faq_entry_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(
            "ix_faq_entry_product", ["product_id", "position", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_faq_entry_store_id"), ["store_id"], unique=False)

    op.create_table(
        "checkout_session",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fee", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("success_url", sa.String(), nullable=False),
        sa.Column("cancel_url", sa.String(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "complete",
                "expired",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payment_reference", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_checkout_session_amount")),
        sa.CheckConstraint("fee >= 0 AND fee <= amount", name=op.f("ck_checkout_session_fee")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_checkout_session_order_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_checkout_session_organization_id"),
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk_checkout_session_store_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkout_session")),
        sa.UniqueConstraint(
            "provider", "reference", name=op.f("uq_checkout_session_provider_reference")
        ),
        sa.UniqueConstraint("uuid", name=op.f("uq_checkout_session_uuid")),
    )
    with op.batch_alter_table("checkout_session", schema=None) as batch_op:
        batch_op.create_index("ix_checkout_session_open", ["status", "expires_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_checkout_session_order_id"), ["order_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_checkout_session_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(
            "ix_checkout_session_payment", ["provider", "payment_reference"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_checkout_session_store_id"), ["store_id"], unique=False
        )

    op.create_table(
        "dispute",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("store_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_dispute_amount")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_dispute_order_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_dispute_organization_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_dispute_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute")),
        sa.UniqueConstraint("provider", "reference", name=op.f("uq_dispute_provider_reference")),
    )
    with op.batch_alter_table("dispute", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dispute_order_id"), ["order_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_dispute_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_dispute_store_id"), ["store_id"], unique=False)

    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "usage", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
            )
        )

    # Its defaults stay: to drop them SQLite would copy the table, and what it is searched by.
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.add_column(sa.Column("description_html", sa.String(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "keywords",
                sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
                nullable=False,
                server_default="[]",
            )
        )
        batch_op.add_column(
            sa.Column("is_primary", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.create_index(
            "uq_product_primary",
            ["store_id"],
            unique=True,
            sqlite_where=sa.text("is_primary AND deleted_at IS NULL"),
            postgresql_where=sa.text("is_primary AND deleted_at IS NULL"),
        )

    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reference", sa.String(), nullable=True))
        batch_op.create_unique_constraint(
            batch_op.f("uq_refund_order_id_reference"), ["order_id", "reference"]
        )

    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.add_column(sa.Column("user_agent", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("address", sa.String(), nullable=True))

    with op.batch_alter_table("store", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("erasure_began_at", sa.DateTime(timezone=True), nullable=True)
        )
        batch_op.add_column(sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("webhook_endpoint", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("format", sa.String(), nullable=False, server_default="storegraph")
        )
    with op.batch_alter_table("webhook_endpoint", schema=None) as batch_op:
        batch_op.alter_column("format", server_default=None)

    with op.batch_alter_table("webhook_delivery", schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("uq_webhook_delivery_event_id_endpoint_id"), type_="unique"
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_webhook_delivery_event_id_endpoint_id_topic"),
            ["event_id", "endpoint_id", "topic"],
        )

    for table, column, kinds in _WIDENED:
        _allow(table, column, kinds + _ADDED[column])


def downgrade() -> None:
    """Fails, and changes nothing, where there are transfers of the kinds that are new."""
    for table, column, kinds in reversed(_WIDENED):
        _allow(table, column, kinds)

    with op.batch_alter_table("webhook_delivery", schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("uq_webhook_delivery_event_id_endpoint_id_topic"), type_="unique"
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_webhook_delivery_event_id_endpoint_id"), ["event_id", "endpoint_id"]
        )

    with op.batch_alter_table("webhook_endpoint", schema=None) as batch_op:
        batch_op.drop_column("format")

    with op.batch_alter_table("store", schema=None) as batch_op:
        batch_op.drop_column("erased_at")
        batch_op.drop_column("erasure_began_at")

    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_column("address")
        batch_op.drop_column("user_agent")

    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_refund_order_id_reference"), type_="unique")
        batch_op.drop_column("reference")

    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_product_primary",
            sqlite_where=sa.text("is_primary AND deleted_at IS NULL"),
            postgresql_where=sa.text("is_primary AND deleted_at IS NULL"),
        )
        batch_op.drop_column("is_primary")
        batch_op.drop_column("keywords")
        batch_op.drop_column("description_html")

    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.drop_column("usage")

    with op.batch_alter_table("dispute", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_dispute_store_id"))
        batch_op.drop_index(batch_op.f("ix_dispute_organization_id"))
        batch_op.drop_index(batch_op.f("ix_dispute_order_id"))

    op.drop_table("dispute")
    with op.batch_alter_table("checkout_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_checkout_session_store_id"))
        batch_op.drop_index("ix_checkout_session_payment")
        batch_op.drop_index(batch_op.f("ix_checkout_session_organization_id"))
        batch_op.drop_index(batch_op.f("ix_checkout_session_order_id"))
        batch_op.drop_index("ix_checkout_session_open")

    op.drop_table("checkout_session")
    with op.batch_alter_table("faq_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_faq_entry_store_id"))
        batch_op.drop_index("ix_faq_entry_product")
        batch_op.drop_index(batch_op.f("ix_faq_entry_organization_id"))

    op.drop_table("faq_entry")
    with op.batch_alter_table("visit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_visit_store_id"))
        batch_op.drop_index("ix_visit_store_created")
        batch_op.drop_index(batch_op.f("ix_visit_organization_id"))

    op.drop_table("visit")
    with op.batch_alter_table("user_identity", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_user_identity_user_id"))

    op.drop_table("user_identity")
    with op.batch_alter_table("connected_account", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_connected_account_organization_id"))

    op.drop_table("connected_account")
    op.drop_table("simulated_checkout")
    op.drop_table("provider_event")
