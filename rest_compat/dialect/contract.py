"""One ``openapi.yaml``: its operations, its webhooks, and what it calls itself."""

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import yaml

from rest_compat.dialect.operation import Operation
from rest_compat.dialect.schema import Document, Rule, Schema

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.CSafeLoader):
    """The C loader, which leaves dates as the text that JSON knows, and equal texts as one."""

    def construct_scalar(self, node: Any) -> str:
        return sys.intern(super().construct_scalar(node))


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class Contract:
    """The law of a dialect, read once at start.

    ``ValueError`` says what makes a file unusable: an operation without an id, an id twice.
    """

    def __init__(self, path: Path) -> None:
        self.spec = cast("dict[str, Any]", yaml.load(path.read_bytes(), _Loader))  # noqa: S506 - safe
        self.document = Document(self.spec)
        self.operations: Sequence[Operation] = tuple(self._operations())
        self._by_id = {operation.id: operation for operation in self.operations}
        if len(self._by_id) < len(self.operations):
            raise ValueError(f"{path.name} gives one operationId to several operations")

    def _operations(self) -> list[Operation]:
        paths: Mapping[str, Rule] = self.spec["paths"]
        return [
            Operation(
                method=method.upper(),
                path=path,
                definition=item[method],
                inherited=item.get("parameters", ()),
                document=self.document,
            )
            for path, item in paths.items()
            for method in item
            if method in _METHODS
        ]

    @property
    def prefix(self) -> str:
        """The path under which the gateway mounts the dialect (``/instamarket``), or nothing."""
        servers: Sequence[Mapping[str, str]] = self.spec.get("servers", ())
        return servers[0]["url"].rstrip("/") if servers else ""

    def extension(self, name: str) -> Any:
        """The value of a top-level ``x-`` field, or ``None``."""
        return self.spec.get(name)

    def operation(self, operation_id: str) -> Operation:
        """``KeyError`` when the contract has no such operation."""
        return self._by_id[operation_id]

    def schema(self, name: str) -> Schema:
        """A schema of ``components`` by its name."""
        return Schema(self.document, {"$ref": f"#/components/schemas/{name}"})

    def webhook(self, name: str) -> Schema:
        """What the body of a delivery is held against.

        ``LookupError`` for an unknown webhook and for one that is delivered without a body.
        """
        item: Mapping[str, Rule] = self.spec["webhooks"][name]
        definition = next(item[method] for method in _METHODS if method in item)
        if "requestBody" not in definition:
            raise LookupError(f"{name} has no body")
        body = self.document.resolve(definition["requestBody"])
        content: Mapping[str, Rule] = body["content"]
        return Schema(self.document, next(iter(content.values()))["schema"])

    @cached_property
    def answer_headers(self) -> frozenset[str]:
        """Every header that some answer of the contract names."""
        return frozenset(
            name
            for operation in self.operations
            for response in operation.responses.values()
            for name in response.get("headers", ())
        )
