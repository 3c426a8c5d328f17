"""Reads that are asked again and again, each built and prepared once."""

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache
from time import thread_time
from typing import Any, Protocol, cast

from sqlalchemy import Select

from engine.drivers import Driver
from engine.fields import Binds
from engine.leaves import Convert, Leaves, no_short_cuts
from engine.pace import Pace
from engine.plan import Fetch, Steps
from engine.statements import Sql, compiled

MOST_STATEMENTS = 256
MOST_SHAPES = 256


class _Prepared:
    """A statement, and what makes of its rows what the ORM would give."""

    __slots__ = ("_make", "_python", "_sql", "pace")

    def __init__(self, sql: Sql, names: tuple[str, ...], python: Sequence[Convert | None]) -> None:
        self._sql = sql
        self._make = _row(names)
        self._python = python if any(python) else None
        self.pace = Pace()

    def steps(self, values: Mapping[str, Any]) -> Steps:
        is_timed = self.pace.is_timed()
        begun = thread_time() if is_timed else 0.0
        rows = yield Fetch(self._sql.text, self._sql.arguments(values))
        found = self._made(rows)
        if is_timed:
            self.pace.note(thread_time() - begun)
        return found

    def _made(self, rows: Sequence[Any]) -> list[Any]:
        make, python = self._make, self._python
        if python is None:
            return [make(row) for row in rows]
        return [
            make(
                [
                    value if value is None or of is None else of(value)
                    for value, of in zip(row, python, strict=True)
                ]
            )
            for row in rows
        ]


class AnyReader(Protocol):
    """What a reader does, and what does it for the reader where it fails."""

    async def rows(
        self, key: Hashable, build: Callable[[Binds], Select[Any]], values: Mapping[str, Any]
    ) -> Sequence[Any]: ...


class Reader:
    """Runs statements of SQLAlchemy's making on the bare driver.

    To make a statement, to find out which it is, and to unpack its rows takes SQLAlchemy longer
    than most take the database.
    """

    def __init__(
        self, driver: Driver, otherwise: AnyReader, failed: Callable[[Exception], None]
    ) -> None:
        """``otherwise`` reads again what has ``failed``, and knows what is to be said of it."""
        self._driver = driver
        self._otherwise = otherwise
        self._failed = failed
        self._leaves = Leaves(driver.dialect, no_short_cuts)
        self._known: OrderedDict[Hashable, _Prepared] = OrderedDict()

    async def rows(
        self, key: Hashable, build: Callable[[Binds], Select[Any]], values: Mapping[str, Any]
    ) -> Sequence[Any]:
        """The rows, as tuples whose items have the names of what is selected.

        ``key`` tells all that the statement is made of, but for ``values``: those of the
        parameters that ``build`` makes, by their names. Lists among them are tuples. Raises what
        ``build`` does.
        """
        prepared = self._known.get(key)
        if prepared is None:
            prepared = self._kept(key, build(self._driver.binds), values)
        else:
            self._known.move_to_end(key)
        steps = prepared.steps(self._encoded(values))
        try:
            return await self._driver.run(steps, None, light=prepared.pace.is_light)
        except Exception as error:  # noqa: BLE001 - nothing has happened but a read
            self._failed(error)
            return await self._otherwise.rows(key, build, values)

    def _kept(self, key: Hashable, statement: Select[Any], values: Mapping[str, Any]) -> _Prepared:
        names = tuple(str(each["name"]) for each in statement.column_descriptions)
        python = [self._leaves.python(column) for column in statement.selected_columns]
        sql = compiled(statement, self._driver.dialect, values.keys())
        made = self._known[key] = _Prepared(sql, names, python)
        if len(self._known) > MOST_STATEMENTS:
            self._known.popitem(last=False)
        return made

    def _encoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        encode = self._driver.binds.encode
        return {
            name: encode(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value
            for name, value in values.items()
        }


@lru_cache(maxsize=MOST_SHAPES)
def _row(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    untyped: Any = namedtuple  # noqa: PYI024 - nobody knows the names before
    return untyped("Row", names, rename=True)._make
