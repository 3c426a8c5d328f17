"""Countries: ISO 3166-1 alpha-2 codes, and the names that people know them by."""

from functools import cache
from typing import Any, ClassVar

from resolvers.rules import Rule


@cache
def names() -> dict[str, str]:
    """The short English name of each code."""
    import pycountry  # noqa: PLC0415 - reads its whole table, and few requests need it

    listed: Any = pycountry.countries
    return {each.alpha_2: getattr(each, "common_name", each.name) for each in listed}


class Country(Rule):
    """An ISO 3166-1 alpha-2 code in any case; it is stored in capitals."""

    kind: ClassVar[str] = "country"

    def check(self, value: str) -> str:
        code = value.strip().upper()
        if code and code not in names():
            raise ValueError("must be a country code of ISO 3166-1, such as US")
        return code
