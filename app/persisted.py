"""Documents that a request names instead of sending: trusted ones, and ones clients taught us.

A name comes as ``extensions.persistedQuery.sha256Hash`` (Apollo's automatic persisted queries) or
as ``documentId`` (GraphQL over HTTP, appendix A, persisted documents): ``sha256:`` and a hash, or
whatever id a manifest of trusted documents has. A name leads to text and to nothing else: the text
is parsed, measured and validated like any other, by ``schema.documents``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from re import compile as pattern
from typing import Any, cast

from graphql import GraphQLError

from app import manifests
from app.manifests import HASHED, MOST_TOKENS, Trusted, sha256
from resolvers.errors import Invalid, Malformed
from resolvers.services import DocumentStore

LONGEST = 50_000
"""Bytes. What is longer is executed, but not remembered."""
_VERSION = 1
_HASH = pattern(r"[0-9a-f]{64}")


class DocumentRefused(GraphQLError):
    """A request whose document is not to be had, or not to be executed.

    ``retried``: clients answer this by themselves, with another request; some of them only if the
    status is 200.
    """

    def __init__(self, message: str, code: str, *, retried: bool = False) -> None:
        super().__init__(message, extensions={"code": code})
        self.retried = retried


def _not_found() -> DocumentRefused:
    # Clients know these two by their messages (urql) or their codes (Apollo).
    return DocumentRefused("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND", retried=True)


def _not_supported() -> DocumentRefused:
    return DocumentRefused(
        "PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED", retried=True
    )


def _untrusted() -> DocumentRefused:
    return DocumentRefused("only trusted documents are executed here", "UNTRUSTED_DOCUMENT")


class PersistedDocuments:
    """Finds a request's document, over whichever transport it came."""

    def __init__(
        self,
        store: DocumentStore | None = None,
        trusted: Trusted | None = None,
        *,
        only_trusted: bool = False,
        tokens: int = MOST_TOKENS,
    ) -> None:
        """Without a ``store`` nothing is learned from clients; ``tokens`` limits what is."""
        self._store = store
        self._trusted = trusted or Trusted(tokens)
        self._only_trusted = only_trusted
        self._tokens = tokens

    async def document_text(self, fields: Mapping[str, Any]) -> str:
        """The text of the document that a decoded request sends or names.

        Of the fields it reads ``query``, ``documentId`` and ``extensions``. A document that comes
        with its name is checked against it and, where clients may teach us, remembered.

        Raises ``Malformed`` for fields of wrong types, none of them at all, a hash of another
        version, and a document that is not the one named. Raises ``DocumentRefused`` with the code
        PERSISTED_QUERY_NOT_FOUND for a name that leads nowhere, PERSISTED_QUERY_NOT_SUPPORTED for
        an unknown hash of Apollo's protocol where nothing is learned, and UNTRUSTED_DOCUMENT for
        anything but trusted documents where only these are executed.

        Sources: Apollo's automatic persisted queries, as Apollo Server and Apollo Client speak it;
        GraphQL over HTTP, appendix A.
        """
        query = fields.get("query")
        if not (self._only_trusted or names_document(fields)) and isinstance(query, str):
            if query and not query.isspace():
                return query
            raise Malformed("query must be a GraphQL document")
        if not isinstance(query, str | None):
            raise Malformed("query must be a GraphQL document")
        # Some clients cannot leave the query out, and send an empty one.
        sent = query if query and not query.isspace() else None
        name = _name(fields)
        if name is None and sent is None:
            raise Malformed("query must be a GraphQL document, or documentId name one")
        known = None if name is None else self._trusted.named(name)
        if known is not None:
            if sent is not None and not self._trusted.same(known, sent):
                raise _contradiction()
            return known
        if self._only_trusted:
            return self._like(sent, name)
        if sent is None:
            return await self._learned(name or "", fields)
        if name is not None:
            _agree(sent, name)
            await self._learn(sent, name)
        return sent

    def _like(self, sent: str | None, name: str | None) -> str:
        """The trusted document that says the same as what was sent, with a name or without."""
        found = None if sent is None else self._trusted.like(sent)
        if sent is None or found is None:
            raise _untrusted()
        if name is not None:
            _agree(sent, name)
        return found

    async def _learned(self, name: str, fields: Mapping[str, Any]) -> str:
        if self._store is None:
            raise _not_found() if fields.get("documentId") is not None else _not_supported()
        found = await self._store.get(name) if _HASH.fullmatch(name) else None
        if found is None:
            raise _not_found()
        return found

    async def _learn(self, text: str, name: str) -> None:
        if self._store is None or len(text.encode("utf-8", "surrogatepass")) > LONGEST:
            return
        if await self._store.get(name) is None:
            try:
                manifests.shape(text, tokens=self._tokens)
            except GraphQLError:
                return  # whoever executes it says what is wrong with it
        # Also what this process knows: a store that all share may have lost it.
        await self._store.put(name, text)


