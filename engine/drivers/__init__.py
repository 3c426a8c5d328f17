"""Run the steps of a plan on the database's own driver, past SQLAlchemy's cost per execution.

Only the driver of the database that is there is imported: the other would take 3 MB for nothing.
"""

from engine.drivers.driver import FRESH, SOON, Driver, observers

__all__ = ["FRESH", "SOON", "Driver", "driver_for", "observers"]


def driver_for(url: str, *, connections: int) -> Driver:
    """The driver of ``sqlite+aiosqlite:///…`` or ``postgresql+asyncpg://…``."""
    if url.startswith("sqlite"):
        from engine.drivers.sqlite import SqliteDriver  # noqa: PLC0415

        return SqliteDriver(url, connections=connections)
    from engine.drivers.postgres import PostgresDriver  # noqa: PLC0415

    return PostgresDriver(url, connections=connections)
