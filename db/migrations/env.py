"""What Alembic runs: with the connection of ``db.migrate``, or one of its own by hand.

By hand, ``python -m alembic -x url=…`` names the database; without it the same variables count as
for the gateway.
"""

import asyncio
import os
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from db import models
from db.base import Base, UtcDateTime
from db.migrate import is_described, migrating
from db.migrations import steps

_ = models  # every row class is registered with Base.metadata now


def rendered(kind: str, value: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Types as SQLAlchemy's own: a revision must not change when the code's types do."""
    if kind == "type" and isinstance(value, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(value, sa.JSON):
        autogen.imports.add("from sqlalchemy.dialects import postgresql")
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


class StepOp(ops.MigrateOperation):
    """A call of ``db.migrations.steps`` in a generated revision."""

    def __init__(self, call: str, *arguments: str) -> None:
        self.source = f"steps.{call}({', '.join(map(repr, arguments))})"


@renderers.dispatch_for(StepOp)
def written(autogen: AutogenContext, op: StepOp) -> str:
    autogen.imports.add("from db.migrations import steps")
    return op.source


def completed(
    _migration: MigrationContext, _revision: Any, directives: list[ops.MigrationScript]
) -> None:
    """Add what autogenerate leaves out of new tables.

    Append-only tables get their triggers; foreign keys between tables that refer to one another
    (``use_alter``) are made once both exist.
    """
    for script in directives:
        up, down = script.upgrade_ops, script.downgrade_ops
        if up is None or down is None:
            continue
        made = [op for op in up.ops if isinstance(op, ops.CreateTableOp)]
        for table, key in [(op.table_name, key) for op in made for key in _late_keys(op)]:
            [element] = key.elements
            name, target = str(key.name), element.target_fullname.split(".")[0]
            up.ops.append(StepOp("add_late_foreign_key", name, table, element.parent.name, target))
            down.ops.insert(0, StepOp("drop_late_foreign_key", name, table))
        up.ops += [
            StepOp("append_only", op.table_name)
            for op in made
            if op.table_name in steps.APPEND_ONLY
        ]


def _late_keys(op: ops.CreateTableOp) -> list[sa.ForeignKeyConstraint]:
    keys = [item for item in op.columns if isinstance(item, sa.ForeignKeyConstraint)]
    return [key for key in keys if key.use_alter]


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite changes a table by copying it
        render_item=rendered,
        process_revision_directives=completed,
        compare_type=True,
        include_name=is_described,
        transactional_ddl=True,  # on SQLite too, where db.engine begins transactions itself
    )
    with context.begin_transaction():
        context.run_migrations()


def url_by_hand() -> str:
    folder = Path(os.environ.get("STOREGRAPH_DATA_DIR", "var")).resolve()
    return (
        context.get_x_argument(as_dictionary=True).get("url")
        or os.environ.get("STOREGRAPH_DATABASE_URL")
        or f"sqlite+aiosqlite:///{folder}/storegraph.db"
    )


async def run_by_hand() -> None:
    async with migrating(url_by_hand()) as connection:
        await connection.run_sync(run)


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_by_hand())
