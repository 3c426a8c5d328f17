"""Every refusal in the dialect's words: a status, and a body with ``detail``."""

from collections.abc import Callable, Mapping
from typing import Any

from resolvers.errors import Invalid, Problem, StoreError
from rest_compat.dialect import Answer, Call
from rest_compat.instamarket.wire import usdt

STATUS: Mapping[str, int] = {
    "BELOW_MINIMUM": 400,
    "UNAUTHENTICATED": 401,
    "INSUFFICIENT_BALANCE": 402,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "NO_ROUTE": 404,
    "METHOD_NOT_ALLOWED": 405,
    "CONFLICT": 409,
    "INSUFFICIENT_STOCK": 409,
    "TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA": 415,
    "INVALID": 422,
    "MALFORMED": 422,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "NOT_IMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}
_FIXED = {
    "NO_ROUTE": "Not Found",
    "METHOD_NOT_ALLOWED": "Method Not Allowed",
    "INTERNAL": "Internal server error",
    "UNAVAILABLE": "Service temporarily unavailable",
}


def failure(_: Call, error: StoreError) -> Answer:
    describe = _BODIES.get(error.code, _plain)
    return Answer(STATUS[error.code], describe(error))


def _plain(error: StoreError) -> dict[str, Any]:
    return {"detail": _FIXED.get(error.code, str(error))}


def _not_found(error: StoreError) -> dict[str, Any]:
    return {"detail": f"{error.details['resource'].capitalize()} not found"}


def _below_minimum(error: StoreError) -> dict[str, Any]:
    least, asked = error.details["minimum"], error.details["requested"]
    detail = f"Minimum batch for this product is {least} units, requested {asked}"
    return {"detail": detail, "min_quantity": least}


def _insufficient_stock(error: StoreError) -> dict[str, Any]:
    available, asked = error.details["available"], error.details["requested"]
    return {"detail": f"Insufficient stock: {available} available, {asked} requested"}


def _insufficient_balance(error: StoreError) -> dict[str, Any]:
    required, balance = usdt(error.details["required"]), usdt(error.details["available"])
    detail = (
        f"Insufficient balance: {required:.2f} USDT needed, {balance:.2f} available. "
        "Top up with POST /api/v1/balance/topup"
    )
    return {"detail": detail, "required_usdt": required, "balance_usdt": balance}


# What is wrong with a request is told as pydantic does, whose habit the contract's 422 is.


def _malformed(error: StoreError) -> dict[str, Any]:
    return {"detail": [{"loc": ["body"], "msg": str(error), "type": "json_invalid"}]}


def _invalid(error: StoreError) -> dict[str, Any]:
    """One problem a place, as pydantic does: the first is the cause of the others."""
    problems = error.problems if isinstance(error, Invalid) else ()
    first = {each.path: _problem(each) for each in reversed(problems)}
    return {"detail": list(first.values())[::-1]}


_PLACES = frozenset({"path", "query", "header", "body"})
_RULES: Mapping[str, tuple[str, str]] = {
    "required": ("missing", "Field required"),
    "minimum": ("greater_than_equal", "Input should be greater than or equal to {limit}"),
    "maximum": ("less_than_equal", "Input should be less than or equal to {limit}"),
    "enum": ("enum", "Input should be one of {limit}"),
    "minLength": ("string_too_short", "String should have at least {limit} characters"),
    "maxLength": ("string_too_long", "String should have at most {limit} characters"),
    "pattern": ("string_pattern_mismatch", "String should match pattern '{limit}'"),
    "format": ("{limit}_parsing", "Input should be a valid {limit}"),
    "text": ("string_unicode", "Input should be a valid text"),
}
_TYPES = {"integer": "int", "number": "float", "object": "dict"}


def _problem(problem: Problem) -> dict[str, Any]:
    place = problem.path[0] if problem.path and problem.path[0] in _PLACES else "body"
    limit = problem.limit
    if problem.kind == "type":
        # What a URL or a header spells is text and has to be parsed first.
        suffix = "type" if place == "body" or limit[0] == "string" else "parsing"
        kind = f"{_TYPES.get(limit[0], limit[0])}_{suffix}"
        message = f"Input should be a valid {limit[0]}"
    elif problem.kind in _RULES:
        kind, message = (words.format(limit=limit) for words in _RULES[problem.kind])
    else:
        kind, message = "value_error", problem.message
    return {"loc": [place, *problem.path[1:]], "msg": message, "type": kind}


_BODIES: Mapping[str, Callable[[StoreError], dict[str, Any]]] = {
    "NOT_FOUND": _not_found,
    "BELOW_MINIMUM": _below_minimum,
    "INSUFFICIENT_STOCK": _insufficient_stock,
    "INSUFFICIENT_BALANCE": _insufficient_balance,
    "MALFORMED": _malformed,
    "INVALID": _invalid,
}
