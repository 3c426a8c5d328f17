"""Steps of revisions that Alembic has no operation for. They know what each database can do."""

from alembic import op

from db import search

APPEND_ONLY = ("transfer", "ledger_entry", "audit_entry")

_REFUSE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def append_only(table: str) -> None:
    """Make UPDATE and DELETE of the table's rows fail.

    A revision that copies such a table (SQLite's way of changing one) loses the triggers with the
    old table, and calls ``append_only_again``.
    """
    for statement in _triggers(table):
        op.execute(statement)


def append_only_again(table: str) -> None:
    """For a revision that has changed such a table in a way for which SQLite copies it."""
    if _on_sqlite():
        append_only(table)


def _triggers(table: str) -> list[str]:
    if _on_sqlite():
        return [
            f"CREATE TRIGGER {table}_is_never_{done} BEFORE {verb} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, 'rows of {table} are never {done}'); END"
            for verb, done in (("UPDATE", "changed"), ("DELETE", "deleted"))
        ]
    trigger = (
        f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    return [_REFUSE, trigger]


def add_late_foreign_key(name: str, table: str, column: str, target: str) -> None:
    """A key between tables that refer to one another; on SQLite CREATE TABLE has made it."""
    if not _on_sqlite():
        op.create_foreign_key(name, table, target, [column], ["id"])


def drop_late_foreign_key(name: str, table: str) -> None:
    if not _on_sqlite():
        op.drop_constraint(name, table, type_="foreignkey")


def search_products() -> None:
    """Make what products are searched by.

    A revision that copies the table of products on SQLite loses the triggers with the old one: it
    calls ``search_products_no_more`` before, and this again.
    """
    for statement in search.MADE[op.get_bind().dialect.name]:
        op.execute(statement)


def search_products_no_more() -> None:
    for statement in search.GONE[op.get_bind().dialect.name]:
        op.execute(statement)


def _on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
