"""From a path as it was sent to the operations that the contract has there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from rest_compat.dialect.operation import Operation


@dataclass(frozen=True)
class Match:
    """An operation and the text that the path gives for each of its parameters."""

    operation: Operation
    values: Mapping[str, str]


@dataclass
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict[str, "_Node"])
    parameter: "_Node | None" = None
    leaves: dict[str, tuple[Operation, Sequence[str]]] = field(
        default_factory=dict[str, tuple[Operation, Sequence[str]]]
    )


class Router:
    """A tree of path segments: literals go before parameters, trailing slashes count."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for operation in operations:
            self._add(operation)

    def _add(self, operation: Operation) -> None:
        node, names = self._root, list[str]()
        for segment in operation.path.split("/"):
            if segment.startswith("{") and segment.endswith("}"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            elif "{" in segment:
                raise ValueError(f"a parameter must fill its path segment: {operation.path}")
            else:
                node = node.literals.setdefault(segment, _Node())
        node.leaves[operation.method] = (operation, names)

    def find(self, path: str) -> Mapping[str, Match]:
        """Matches by method for a percent-encoded path; empty where nothing is.

        A segment is decoded after the path is split, so ``%2F`` stays inside its parameter. Text
        that no row can hold (NUL, bytes that are no UTF-8) leads nowhere.
        """
        try:
            segments = [unquote_to_bytes(segment).decode() for segment in path.split("/")]
        except UnicodeDecodeError:
            return {}
        if "\0" in "".join(segments):
            return {}
        found: dict[str, Match] = {}
        for node, values in _walk(self._root, segments, ()):
            for method, (operation, names) in node.leaves.items():
                found.setdefault(method, Match(operation, dict(zip(names, values, strict=True))))
        return found


def _walk(
    node: _Node, segments: Sequence[str], values: tuple[str, ...]
) -> Iterator[tuple[_Node, tuple[str, ...]]]:
    if not segments:
        yield node, values
        return
    head, tail = segments[0], segments[1:]
    if head in node.literals:
        yield from _walk(node.literals[head], tail, values)
    if node.parameter and head:
        yield from _walk(node.parameter, tail, (*values, head))


def allowed(matches: Mapping[str, Match]) -> str:
    """The value of ``Allow``."""
    methods = {*matches, "OPTIONS", *(["HEAD"] if "GET" in matches else [])}
    return ", ".join(sorted(methods))


def below(path: str, prefix: str) -> str:
    """A percent-encoded path without the segments of its mount, however those are encoded."""
    return "/" + "/".join(path.split("/")[len(prefix.split("/")) :])
