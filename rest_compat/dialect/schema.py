"""Hold a value against a schema of the contract, and say everything that is wrong with it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeGuard

from resolvers.errors import Problem

if TYPE_CHECKING:
    from rest_compat.dialect.judge import Judge, Judges

Json = Any
Rule = Mapping[str, Any]
Path = tuple[str | int, ...]


class Document:
    """The parsed contract as a place that ``$ref`` leads into."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec

    @cached_property
    def judges(self) -> "Judges":
        """What its schemas hold values against; a library of 6 MB, loaded for the first request."""
        from rest_compat.dialect.judge import Judges  # noqa: PLC0415

        return Judges(self.spec)

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
    def _judge(self) -> "Judge":
        return self.document.judges.of(self.rule)

    def compile(self) -> None:
        """Raise now what is wrong with the schema itself: ``ValueError`` or ``LookupError``."""
        _ = self._judge, self.types

    def problems(self, value: Json, at: Path = ()) -> list[Problem]:
        """Every rule the value breaks, once each; paths start with ``at``."""
        return self._judge.problems(value, at)
