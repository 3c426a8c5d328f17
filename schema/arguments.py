"""Arguments and inputs, made from what resolvers declare: nothing is declared twice.

A resolver's keyword and a filter's or input's field say their type once. Here a frozen dataclass
becomes a GraphQL input of the same name, ``Annotated[int, KeyOf("Brand")]`` an ``ID``,
``Annotated[int, MicroUnits]`` a ``Decimal``, a ``StrEnum`` an enum; the first string in
``Annotated`` is the description. ``converted`` turns what came in back into what was declared.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum, StrEnum
from functools import partial
from inspect import Parameter
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

import strawberry

from resolvers.errors import Invalid, NotFound
from resolvers.file_uploads import IncomingFile
from resolvers.inputs import ABSENT, MicroUnits, is_absent
from resolvers.keys import KeyOf, key_of
from resolvers.money import micro
from resolvers.rules import is_storable, takes_none
from schema.scalars import JSON, Upload

WORDS = {
    "filter": "Only rows that meet these conditions.",
    "input": "What to create.",
    "changes": "What to change; fields left out stay as they are.",
    "idempotency_key": "Repeating a call with the same key within 24 hours does nothing again.",
    "expected_version": "Refuse with CONFLICT if the row has another version by now.",
}
_inputs: dict[type, Any] = {}
_enums: dict[type, Any] = {}
Path = tuple[str | int, ...]


def graphql_enum(kind: type[Enum]) -> Any:
    """The GraphQL enum of a Python enum, described by its docstring where it has its own."""
    if kind not in _enums:
        own = kind.__doc__ if "An enumeration" not in (kind.__doc__ or "An enumeration") else None
        if own and own.startswith("str("):
            own = None
        _enums[kind] = strawberry.enum(kind, description=own or f"{_spaced(kind.__name__)}.")
    return _enums[kind]


def _spaced(name: str) -> str:
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
    return words[:1].upper() + words[1:]


def graphql_type(annotation: Any) -> Any:  # noqa: PLR0911 - one line a kind of type
    """The annotation that Strawberry is told for a declared one."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        if any(isinstance(mark, KeyOf) for mark in marks):
            return _replace_int(inner, strawberry.ID)
        if MicroUnits in marks:
            return _replace_int(inner, Decimal)
        return graphql_type(inner)
    if origin in (Union, types.UnionType):
        return Union[tuple(graphql_type(part) for part in get_args(annotation))]  # noqa: UP007
    if origin in (list, tuple, Sequence):
        return list[graphql_type(get_args(annotation)[0])]
    if origin in (dict, Mapping) or annotation is Any:
        return JSON
    if annotation is IncomingFile:
        return Upload
    kind: Any = annotation
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return graphql_enum(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return input_of(kind)
    return annotation


def _replace_int(annotation: Any, replacement: Any) -> Any:
    if annotation is int:
        return replacement
    parts = tuple(_replace_int(part, replacement) for part in get_args(annotation))
    if get_origin(annotation) in (list, tuple, Sequence):
        return list[parts[0]]
    return Union[parts] if parts else annotation  # noqa: UP007


def description(annotation: Any) -> str | None:
    if get_origin(annotation) is Annotated:
        return next((mark for mark in get_args(annotation)[1:] if isinstance(mark, str)), None)
    return None


def input_of(declared: type) -> Any:
    """The GraphQL input of a frozen dataclass."""
    if declared in _inputs:
        return _inputs[declared]
    hints = get_type_hints(declared, include_extras=True)
    namespace: dict[str, Any] = {}
    annotations: dict[str, Any] = {}
    for item in dataclasses.fields(declared):
        annotation = hints[item.name]
        about = description(annotation)
        if about is None:
            raise TypeError(f"{declared.__name__}.{item.name} has no description")
        kind = graphql_type(annotation)
        # What may be left out is nullable in GraphQL; ``_dataclass`` refuses null where it must.
        annotations[item.name] = kind | None if item.default is ABSENT else kind
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            namespace[item.name] = strawberry.field(description=about)
        elif item.default is ABSENT or item.default is None:
            namespace[item.name] = strawberry.field(description=about, default=strawberry.UNSET)
        elif item.default_factory is not dataclasses.MISSING:
            namespace[item.name] = strawberry.field(
                description=about, default_factory=item.default_factory
            )
        else:
            namespace[item.name] = strawberry.field(description=about, default=item.default)
    namespace["__annotations__"] = annotations
    namespace["__module__"] = declared.__module__
    made = strawberry.input(
        type(declared.__name__, (), namespace),
        name=declared.__name__,
        description=(declared.__doc__ or "").strip().replace("\n    ", "\n"),
    )
    _inputs[declared] = made
    return made


def parameter(declared: Parameter) -> Parameter:
    """A resolver's keyword as the parameter of a GraphQL field."""
    kind = graphql_type(declared.annotation)
    if about := description(declared.annotation) or WORDS.get(declared.name):
        kind = Annotated[kind, strawberry.argument(description=about)]
    # No "= null" in the schema: what is not given is left out when the resolver is called.
    absent = declared.default is None or declared.default is ABSENT
    return declared.replace(
        annotation=kind, default=strawberry.UNSET if absent else declared.default
    )


def converted_all(declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords for the resolver. Raises ``NotFound`` for keys that are none, ``Invalid``."""
    return {
        name: converted(declared[name].annotation, value, (name,))
        for name, value in given.items()
        if value is not strawberry.UNSET
    }


def converted(annotation: Any, value: Any, path: Path) -> Any:  # noqa: PLR0911 - as above
    if value is None or is_absent(value):
        return value
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        for mark in marks:
            if isinstance(mark, KeyOf):
                return _each(value, partial(_key, mark), path)
        if MicroUnits in marks:
            return _each(value, _micro, path)
        return converted(inner, value, path)
    if origin in (Union, types.UnionType):
        part = next(part for part in get_args(annotation) if part is not type(None))
        return converted(part, value, path)
    if origin in (list, tuple, Sequence):
        [part, *_] = get_args(annotation)
        return tuple(converted(part, item, (*path, at)) for at, item in enumerate(value))
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return _dataclass(annotation, value, path)
    text: Any = value
    if isinstance(text, str | Mapping | list) and not is_storable(text):
        raise Invalid("this holds what cannot be stored, such as a NUL character", field=path)
    return value


def _each(value: Any, convert: Callable[[Any, Path], Any], path: Path) -> Any:
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return tuple(convert(item, (*path, at)) for at, item in enumerate(items))
    return convert(value, path)


def _key(mark: KeyOf, text: Any, path: Path) -> int:
    key = key_of(mark.noun, str(text))
    if key is None:
        raise NotFound(mark.noun.lower(), field=path)
    return key


def _micro(value: Any, path: Path) -> int:
    try:
        return micro(value)
    except ValueError as error:
        raise Invalid(str(error), field=path) from error


def _dataclass(declared: type, value: Any, path: Path) -> Any:
    hints = get_type_hints(declared, include_extras=True)
    given: dict[str, Any] = {}
    for item in dataclasses.fields(declared):
        part, inside = getattr(value, item.name), (*path, camel(item.name))
        if part is strawberry.UNSET:
            continue
        if part is None and not takes_none(hints[item.name]):
            raise Invalid(f"{inside[-1]} cannot be empty", field=inside)
        given[item.name] = converted(hints[item.name], part, inside)
    return declared(**given)


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
