"""An operation of a contract: what it takes, what it answers, which handler serves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

from rest_compat.dialect.media import Body
from rest_compat.dialect.names import snake
from rest_compat.dialect.schema import Document, Json, Rule, Schema, example

Place = Literal["path", "query", "header", "cookie"]

_SEPARATORS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}


@dataclass(frozen=True)
class Parameter:
    """One path, query, header or cookie parameter.

    ``clamp`` moves a number outside its range to the nearest bound instead of refusing it.
    ``violation_status`` is the status that the contract wants when this parameter is wrong.
    """

    name: str
    place: Place
    required: bool
    schema: Schema
    separator: str | None
    clamp: bool
    violation_status: int | None
    description: str
    example: Json

    @cached_property
    def argument(self) -> str:
        return snake(self.name)

    @cached_property
    def default(self) -> Json:
        return self.schema.flat.get("default")

    @classmethod
    def of(cls, definition: Rule, document: Document, *, clamp: bool) -> "Parameter":
        place = cast("Place", definition["in"])
        style: str = definition.get("style", "form" if place in {"query", "cookie"} else "simple")
        explode: bool = definition.get("explode", style == "form")
        joined = style == "simple" or not explode
        on_out_of_range = definition.get("x-on-out-of-range", "clamp" if clamp else "reject")
        return cls(
            name=definition["name"],
            place=place,
            required=definition.get("required", False) and "x-enforced-by" not in definition,
            schema=Schema(document, definition["schema"]),
            separator=definition.get("x-split", _SEPARATORS.get(style) if joined else None),
            clamp=on_out_of_range == "clamp",
            violation_status=definition.get("x-violation-status"),
            description=definition.get("description", ""),
            example=example(definition),
        )


@dataclass(frozen=True)
class Operation:
    """One method of one path. ``path`` is the template below the contract's server URL."""

    method: str
    path: str
    definition: Rule
    inherited: Sequence[Rule]  # parameters of the path item
    document: Document

    @property
    def id(self) -> str:
        return cast("str", self.definition["operationId"])

    @cached_property
    def handler_name(self) -> str:
        """``listProductReviews`` is served by ``list_product_reviews``."""
        return snake(self.id)

    @cached_property
    def rate_limits(self) -> tuple[str, ...]:
        """Names of the buckets that apply, all of them; what they hold is the contract's."""
        named: str | Sequence[str] = self.definition.get("x-rate-limit", ())
        return (named,) if isinstance(named, str) else tuple(named)

    @cached_property
    def security(self) -> Sequence[Mapping[str, Sequence[str]]]:
        """Alternatives, each a set of schemes that apply together; empty where anybody may call."""
        general: Sequence[Mapping[str, Sequence[str]]] = self.document.spec.get("security", ())
        return self.definition.get("security", general)

    def extension(self, name: str) -> Any:
        """The value of an ``x-`` field of the operation, or ``None``."""
        return self.definition.get(name)

    @cached_property
    def parameters(self) -> Sequence[Parameter]:
        """Those of the path and of the method; the latter win."""
        own: Sequence[Rule] = self.definition.get("parameters", ())
        resolved = map(self.document.resolve, (*self.inherited, *own))
        clamp = self.document.spec.get("x-on-out-of-range") == "clamp"
        found = (Parameter.of(definition, self.document, clamp=clamp) for definition in resolved)
        return tuple({(each.place, each.name): each for each in found}.values())

    @cached_property
    def bodies(self) -> Mapping[str, Body]:
        """What the operation takes, by media type; empty where it takes no body."""
        if "requestBody" not in self.definition:
            return {}
        content: Mapping[str, Rule] = self._request_body["content"]
        return {
            media: Body(media, Schema(self.document, each.get("schema", {})), example(each))
            for media, each in content.items()
        }

    def compile(self) -> None:
        """Make ready all that reading a request needs; errors as of :meth:`Schema.compile`."""
        for parameter in self.parameters:
            parameter.schema.compile()
        for body in self.bodies.values():
            body.judge.compile()

    @property
    def body_required(self) -> bool:
        return bool(self.bodies) and self._request_body.get("required", False)

    @cached_property
    def _request_body(self) -> Rule:
        return self.document.resolve(self.definition["requestBody"])

    @cached_property
    def responses(self) -> Mapping[str, Rule]:
        """By status as the contract writes it: ``200``, ``4XX``, ``default``."""
        found: Mapping[str | int, Rule] = self.definition["responses"]
        return {str(status): self.document.resolve(rule) for status, rule in found.items()}

    def response(self, status: int) -> Rule | None:
        """What the contract says of an answer with this status, or ``None`` for nothing."""
        for key in (str(status), f"{status // 100}XX", "default"):
            if key in self.responses:
                return self.responses[key]
        return None

    @cached_property
    def success(self) -> int:
        """The first 2xx, else the first 3xx: the status of a handler that names none."""
        for leading in "23":
            for status in self.responses:
                if status.startswith(leading) and status.isdigit():
                    return int(status)
        return 200
