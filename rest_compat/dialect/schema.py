"""Hold a value against a schema of the contract, and say everything that is wrong with it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeGuard

from jsonschema_rs import (
    Draft202012,
    Draft202012Validator,
    EmailOptions,
    Registry,
    ValidationError,
    ValidationErrorKind,
)

from resolvers.errors import Problem

Json = Any
Rule = Mapping[str, Any]
Path = tuple[str | int, ...]

_BASE = "urn:contract"
_EMAIL = EmailOptions(allow_display_text=False, allow_domain_literal=False)
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _is_decimal(text: str) -> bool:
    return _DECIMAL.fullmatch(text) is not None


class Document:
    """The parsed contract as a place that ``$ref`` leads into."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec

    @cached_property
    def registry(self) -> Registry:
        return Registry([(_BASE, self.spec)], draft=Draft202012)

    def resolve(self, rule: Rule) -> Rule:
        """What a ``$ref`` leads to (keywords beside it win), or the rule itself.

        A reference that leads nowhere raises ``LookupError``.
        """
        while "$ref" in rule:
            found: Any = self.spec
            for step in rule["$ref"].removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            rule = {**found, **{key: value for key, value in rule.items() if key != "$ref"}}
        return rule

    def flatten(self, rule: Rule) -> dict[str, Any]:
        """The rule with ``$ref`` and ``allOf`` folded in, as far as reading a request needs it."""
        own = dict(self.resolve(rule))
        merged: dict[str, Any] = {}
        for part in (*map(self.flatten, own.pop("allOf", ())), own):
            properties = {**merged.get("properties", {}), **part.get("properties", {})}
            required = [*merged.get("required", ()), *part.get("required", ())]
            merged |= part
            if properties:
                merged["properties"] = properties
            if required:
                merged["required"] = required
        return merged

    def types(self, rule: Rule) -> frozenset[str]:
        """The JSON types a value may have by this rule; empty where the rule leaves it open."""
        flat = self.flatten(rule)
        if "type" in flat:
            named: str | Sequence[str] = flat["type"]
            return frozenset([named] if isinstance(named, str) else named)
        if "const" in flat or "enum" in flat:
            constants: Sequence[Json] = flat.get("enum", [flat.get("const")])
            return frozenset(_NAMES[type(constant)] for constant in constants)
        branches: Sequence[Rule] = (*flat.get("anyOf", ()), *flat.get("oneOf", ()))
        return frozenset(name for branch in branches for name in self.types(branch))


def example(rule: Rule) -> Json:
    """The first example that a parameter or a media type gives, or ``None``."""
    named: Mapping[str, Rule] = rule.get("examples", {})
    return rule.get("example", next((each.get("value") for each in named.values()), None))


_NAMES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def is_object(value: Json) -> TypeGuard[dict[str, Json]]:
    return isinstance(value, dict)


def is_array(value: Json) -> TypeGuard[list[Json]]:
    return isinstance(value, list)


class Schema:
    """One schema of a contract; its validator is compiled once, at first use or by ``compile``."""

    def __init__(self, document: Document, rule: Rule) -> None:
        self.document = document
        self.rule = rule

    @cached_property
    def flat(self) -> Mapping[str, Any]:
        return self.document.flatten(self.rule)

    @cached_property
    def types(self) -> frozenset[str]:
        return self.document.types(self.rule)

    @cached_property
    def items(self) -> "Schema":
        """What the members of an array are held against."""
        return Schema(self.document, self.flat.get("items", {}))

    @cached_property
    def defaults(self) -> Mapping[str, Json]:
        """Defaults of an object's own properties, those inside ``allOf`` and ``$ref`` included."""
        rules: Mapping[str, Rule] = self.flat.get("properties", {})
        flats = {name: self.document.flatten(rule) for name, rule in rules.items()}
        return {name: flat["default"] for name, flat in flats.items() if "default" in flat}

    @cached_property
    def _validator(self) -> Draft202012Validator:
        return Draft202012Validator(
            _absolute(self.rule),
            registry=self.document.registry,
            validate_formats=True,
            formats={"decimal": _is_decimal},
            email_options=_EMAIL,
            mask="value",  # what somebody sent is not repeated in messages and logs
            offline=True,
        )

    def compile(self) -> None:
        """Raise now what is wrong with the schema itself: ``ValueError`` or ``LookupError``."""
        _ = self._validator, self.types

    def problems(self, value: Json, at: Path = ()) -> list[Problem]:
        """Every rule the value breaks, once each; paths start with ``at``."""
        found = (
            problem
            for error in self._validator.iter_errors(value)
            for problem in _problems(error, at)
        )
        # Parts of an ``allOf`` often say the same.
        return list({(each.path, each.kind): each for each in found}.values())


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
