"""Single rows by prepared statement, for what every request has to look up."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Select

from engine.drivers import Driver
from engine.leaves import Leaves, no_short_cuts
from engine.statements import Sql, compiled

Made = TypeVar("Made")
MOST_MADE = 4096


class Lookups:
    """Runs a few statements very often. Each is compiled once, and kept for good.

    What was found is found again without the database for as long as nothing can have changed: see
    ``Driver.moment``.
    """

    def __init__(self, driver: Driver, changes: Callable[[], int]) -> None:
        """``changes`` counts what this process has committed."""
        self._driver = driver
        self._changes = changes
        self._found: dict[Any, Any] = {}
        self._moment: tuple[int, int] | None = None
        self._leaves = Leaves(driver.dialect, no_short_cuts)
        self._made: OrderedDict[Any, Any] = OrderedDict()
        self._known: dict[int, tuple[Any, Sql, list[Any]]] = {}

    async def first(
        self, statement: Select[Any], values: Mapping[str, Any], make: Callable[..., Made]
    ) -> Made | None:
        """What ``make`` makes of the first row's values as the ORM would give them.

        None without a row. ``statement`` and ``make`` are ones that live as long as the process;
        ``values`` are the statement's parameters. Of equal rows ``make`` makes one thing: it
        depends on nothing else.
        """
        moment = (self._driver.moment(), self._changes())
        if moment != self._moment or len(self._found) > MOST_MADE:
            self._moment, self._found = moment, {}
        asked, among = (id(statement), *values.values()), self._found
        found = among.get(asked)
        if found is None:
            found = await self._read(statement, values, make)
            if found is not None:
                among[asked] = found  # where nobody looks any more if something changed meanwhile
        return found

    async def _read(
        self, statement: Select[Any], values: Mapping[str, Any], make: Callable[..., Made]
    ) -> Made | None:
        known = self._known.get(id(statement))
        if known is None:
            known = (statement, *self._compiled(statement, values))
            self._known[id(statement)] = known
        _, sql, convert = known
        rows = await self._driver.rows(sql.text, sql.arguments(values))
        if not rows:
            return None
        row = (make, *rows[0])
        made = self._made.get(row)
        if made is None:
            made = self._made[row] = make(
                *(
                    value if value is None or of is None else of(value)
                    for value, of in zip(rows[0], convert, strict=True)
                )
            )
            if len(self._made) > MOST_MADE:
                self._made.popitem(last=False)
        return made

    def _compiled(self, statement: Select[Any], values: Mapping[str, Any]) -> tuple[Sql, list[Any]]:
        convert = [self._leaves.python(column) for column in statement.selected_columns]
        return compiled(statement, self._driver.dialect, values.keys()), convert
