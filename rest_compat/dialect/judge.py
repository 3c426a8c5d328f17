"""Judge values by JSON Schema, and say everything that is wrong with them."""

import re
from collections.abc import Iterator, Sequence

from jsonschema_rs import (
    Draft202012,
    Draft202012Validator,
    EmailOptions,
    Registry,
    ValidationError,
    ValidationErrorKind,
)

from resolvers.errors import Problem
from rest_compat.dialect.schema import Json, Path, Rule, is_array, is_object

_BASE = "urn:contract"
_EMAIL = EmailOptions(allow_display_text=False, allow_domain_literal=False)
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class Judges:
    """Those of one contract, ``spec``, which their references lead into."""

    def __init__(self, spec: Rule) -> None:
        self._registry = Registry([(_BASE, dict(spec))], draft=Draft202012)

    def of(self, rule: Rule) -> "Judge":
        """Raises ``ValueError`` for what is no schema."""
        return Judge(rule, self._registry)


class Judge:
    """One schema, compiled."""

    def __init__(self, rule: Rule, registry: Registry) -> None:
        self._validator = Draft202012Validator(
            _absolute(rule),
            registry=registry,
            validate_formats=True,
            formats={"decimal": _is_decimal},
            email_options=_EMAIL,
            mask="value",  # what somebody sent is not repeated in messages and logs
            offline=True,
        )

    def problems(self, value: Json, at: Path) -> list[Problem]:
        """Every rule the value breaks, once each; paths start with ``at``."""
        found = (
            problem
            for error in self._validator.iter_errors(value)
            for problem in _problems(error, at)
        )
        # Parts of an ``allOf`` often say the same.
        return list({(each.path, each.kind): each for each in found}.values())


def _is_decimal(text: str) -> bool:
    return _DECIMAL.fullmatch(text) is not None


def _absolute(rule: Json) -> Json:
    """A copy that can be compiled apart from the contract: its references name the contract."""
    if is_object(rule):
        return {
            key: _BASE + value if key == "$ref" else _absolute(value) for key, value in rule.items()
        }
    return [_absolute(each) for each in rule] if is_array(rule) else rule


def _problems(error: ValidationError, at: Path) -> Iterator[Problem]:
    path = (*at, *error.instance_path)
    match error.kind:
        case ValidationErrorKind.Required(property):
            yield Problem((*path, property), error.message, "required")
        case ValidationErrorKind.AnyOf(branches) | ValidationErrorKind.OneOfNotValid(branches):
            meant = _meant(branches)
            if meant:
                for inner in meant:
                    yield from _problems(inner, at)
            else:
                yield Problem(path, error.message, error.kind.name)
        case ValidationErrorKind.OneOfMultipleValid():
            yield Problem(path, error.message, error.kind.name)
        case kind:
            yield Problem(path, error.message, kind.name, kind.value)


def _meant(branches: Sequence[Sequence[ValidationError]]) -> Sequence[ValidationError]:
    """The one alternative whose type and constants fit the value, or nothing."""
    fitting = [
        branch
        for branch in branches
        if not any(error.kind.name in {"type", "const"} for error in branch)
    ]
    return fitting[0] if len(fitting) == 1 else ()