def names_document(fields: Mapping[str, Any]) -> bool:
    """Whether a decoded request names its document, rightly or not."""
    if fields.get("documentId") is not None:
        return True
    extensions = fields.get("extensions")
    return bool(extensions) and isinstance(extensions, dict) and "persistedQuery" in extensions


def configured(
    store: DocumentStore | None, *, manifest_paths: Sequence[str], only_trusted: bool, tokens: int
) -> PersistedDocuments:
    """What the settings say. Raises ``Invalid`` for a manifest that is broken, or is missing."""
    if only_trusted and not manifest_paths:
        raise Invalid("STOREGRAPH_TRUSTED_DOCUMENTS_ONLY needs STOREGRAPH_TRUSTED_DOCUMENTS")
    trusted = manifests.read([Path(path) for path in manifest_paths], tokens=tokens)
    return PersistedDocuments(store, trusted, only_trusted=only_trusted, tokens=tokens)


def _name(fields: Mapping[str, Any]) -> str | None:
    """The id or, without any prefix, the SHA-256. Raises ``Malformed``."""
    names = {name for name in (_document_id(fields), _apollo_hash(fields)) if name is not None}
    if len(names) > 1:
        raise Malformed("documentId and extensions.persistedQuery name different documents")
    return names.pop() if names else None


def _document_id(fields: Mapping[str, Any]) -> str | None:
    name = fields.get("documentId")
    if name is None:
        return None
    if not isinstance(name, str) or not name:
        raise Malformed("documentId must be a string that is not empty")
    if not name.startswith(HASHED):
        return name
    bare = name.removeprefix(HASHED)
    if not _HASH.fullmatch(bare):
        raise Malformed("documentId must have 64 hexadecimal digits, in lower case, after sha256:")
    return bare


def _apollo_hash(fields: Mapping[str, Any]) -> str | None:
    extensions: Any = fields.get("extensions")
    if not isinstance(extensions, dict | None):
        raise Malformed("extensions must be an object, null or absent")
    asked: Any = cast("dict[str, Any]", extensions or {}).get("persistedQuery")
    if asked is None:
        return None
    if not isinstance(asked, dict):
        raise Malformed("extensions.persistedQuery must be an object")
    persisted = cast("dict[str, Any]", asked)
    version, name = persisted.get("version"), persisted.get("sha256Hash")
    if isinstance(version, bool) or version != _VERSION:
        raise Malformed(f"extensions.persistedQuery.version must be {_VERSION}")
    # Clients put the ids of their manifest here as well, whatever these look like. Those that
    # GraphQL Code Generator writes have the prefix.
    if not isinstance(name, str) or not name:
        raise Malformed("extensions.persistedQuery.sha256Hash must be a string that is not empty")
    return name.removeprefix(HASHED)


def _agree(sent: str, name: str) -> None:
    """Raise ``Malformed`` unless the name is the hash of what was sent."""
    if not _HASH.fullmatch(name):
        raise Malformed(
            "the document's name is not its SHA-256 (64 hexadecimal digits, in lower case)"
            " and not the id of a trusted document"
        )
    if sha256(sent) != name:
        raise _contradiction()


def _contradiction() -> Malformed:
    return Malformed("query is not the document that the request names")
