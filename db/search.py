"""Full-text search of products: what the databases keep for it, and how they are asked.

PostgreSQL has an index over the words in ``product.search_text``, SQLite a table of the words,
which triggers keep in step. Both are told where words end, and neither changes one
(``db.words`` does), so that both find the same. Deleted products are in neither.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import DDL, Boolean, Table, event, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from db.words import terms

NAME = "product_search"
"""What the names of all that is kept begin with. It is no part of the row classes' metadata."""

# Words hold no ASCII but letters and digits, and to this tokenizer all else is letters, too.
_TABLE = (
    f"CREATE VIRTUAL TABLE {NAME} USING fts5(search_text, content='product', content_rowid='id',"
    " tokenize='ascii', detail='none', prefix='2 3')"
)
_OUT = (
    f"INSERT INTO {NAME}({NAME}, rowid, search_text)"
    " SELECT 'delete', old.id, old.search_text WHERE old.deleted_at IS NULL;"
)
_IN = (
    f"INSERT INTO {NAME}(rowid, search_text)"
    " SELECT new.id, new.search_text WHERE new.deleted_at IS NULL;"
)
_INDEX = (
    f"CREATE INDEX {NAME} ON product"
    " USING gin (array_to_tsvector(string_to_array(search_text, ' ')))"
    " WHERE deleted_at IS NULL"
)
_ON_UPDATE = (
    f"CREATE TRIGGER {NAME}_update AFTER UPDATE OF search_text, deleted_at ON product"
    " WHEN old.search_text <> new.search_text"
    " OR (old.deleted_at IS NULL) <> (new.deleted_at IS NULL)"
    f" BEGIN {_OUT} {_IN} END"
)
_ROWS_OF_BEFORE = (
    f"INSERT INTO {NAME}(rowid, search_text)"  # noqa: S608 - our own words
    " SELECT id, search_text FROM product WHERE deleted_at IS NULL"
)
MADE: Mapping[str, Sequence[str]] = {
    "postgresql": [_INDEX],
    "sqlite": [
        _TABLE,
        f"CREATE TRIGGER {NAME}_insert AFTER INSERT ON product BEGIN {_IN} END",
        f"CREATE TRIGGER {NAME}_delete AFTER DELETE ON product BEGIN {_OUT} END",
        _ON_UPDATE,
        _ROWS_OF_BEFORE,
    ],
}
GONE: Mapping[str, Sequence[str]] = {
    "postgresql": (f"DROP INDEX IF EXISTS {NAME}",),
    "sqlite": (
        *(f"DROP TRIGGER IF EXISTS {NAME}_{verb}" for verb in ("insert", "delete", "update")),
        f"DROP TABLE IF EXISTS {NAME}",
    ),
}


def made_with(product: Table) -> None:
    """Make and drop it together with the table of products."""
    for moment, statements in (("after_create", MADE), ("before_drop", GONE)):
        for dialect, each in statements.items():
            for statement in each:
                event.listen(product, moment, DDL(statement).execute_if(dialect=dialect))


def is_kept(name: str | None) -> bool:
    """Whether something in a database, of this name, is what is kept for search."""
    return name is not None and name.startswith(NAME)


class Found(FunctionElement[bool]):
    """Whether the product has, for every term, a word that begins with it."""

    type = Boolean()
    inherit_cache = True
    name = "found"

    def __init__(self, product: Any, query: str) -> None:
        wanted = terms(query)
        super().__init__(
            product.id,
            product.search_text,
            literal(" ".join(f'"{term}"*' for term in wanted)),
            literal(" & ".join(f"'{term}':*" for term in wanted)),
        )

    def self_group(self, against: Any = None) -> Any:
        """It is a condition as it stands: "… = 1", for want of booleans, would hide the index."""
        return self


@compiles(Found, "sqlite")
def _in_table(element: Found, compiler: Any, **kw: Any) -> str:
    product_id, _, phrase, _ = element.clauses
    key, query = compiler.process(product_id, **kw), compiler.process(phrase, **kw)
    return f"{key} IN (SELECT rowid FROM {NAME} WHERE {NAME} MATCH {query})"  # noqa: S608 - ours


@compiles(Found, "postgresql")
def _by_index(element: Found, compiler: Any, **kw: Any) -> str:
    _, words, _, tsquery = element.clauses
    text, query = compiler.process(words, **kw), compiler.process(tsquery, **kw)
    return f"array_to_tsvector(string_to_array({text}, ' ')) @@ CAST({query} AS tsquery)"
