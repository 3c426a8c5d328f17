"""Compiled execution of GraphQL operations over declared statements.

It knows Strawberry, graphql-core and SQLAlchemy, and nothing of what is asked or stored. See
``docs/engine.md``.
"""

from engine.arguments import Variables
from engine.drivers import Driver, driver_for
from engine.engine import Engine, Operation
from engine.fields import (
    DECLARATION,
    Batched,
    Binds,
    Bound,
    Column,
    Computed,
    Encoded,
    Kind,
    Record,
    Relation,
    Rows,
    Scope,
    Window,
)
from engine.leaves import Fast
from engine.lookups import Lookups
from engine.reader import Reader
from engine.refusals import Irregular, Uncompilable
from engine.selections import operations

__all__ = [
    "DECLARATION",
    "Batched",
    "Binds",
    "Bound",
    "Column",
    "Computed",
    "Driver",
    "Encoded",
    "Engine",
    "Fast",
    "Irregular",
    "Kind",
    "Lookups",
    "Operation",
    "Reader",
    "Record",
    "Relation",
    "Rows",
    "Scope",
    "Uncompilable",
    "Variables",
    "Window",
    "driver_for",
    "operations",
]
