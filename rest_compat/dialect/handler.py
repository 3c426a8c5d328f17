"""Bind the operations of a contract to the coroutine functions that carry their names."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter as Argument
from inspect import iscoroutinefunction, signature
from types import ModuleType
from typing import Any

from rest_compat.dialect.operation import Operation

Function = Callable[..., Awaitable[Any]]

_CALL = "call"
_NAMEABLE = (Argument.POSITIONAL_OR_KEYWORD, Argument.KEYWORD_ONLY)


class HandlersAstray(LookupError):
    """Contract and code do not agree; the message lists every place."""


@dataclass(frozen=True)
class Handler:
    """A function and the arguments it wants; ``call`` may be among them."""

    function: Function
    takes: frozenset[str]

    async def __call__(self, context: object, call: object, arguments: Mapping[str, Any]) -> Any:
        wanted = {name: value for name, value in arguments.items() if name in self.takes}
        if _CALL in self.takes:
            wanted[_CALL] = call
        return await self.function(context, **wanted)


def bind(operations: Sequence[Operation], modules: Sequence[ModuleType]) -> Mapping[str, Handler]:
    """Handlers by operationId; ``HandlersAstray`` for any too many, too few or misshapen."""
    functions: dict[str, Function] = {}
    astray: list[str] = []
    for module in modules:
        for name, function in _coroutines(module):
            if name in functions:
                astray.append(f"{name} is in two modules")
            functions[name] = function
    wanted = {operation.handler_name: operation for operation in operations}
    astray += [f"{name} has no handler" for name in wanted if name not in functions]
    astray += [f"{name} has no operation" for name in functions if name not in wanted]
    bound: dict[str, Handler] = {}
    for name, operation in wanted.items():
        if name in functions:
            takes = _takes(functions[name])
            astray += _mismatches(operation, takes)
            bound[operation.id] = Handler(functions[name], frozenset(takes))
    if astray:
        raise HandlersAstray("; ".join(astray))
    return bound


def _coroutines(module: ModuleType) -> Iterator[tuple[str, Function]]:
    """The public coroutine functions that the module itself defines."""
    for name, value in vars(module).items():
        if (
            iscoroutinefunction(value)
            and not name.startswith("_")
            and value.__module__ == module.__name__
        ):
            yield name, value


def _takes(function: Function) -> Sequence[str]:
    """The names after the first argument, which is the context."""
    return [
        name if argument.kind in _NAMEABLE else f"*{name}"
        for name, argument in [*signature(function).parameters.items()][1:]
    ]


def _mismatches(operation: Operation, takes: Sequence[str]) -> Iterator[str]:
    given = [parameter.argument for parameter in operation.parameters]
    given += ["body"] if operation.bodies else []
    if len(set(given)) < len(given) or _CALL in given:
        yield f"{operation.id} gives one name to two arguments: {given}"
    optional = {
        parameter.argument
        for parameter in operation.parameters
        if parameter.place in {"header", "cookie"}
    }
    missing = [name for name in given if name not in takes and name not in optional]
    unknown = [name for name in takes if name not in given and name != _CALL]
    if missing or unknown:
        yield (
            f"{operation.handler_name} takes {list(takes)}, its contract gives {given}"
            f" (missing {missing}, unknown {unknown})"
        )
