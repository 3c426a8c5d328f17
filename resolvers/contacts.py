"""Contacts: the names and addresses of an order, as they were when it was placed."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from resolvers.countries import Country
from resolvers.inputs import ABSENT
from resolvers.rules import Email, Text

BILLING = "billing_"


@dataclass(frozen=True, kw_only=True)
class ContactInput:
    """A person and where they are found; what is left out stays as it is."""

    first_name: Annotated[str | None, Text(120, 0), "Given name."] = ABSENT
    last_name: Annotated[str | None, Text(120, 0), "Family name."] = ABSENT
    email: Annotated[str | None, Email, "E-mail address."] = ABSENT
    phone: Annotated[str | None, Text(40, 0), "Telephone number."] = ABSENT
    address: Annotated[str | None, Text(500, 0), "Street and house."] = ABSENT
    city: Annotated[str | None, Text(120, 0), "Town."] = ABSENT
    state: Annotated[str | None, Text(120, 0), "State or region."] = ABSENT
    postal_code: Annotated[str | None, Text(40, 0), "Postal code."] = ABSENT
    country: Annotated[str | None, Country(), "Country, as ISO 3166-1 alpha-2 code."] = ABSENT


NAMES = tuple(item.name for item in fields(ContactInput))


def columns(values: Mapping[str, Any] | None, prefix: str = "") -> dict[str, Any]:
    """A checked contact as the columns of an order; empty text is no text."""
    return {f"{prefix}{name}": value or None for name, value in (values or {}).items()}
