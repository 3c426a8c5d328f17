"""Every refusal in the dialect's words: a code, a message and, per field, errors."""

from collections.abc import Mapping
from typing import Any

from resolvers.errors import Invalid, Problem, StoreError
from rest_compat.dialect import Answer, Call

VALIDATION = "VALIDATION_ERROR"
INVALID = "The given data was invalid."
NOT_FOUND = "There is nothing here."
# The code of a refusal in the store, and what becomes of it on the wire.
STATUS: Mapping[str, tuple[int, str]] = {
    "UNAUTHENTICATED": (401, "UNAUTHENTICATED"),
    "FORBIDDEN": (403, "FORBIDDEN"),
    "NOT_FOUND": (404, "NOT_FOUND"),
    "NO_ROUTE": (404, "NOT_FOUND"),
    "METHOD_NOT_ALLOWED": (405, "METHOD_NOT_ALLOWED"),
    "TOO_LARGE": (413, "PAYLOAD_TOO_LARGE"),
    "UNSUPPORTED_MEDIA": (415, "UNSUPPORTED_MEDIA_TYPE"),
    "INVALID": (422, VALIDATION),
    "MALFORMED": (422, VALIDATION),
    "CONFLICT": (422, VALIDATION),
    "BELOW_MINIMUM": (422, VALIDATION),
    "INSUFFICIENT_STOCK": (422, VALIDATION),
    "INSUFFICIENT_BALANCE": (422, VALIDATION),
    "RATE_LIMITED": (429, "TOO_MANY_REQUESTS"),
    "INTERNAL": (500, "INTERNAL_ERROR"),
    "NOT_IMPLEMENTED": (501, "NOT_IMPLEMENTED"),
    "UNAVAILABLE": (503, "UNAVAILABLE"),
}
# How the end of a sentence begins, whose subject is the field; other messages are whole.
_ENDS = ("is ", "must ", "does ", "has ", "holds ")
_PLACES = frozenset({"path", "query", "header", "body", "input", "changes"})


def failure(_: Call, error: StoreError) -> Answer:
    if isinstance(error, Invalid) and any(map(_is_no_id, error.problems)):
        return Answer(404, {"code": "NOT_FOUND", "message": NOT_FOUND})
    status, code = STATUS[error.code]
    return Answer(status, _body(code, error))


def _is_no_id(problem: Problem) -> bool:
    """A path that holds no UUID where one must be leads to nothing, as an unknown one does."""
    return problem.path[:1] == ("path",) and problem.kind == "format"


def _body(code: str, error: StoreError) -> dict[str, Any]:
    match code:
        case "NOT_FOUND":
            what = error.details.get("resource")
            return {
                "code": code,
                "message": f"{what.capitalize()} not found." if what else NOT_FOUND,
            }
        case "INTERNAL_ERROR":
            found = error.details.get("request_id", "-")
            return {"code": code, "message": f"Something went wrong. Request id: {found}"}
        case "VALIDATION_ERROR":
            return {"code": code, "message": INVALID, "errors": _errors(error)}
        case "FORBIDDEN" if lacking := error.details.get("permission"):
            return {"code": code, "message": f"Permission {lacking} is not granted to this app."}
        case _:
            return {"code": code, "message": str(error)}


def _errors(error: StoreError) -> dict[str, list[str]]:
    problems = (
        error.problems
        if isinstance(error, Invalid)
        else [Problem(error.field or ("body",), str(error))]
    )
    found: dict[str, list[str]] = {}
    for problem in problems:
        name = _name(problem.path)
        message = _sentence(name, problem)
        if message not in found.setdefault(name, []):
            found[name].append(message)
    return found


def _name(path: tuple[str | int, ...]) -> str:
    """The dotted name of a field; the place that it came in is no part of it."""
    parts = path[1:] if path and path[0] in _PLACES and len(path) > 1 else path
    return ".".join(map(str, parts)) or "body"


def _sentence(name: str, problem: Problem) -> str:
    if problem.kind == "required":
        return f"The {name} field is required."
    said = problem.message.removeprefix("value ").rstrip(".")
    if said.startswith(_ENDS):
        return f"The {name} field {said}."
    return f"{said[:1].upper()}{said[1:]}."
