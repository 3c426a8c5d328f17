"""Mutations: one line each. Expected failures are data beside the payload, never exceptions."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

import strawberry

from resolvers.errors import (
    Forbidden,
    Invalid,
    RateLimited,
    StoreError,
    Unauthenticated,
    Unavailable,
)
from resolvers.keys import global_id
from schema.arguments import camel, converted_all, parameter
from schema.relations import Info

Operation = Callable[..., Awaitable[Any]]
# The caller has to do something else first; these stay GraphQL errors.
_ERRORS = (Unauthenticated, Forbidden, RateLimited, Unavailable)


@strawberry.type(description="Why a mutation was refused. Nothing was changed then.")
class UserError:
    code: str = strawberry.field(description="Stable, machine-readable: NOT_FOUND, CONFLICT, ...")
    message: str = strawberry.field(description="For people.")
    field: list[str] | None = strawberry.field(
        description="Path of the offending argument, outermost first; null where none is to blame."
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload's fields are resolved from: the row's ``key`` or what went wrong."""

    key: int | None
    result: Any
    errors: list[UserError]


def errors_field() -> Any:
    return strawberry.field(description="Empty when the mutation succeeded.")


def from_result(name: str, about: str) -> Any:
    """A payload's field taken from what the operation returned, null after a refusal."""

    def resolve(root: Any) -> Any:
        return getattr(root.result, name, None) if root.result is not None else None

    return strawberry.field(resolver=resolve, description=about)


def deleted_id(noun: str) -> Any:
    """The global id of a row that is gone, so that clients can drop it from their caches."""

    def resolve(root: Any) -> strawberry.ID | None:
        return None if root.key is None else strawberry.ID(global_id(noun, root.key))

    return strawberry.field(resolver=resolve, description="What was deleted; null if refused.")


def mutation(operation: Operation, about: str) -> Any:
    """A mutation that runs ``operation(ctx, *, ...)``; its keywords are the arguments.

    The operation returns the key of the row it made or changed, or an object with a ``key``.
    """
    hints = get_type_hints(operation, include_extras=True)
    declared = {
        item.name: item.replace(annotation=hints[item.name])
        for item in signature(operation).parameters.values()
        if item.kind is Parameter.KEYWORD_ONLY
    }

    async def resolve(info: Info, **given: Any) -> Any:
        try:
            result = await operation(info.context, **converted_all(declared, given))
        except _ERRORS:
            raise
        except StoreError as error:
            return Outcome(None, None, _user_errors(error))
        key = result if isinstance(result, int) else getattr(result, "key", None)
        return Outcome(key, result, [])

    fixed = [
        Parameter("info", Parameter.POSITIONAL_OR_KEYWORD, annotation=Info),
    ]
    own = [parameter(item) for item in declared.values()]
    shaped: Any = resolve
    shaped.__signature__ = Signature([*fixed, *own])
    shaped.__annotations__ = {p.name: p.annotation for p in [*fixed, *own]}
    return strawberry.mutation(
        resolver=resolve, description=about, metadata={"operation": operation}
    )


def _user_errors(error: StoreError) -> list[UserError]:
    if isinstance(error, Invalid):
        return [
            UserError(
                code=error.code,
                message=problem.message,
                field=_path(problem.path),
            )
            for problem in error.problems
        ]
    return [UserError(code=error.code, message=str(error), field=_path(error.field))]


def _path(path: Sequence[str | int]) -> list[str] | None:
    """Resolvers name arguments in Python's spelling, clients know them in GraphQL's."""
    return [camel(str(part)) for part in path] or None
