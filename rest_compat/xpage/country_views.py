"""Countries as the contract shows them; their ids are their codes."""

from resolvers.countries import names


def country(code: str | None) -> dict[str, str] | None:
    """The country of an ISO 3166-1 alpha-2 code; of a code that is none, the code itself."""
    if not code:
        return None
    return {"id": code, "name": names().get(code, code), "code": code}
