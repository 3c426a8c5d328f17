"""Operations over streams, and what equal subscriptions have in common."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
from graphql import FieldNode, OperationDefinitionNode, VariableNode
from strawberry.http import process_result
from strawberry.types.graphql import OperationType

from resolvers.broadcasts import Answer, Sharing
from resolvers.context import Context
from resolvers.events import EventRecord
from resolvers.followers import Sink
from resolvers.interests import Interest
from schema.relations import Info

_VARIABLE = re.compile(r"\$([_A-Za-z][_0-9A-Za-z]*)")


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation as a client sent it."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


@dataclass(slots=True, kw_only=True)
class StreamContext(Context):
    """The context of an operation over a stream: what was asked, and where its answers go."""

    asked: Asked
    sink: Sink


def sharing(info: Info, interest: Interest, root: Callable[[EventRecord], Any]) -> Sharing | None:
    """What a subscription has in common with others, or None where it is to be answered alone.

    Equal are those of one document, operation, scope and variables; the event that they resume
    after does not count. ``root`` makes of an event what the selection is executed on.
    """
    ctx: Context = info.context
    if not isinstance(ctx, StreamContext):
        return None
    asked, scope = ctx.asked, interest.viewer.scope
    variables = dict(asked.variables or {})
    for name in _resuming(asked.query, info.operation):
        variables.pop(name, None)
    try:
        # As text: what orjson makes holds the 4 KB that it was written into.
        given = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # no JSON: a file that was uploaded
        return None
    common = replace(interest, viewer=scope)
    # Viewers of different plans are equal, so the plan stands beside them.
    key = (info.schema, asked.query, asked.operation_name, given, common, scope.plan)
    return Sharing(key, common, _answer(info, asked, common, root), ctx.sink)


def _answer(
    info: Info, asked: Asked, interest: Interest, root: Callable[[EventRecord], Any]
) -> Answer:
    schema, services = info.schema, info.context.services

    async def answer(event: EventRecord) -> bytes | None:
        result = await schema.execute(
            asked.query,
            variable_values=asked.variables,
            # Whatever is not equal among them, the execution does not know.
            context_value=Context(services, interest.viewer),
            root_value=root(event),
            operation_name=asked.operation_name,
            allowed_operation_types=(OperationType.SUBSCRIPTION,),
        )
        if any("requestId" in (error.extensions or {}) for error in result.errors or ()):
            return None
        return orjson.dumps(process_result(result))

    return answer


def _resuming(text: str, operation: OperationDefinitionNode) -> Iterator[str]:
    """The variables that say after which event to resume, and nothing else."""
    named = _VARIABLE.findall(text)
    if len(named) != text.count("$"):
        return  # written in some other way than everybody does
    for field in operation.selection_set.selections:
        for argument in (field.arguments or ()) if isinstance(field, FieldNode) else ():
            if argument.name.value == "after" and isinstance(argument.value, VariableNode):
                name = argument.value.name.value
                if named.count(name) == 2:  # noqa: PLR2004 - where it is defined, and here
                    yield name
