"""Manifests of trusted documents: read once, at the start, and checked to the last entry.

Two forms are known: Apollo's (``generate-persisted-query-manifest``, and what Apollo Kotlin and
Apollo iOS write), and one JSON object of names and documents, which GraphQL Code Generator's client
preset (``persisted-documents.json``) and the Relay compiler (``persistConfig.file``) write.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson
from graphql import GraphQLError, OperationDefinitionNode, parse, print_ast

from resolvers.errors import Invalid, Problem
from schema.limits import Limits

APOLLO = "apollo-persisted-query-manifest"
HASHED = "sha256:"
MOST_TOKENS = Limits().tokens
MOST_PROBLEMS = 20


def sha256(text: str) -> str:
    """The hash by which Apollo's protocol and GraphQL over HTTP name a document."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def shape(text: str, *, tokens: int = MOST_TOKENS) -> str:
    """What a document says: the same for every spacing, comment and order of its definitions.

    Clients do not agree on the order: Apollo's manifest has the definitions sorted, while its
    WebSocket link sends them as they were written. Raises ``GraphQLError`` where it is no document
    of at most ``tokens`` tokens, or has no operation.
    """
    definitions = parse(text, no_location=True, max_tokens=tokens).definitions
    if not any(isinstance(each, OperationDefinitionNode) for each in definitions):
        raise GraphQLError("the document has no operation")
    return sha256("\n".join(sorted(map(print_ast, definitions))))


@dataclass(frozen=True, slots=True)
class Trusted:
    """Documents by their names, which are ids of a manifest and SHA-256 hashes; and by shape."""

    tokens: int = MOST_TOKENS
    _named: dict[str, str] = field(default_factory=dict[str, str])
    _shapes: dict[str, str] = field(default_factory=dict[str, str])
    _shaped: dict[str, str] = field(default_factory=dict[str, str])

    def __bool__(self) -> bool:
        return bool(self._shapes)

    def named(self, name: str) -> str | None:
        """The document of an id or hash; None where no manifest has it."""
        return self._named.get(name)

    def like(self, text: str) -> str | None:
        """The trusted document that says the same as ``text``; None where there is none."""
        if text in self._shapes:
            return text
        try:
            return self._shaped.get(shape(text, tokens=self.tokens))
        except GraphQLError:
            return None

    def same(self, trusted: str, text: str) -> bool:
        """Whether ``text``, which a client sent, says what a trusted document says."""
        if text == trusted:
            return True
        found = self.like(text)
        return found is not None and self._shapes[found] == self._shapes[trusted]

    def add(self, name: str, text: str) -> None:
        """Trust a document. Raises ``GraphQLError`` for one that is none, or whose name is wrong.

        A name with the prefix ``sha256:`` must be the hash. One without may be anything: tools hash
        with MD5 and SHA-1 too, or not the text itself.
        """
        found, hashed = shape(text, tokens=self.tokens), sha256(text)
        bare = name.removeprefix(HASHED)
        if bare not in (name, hashed):
            raise GraphQLError(f"the SHA-256 of the document is {hashed}")
        for each in {bare, hashed}:
            if self._named.setdefault(each, text) != text:
                raise GraphQLError(f"{each!r} names two different documents")
        self._shapes[text] = found
        self._shaped.setdefault(found, text)


def read(paths: Sequence[Path], *, tokens: int = MOST_TOKENS) -> Trusted:
    """The documents of all the manifests together.

    Raises ``Invalid``, whose problems name the file and the entry, for whatever is wrong with one:
    no file, no JSON, another form or version, a document that does not parse within ``tokens``, an
    id of two different documents, or no document at all.
    """
    trusted, problems = Trusted(tokens), list[Problem]()
    for path in paths:
        try:
            entries = list(_entries(orjson.loads(path.read_bytes())))
        except (OSError, ValueError) as error:  # orjson's own error is a ValueError
            what = error.strerror if isinstance(error, OSError) else error
            problems.append(_problem(path, f"{what}"))
            continue
        for where, name, text in entries:
            try:
                _add(trusted, name, text)
            except GraphQLError as error:
                problems.append(_problem(path, f"{where}: {error.message}"))
    if problems:
        raise Invalid("trusted documents cannot be read", problems=problems[:MOST_PROBLEMS])
    return trusted


def _add(trusted: Trusted, name: Any, text: Any) -> None:
    if not isinstance(name, str) or not name:
        raise GraphQLError("the id must be text")
    if not isinstance(text, str):
        raise GraphQLError("the document must be text")
    trusted.add(name, text)


def _problem(path: Path, message: str) -> Problem:
    return Problem((), f"trusted documents {path}: {message}", kind="manifest")


def _entries(content: Any) -> Iterator[tuple[str, Any, Any]]:
    """Of each entry what to call it, its id and its document. Raises ``ValueError``."""
    if not isinstance(content, dict) or not content:
        raise ValueError("a manifest is a JSON object that names documents")
    members = cast("dict[str, Any]", content)
    operations = members.get("operations")
    if "format" not in members and not isinstance(operations, list):
        for name, text in members.items():
            yield f"entry {name!r}", name, text
        return
    if members.get("format") != APOLLO or members.get("version") != 1:
        raise ValueError(f'its format must be "{APOLLO}", its version 1')
    if not isinstance(operations, list) or not operations:
        raise ValueError("operations must be a list that is not empty")
    for number, entry in enumerate(cast("list[Any]", operations)):
        found: Mapping[str, Any] = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
        label = found.get("name") or found.get("id") or ""
        yield f"operations[{number}] {label}".rstrip(), found.get("id"), found.get("body")
