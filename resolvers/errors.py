"""The failures a caller may expect. Edges translate ``code``; anything else is a bug.

A ``StoreError`` says *what* was refused. How it looks on the wire (a status, a body, a
``UserError``) is the business of the edge that met the caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: where it is, and why.

    ``path`` leads from the argument to the offending value (``("input", "lines", 0)``), ``kind``
    is the JSON Schema keyword or a rule's name, for edges that print machine-readable kinds;
    ``limit`` is what the rule compares with, where it compares.
    """

    path: tuple[str | int, ...]
    message: str
    kind: str = "invalid"
    limit: Any = None


class StoreError(Exception):
    """``str(error)`` is for people; ``details`` are the figures a client may act upon."""

    code: ClassVar[str] = "ERROR"

    def __init__(
        self,
        message: str,
        *,
        field: Sequence[str | int] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.field = tuple(field)
        self.details: Mapping[str, Any] = details or {}


class Unauthenticated(StoreError):
    """No credential, or one that is unknown, expired or revoked."""

    code = "UNAUTHENTICATED"


class Forbidden(StoreError):
    """The credential is good, but it may not do this."""

    code = "FORBIDDEN"


class NotOwner(Forbidden):
    """The row is another tenant's, for interfaces that tell this from one that does not exist."""


class NotFound(StoreError):
    """No such row, or another tenant's: the two must not be told apart.

    ``what`` names the noun ("order"), so that a dialect can say it in its own words.
    """

    code = "NOT_FOUND"

    def __init__(self, what: str, *, field: Sequence[str | int] = ()) -> None:
        super().__init__(f"{what} not found", field=field, details={"resource": what})
        self.what = what


class Invalid(StoreError):
    """The input breaks a rule; ``problems`` lists every rule it breaks."""

    code = "INVALID"

    def __init__(
        self,
        message: str,
        *,
        field: Sequence[str | int] = (),
        problems: Sequence[Problem] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, field=field, details=details)
        self.problems = tuple(problems) or (Problem(self.field, message),)


class Malformed(StoreError):
    """The request could not even be read: broken JSON, a broken multipart body."""

    code = "MALFORMED"


class UnsupportedMedia(StoreError):
    """A content type the operation does not take."""

    code = "UNSUPPORTED_MEDIA"


class TooLarge(StoreError):
    """A body or a part over its limit."""

    code = "TOO_LARGE"


class NoRoute(StoreError):
    """No operation at this path."""

    code = "NO_ROUTE"


class MethodNotAllowed(StoreError):
    """The path exists, the method does not. ``details["allow"]`` lists those that do."""

    code = "METHOD_NOT_ALLOWED"


class Conflict(StoreError):
    """The row is not in a state that allows this, or somebody else changed it first."""

    code = "CONFLICT"


class InsufficientStock(StoreError):
    """Fewer units than asked for. Details: ``available``, ``requested``."""

    code = "INSUFFICIENT_STOCK"


class InsufficientBalance(StoreError):
    """The account does not cover the amount. Details: ``required``, ``available`` (micro-units)."""

    code = "INSUFFICIENT_BALANCE"


class BelowMinimum(StoreError):
    """Fewer units than the smallest batch. Details: ``minimum``, ``requested``."""

    code = "BELOW_MINIMUM"


class RateLimited(StoreError):
    """Too many requests. Details: ``retry_after`` (whole seconds, at least 1), ``limit``."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after: int, limit: int | None = None) -> None:
        super().__init__(message, details={"retry_after": retry_after, "limit": limit})
        self.retry_after = retry_after


class NotImplementedHere(StoreError):
    """The interface names it, the service does not offer it."""

    code = "NOT_IMPLEMENTED"


class Unavailable(StoreError):
    """Something this needs is down at the moment; nothing was changed."""

    code = "UNAVAILABLE"


class WorkFailed(Exception):
    """A job's own word on why it failed, with a code of its kind; no request ever meets it.

    ``final``: another attempt would end the same way.
    """

    code: ClassVar[str] = "FAILED"

    def __init__(self, message: str, *, final: bool = True) -> None:
        super().__init__(message)
        self.final = final
