"""Every refusal in the dialect's words: a stable code, a message and what belongs to it."""

from collections.abc import Mapping
from typing import Any

from resolvers.accounts import WrongCredentials
from resolvers.errors import Forbidden, Invalid, NotFound, NotOwner, Problem, StoreError
from rest_compat.dialect import Answer, Call

VALIDATION = "validation_failed"
# The code of a refusal in the store, and what becomes of it on the wire. The contract knows one
# status for all that is wrong with a request.
STATUS: Mapping[str, tuple[int, str]] = {
    "INVALID": (400, VALIDATION),
    "MALFORMED": (400, VALIDATION),
    "CONFLICT": (400, VALIDATION),
    "TOO_LARGE": (400, VALIDATION),
    "UNSUPPORTED_MEDIA": (400, VALIDATION),
    "BELOW_MINIMUM": (400, VALIDATION),
    "INSUFFICIENT_STOCK": (400, VALIDATION),
    "INSUFFICIENT_BALANCE": (400, VALIDATION),
    "UNAUTHENTICATED": (401, "missing_session"),
    "FORBIDDEN": (403, "not_owner"),
    "NOT_FOUND": (404, "not_found"),
    "NO_ROUTE": (404, "not_found"),
    "METHOD_NOT_ALLOWED": (405, "not_found"),
    "RATE_LIMITED": (429, "rate_limited"),
    "INTERNAL": (500, "internal"),
    "NOT_IMPLEMENTED": (501, "internal"),
    "UNAVAILABLE": (503, "internal"),
}
_PLACES = frozenset({"path", "query", "header", "cookie", "body", "input", "changes"})
# How the end of a sentence begins, whose subject is the field; other messages are whole.
_ENDS = ("is ", "must ", "does ", "has ", "holds ")


class CsrfRefused(Forbidden):
    """The request does not prove that it comes from where its cookie does."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.wire_code = code


def failure(call: Call, error: StoreError) -> Answer:
    status, code = STATUS[error.code]
    if isinstance(error, CsrfRefused):
        code = error.wire_code
    elif isinstance(error, WrongCredentials):
        code = "invalid_credentials"
    body: dict[str, Any] = {"code": code, "message": str(error)}
    match code:
        case "validation_failed":
            body |= _problem(error)
        case "missing_session":
            body["message"] = "Authenticate via /api/auth/* first"
        case "not_owner":
            body["message"] = _not_owner(call, error)
        case "not_found":
            body["message"] = _not_found(error)
        case "rate_limited":
            body["retry_after"] = error.details["retry_after"]
        case "internal":
            body["request_id"] = call.request_id
            body["message"] = "Something went wrong"
        case _:
            pass
    return Answer(status, body)


def _problem(error: StoreError) -> dict[str, Any]:
    """The first thing that is wrong; without ``field`` where no single one is to blame."""
    first = error.problems[0] if isinstance(error, Invalid) else Problem(error.field, str(error))
    path = first.path[1:] if first.path and first.path[0] in _PLACES else first.path
    name, said = ".".join(map(str, path)), first.message.removeprefix("value ")
    if first.kind == "required":
        said = "is required"
    if not name:
        return {"message": said}
    return {"message": f"{name} {said}" if said.startswith(_ENDS) else said, "field": name}


def _not_owner(call: Call, error: StoreError) -> str:
    if not isinstance(error, NotOwner):
        return str(error)
    named = next(iter(call.path_values.values()), None)
    return f"You do not own {named}" if named else "You do not own this"


def _not_found(error: StoreError) -> str:
    return f"{error.what.capitalize()} not found" if isinstance(error, NotFound) else "Not found"
