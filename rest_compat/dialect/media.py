"""Media types, and the bodies that an operation takes in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from rest_compat.dialect.names import bare
from rest_compat.dialect.schema import Document, Json, Rule, Schema

JSON = "application/json"
MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"


def base(content_type: str) -> str:
    """``Application/JSON; charset=utf-8`` is ``application/json``."""
    return content_type.partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    return media == JSON or media.endswith("+json")


def choose(offered: Mapping[str, Any], media: str) -> str | None:
    """The key of ``offered`` (exact before ``image/*``) that covers a media type, or ``None``."""
    if media in offered:
        return media
    return next((key for key in offered if fnmatchcase(media, key.lower())), None)


@dataclass(frozen=True)
class Field:
    """A property of a form. ``key`` is its name in the body that the handler gets."""

    name: str
    schema: Schema
    content: Schema | None  # what a field that carries JSON holds
    is_file: bool
    max_bytes: int | None

    @property
    def key(self) -> str:
        return bare(self.name)

    @property
    def is_array(self) -> bool:
        return "array" in self.schema.types

    @classmethod
    def of(cls, name: str, rule: Rule, document: Document) -> "Field":
        schema = Schema(document, rule)
        value = schema.items if "array" in schema.types else schema
        content = None
        if "contentSchema" in schema.flat and schema.flat.get("contentMediaType") == JSON:
            content = Schema(document, schema.flat["contentSchema"])
        elif value.types == frozenset({"object"}):
            content = value
        is_file = value.flat.get("format") == "binary" or (
            "contentMediaType" in value.flat and content is None and "string" in value.types
        )
        limit = schema.flat.get("x-max-bytes", value.flat.get("x-max-bytes"))
        return cls(name, schema, content, is_file, limit)


@dataclass(frozen=True)
class Body:
    """What an operation takes in one media type."""

    media: str
    schema: Schema
    example: Json

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """The properties of a form by the name their parts carry, ``[]`` left out."""
        rules: Mapping[str, Rule] = self.schema.flat.get("properties", {})
        found = (Field.of(name, rule, self.schema.document) for name, rule in rules.items())
        return {field.key: field for field in found}

    @property
    def judge(self) -> Schema:
        """What the body is held against once it is read."""
        return self.form if self.media in {MULTIPART, URLENCODED} else self.schema

    @cached_property
    def form(self) -> Schema:
        """The schema of a form once its JSON fields are parsed; files stand in it as text."""
        rules = {
            name: field.content.rule if field.content and not field.is_array else rule
            for name, rule in self.schema.flat.get("properties", {}).items()
            for field in [self.fields[bare(name)]]
        }
        return Schema(self.schema.document, {**self.schema.flat, "properties": rules})
