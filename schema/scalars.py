"""Scalars and small value types."""

from datetime import UTC, datetime
from decimal import Decimal as PyDecimal
from decimal import InvalidOperation
from functools import lru_cache
from typing import Any, NewType
from uuid import UUID

import orjson
import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition, scalar

from db.base import UtcDateTime
from engine import Fast
from resolvers.file_uploads import IncomingFile
from resolvers.money import decimal

JSON = NewType("JSON", object)
Upload = NewType("Upload", object)


def _parse_datetime(value: Any) -> datetime:
    if not isinstance(value, str):
        raise GraphQLError("DateTime is a string in ISO 8601 with an offset")
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as error:
        raise GraphQLError(f"{value!r} is no ISO 8601 date and time") from error
    if parsed.tzinfo is None:
        raise GraphQLError(f"{value!r} has no offset from UTC; append Z or one like +02:00")
    try:
        return parsed.astimezone(UTC)
    except OverflowError as error:
        raise GraphQLError(f"{value!r} is out of range") from error


def _print_datetime(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _parse_decimal(value: Any) -> PyDecimal:
    if isinstance(value, bool) or not isinstance(value, str | int | PyDecimal):
        raise GraphQLError('Decimal is a string such as "12.34" (floats are not exact)')
    try:
        parsed = PyDecimal(value)
    except InvalidOperation as error:
        raise GraphQLError(f"{value!r} is no decimal number") from error
    if not parsed.is_finite():
        raise GraphQLError(f"{value!r} is no finite number")
    return parsed


def _parse_uuid(value: Any) -> UUID:
    try:
        return UUID(value)
    except (ValueError, AttributeError, TypeError) as error:
        raise GraphQLError(f"{value!r} is no UUID") from error


def _parse_upload(value: Any) -> IncomingFile:
    if not isinstance(value, IncomingFile):
        raise GraphQLError("Upload is a file of a multipart request, and null in its operations")
    return value


SCALARS: dict[object, ScalarDefinition] = {
    datetime: scalar(
        name="DateTime",
        description="An instant, ISO 8601 in UTC with microseconds: 2026-01-31T12:00:00.000000Z.",
        serialize=_print_datetime,
        parse_value=_parse_datetime,
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
    ),
    PyDecimal: scalar(
        name="Decimal",
        description='An exact decimal number, written as a string: "12.34".',
        serialize=lambda value: format(value, "f"),
        parse_value=_parse_decimal,
    ),
    UUID: scalar(
        name="UUID",
        description="A universally unique identifier: 01a204d1-46f1-72e4-b8d1-918c8c3c5198.",
        serialize=str,
        parse_value=_parse_uuid,
        specified_by_url="https://www.rfc-editor.org/rfc/rfc9562",
    ),
    JSON: scalar(
        name="JSON",
        description="Any JSON value, for what is free-form by its nature.",
        serialize=lambda value: value,
        parse_value=lambda value: value,
        specified_by_url="https://ecma-international.org/publications-and-standards/standards/ecma-404/",
    ),
    Upload: scalar(
        name="Upload",
        description="A file that comes with a multipart request.",
        parse_value=_parse_upload,
        specified_by_url="https://github.com/jaydenseric/graphql-multipart-request-spec",
    ),
}


def fast(name: str, column: Any, database: str) -> Fast | None:
    """The same scalars straight from what the driver gives (``engine.Fast``)."""
    if name == "DateTime" and isinstance(column, UtcDateTime):
        return Fast(_stored_datetime if database == "sqlite" else _utc_datetime)
    if name == "UUID" and column.python_type is UUID:
        return Fast(_stored_uuid if database == "sqlite" else None)
    if name == "JSON" and column.python_type is object:  # as SQLAlchemy calls what JSON holds
        return Fast(_stored_json, gives_null=True)
    return None


def _stored_datetime(text: str) -> str:
    if len(text) == len("2026-01-31 12:00:00.000000"):
        return f"{text[:10]}T{text[11:]}Z"
    return _print_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def _utc_datetime(value: datetime) -> str:
    return f"{value.isoformat(timespec='microseconds')[:26]}Z"


def _stored_uuid(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _stored_json(text: str) -> Any:
    return None if text == "null" else orjson.Fragment(text)


@strawberry.type(description="An amount of money (or of another unit of account, such as USDT).")
class Money:
    amount: PyDecimal = strawberry.field(description="The exact amount in whole units.")
    currency: str = strawberry.field(description="ISO 4217 code, or the unit's name.")


@lru_cache(65_536)
def decimal_text(micro_units: int) -> str:
    """A stored amount as ``Decimal`` is written. Prices repeat, and exact decimals are slow."""
    return format(decimal(micro_units), "f")


def exactly(micro_units: int, currency: str) -> Money:
    return Money(amount=decimal(micro_units), currency=currency)


def money(micro_units: int | None, currency: str) -> Money | None:
    return None if micro_units is None else exactly(micro_units, currency)
