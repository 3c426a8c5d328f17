"""How large a document may be, found out before anything of it is validated or run.

Only the document's text counts here, fragments as often as they are spread. What its answer would
cost is the business of ``schema.cost``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Per document, but ``cost``, which counts per operation.

    ``repetitions`` of one field in one selection set, and ``fragments``, make validation slow
    (it compares them pair by pair) and are of no use in such numbers.
    """

    tokens: int = 5_000
    depth: int = 15
    root_fields: int = 30
    aliases: int = 100
    directives: int = 50
    fragments: int = 100
    repetitions: int = 20
    cost: int = 20_000


class _Size(NamedTuple):
    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    repetitions: int = 0


def breaches(document: DocumentNode, limits: Limits) -> list[GraphQLError]:
    """What the document has too much of; empty when it keeps within the limits."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    found = [*_over("FRAGMENT_LIMIT", "fragments", len(fragments), limits.fragments, document)]
    ruler = _Ruler(fragments)
    for operation in document.definitions:
        if not isinstance(operation, OperationDefinitionNode):
            continue
        size = ruler.size(operation.selection_set)
        directives = size.directives + len(operation.directives or ())
        for code, what, count, most in (
            ("DEPTH_LIMIT", "levels", size.depth, limits.depth),
            ("ROOT_FIELD_LIMIT", "root fields", size.fields, limits.root_fields),
            ("ALIAS_LIMIT", "aliases", size.aliases, limits.aliases),
            ("DIRECTIVE_LIMIT", "directives", directives, limits.directives),
            ("REPETITION_LIMIT", "repetitions", size.repetitions, limits.repetitions),
        ):
            found += _over(code, what, count, most, operation)
    return found


def _over(
    code: str, what: str, count: int, most: int, node: DocumentNode | OperationDefinitionNode
) -> Iterator[GraphQLError]:
    if count > most:
        shown = min(count, 10 * most)  # spreads of spreads can make numbers of many digits
        details = {"count": shown, "limit": most}
        where = [node] if isinstance(node, OperationDefinitionNode) else None
        message = f"the document has too many {what}: {shown}, at most {most} are allowed"
        yield GraphQLError(message, where, extensions={"code": code, "details": details})


class _Ruler:
    """Measures selections; each fragment once, however often it is spread."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, _Size] = {}

    def size(self, selections: SelectionSetNode) -> _Size:
        """Of all levels: the largest depth and repetitions, the sum of aliases and directives.

        ``fields`` counts this level only.
        """
        names: Counter[str] = Counter()
        parts: list[_Size] = []
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                names[(selection.alias or selection.name).value] += 1
            part = self._selection(selection)
            directives = part.directives + len(selection.directives or ())
            parts.append(part._replace(directives=directives))
        return _Size(
            depth=max((part.depth for part in parts), default=0),
            fields=sum(part.fields for part in parts),
            aliases=sum(part.aliases for part in parts),
            directives=sum(part.directives for part in parts),
            repetitions=max((*names.values(), *(part.repetitions for part in parts)), default=0),
        )

    def _selection(self, selection: SelectionNode) -> _Size:
        if isinstance(selection, FieldNode):
            return self._field(selection)
        if isinstance(selection, FragmentSpreadNode):
            return self._spread(selection.name.value)
        if isinstance(selection, InlineFragmentNode):
            return self.size(selection.selection_set)
        return _Size()

    def _field(self, field: FieldNode) -> _Size:
        if field.name.value in ("__schema", "__type"):  # deep by its nature, cheap to answer
            return _Size(fields=1)
        inner = self.size(field.selection_set) if field.selection_set else _Size()
        return inner._replace(
            depth=inner.depth + 1,
            fields=1,
            aliases=inner.aliases + (field.alias is not None),
        )

    def _spread(self, name: str) -> _Size:
        if name not in self._known:
            self._known[name] = _Size()  # what a fragment within itself counts; validation objects
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._known[name] = self.size(fragment.selection_set)
        return self._known[name]
