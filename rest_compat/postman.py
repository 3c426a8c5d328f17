"""Print a contract as a Postman collection (format v2.1), for people who try an API by hand."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from rest_compat.dialect import media
from rest_compat.dialect.contract import Contract
from rest_compat.dialect.media import Body
from rest_compat.dialect.operation import Operation, Parameter
from rest_compat.dialect.schema import Document, Json, Rule, is_array, is_object

_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_KEY = "{{apiKey}}"
_UNTAGGED = "Other"


def collection(contract: Contract, base_url: str) -> dict[str, Any]:
    """One folder a tag, one request an operation, examples of the contract as values.

    ``base_url`` is the absolute address that the contract's paths follow; it and ``apiKey`` are
    variables of the collection, the latter empty.
    """
    tags: Sequence[Mapping[str, str]] = contract.spec.get("tags", ())
    folders: dict[str, dict[str, Any]] = {tag["name"]: _folder(tag) for tag in tags}
    for operation in contract.operations:
        named: Sequence[str] = operation.definition.get("tags") or (_UNTAGGED,)
        folder = folders.setdefault(named[0], _folder({"name": named[0]}))
        folder["item"].append(_item(operation))
    info: Mapping[str, str] = contract.spec["info"]
    return {
        "info": {
            "name": info["title"],
            "description": info.get("description", ""),
            "schema": _SCHEMA,
        },
        "item": [folder for folder in folders.values() if folder["item"]],
        "auth": _auth(contract.spec.get("security", ()), contract.document),
        "variable": [
            {"key": "baseUrl", "value": base_url.rstrip("/"), "type": "string"},
            {"key": "apiKey", "value": "", "type": "string"},
        ],
    }


def _folder(tag: Mapping[str, str]) -> dict[str, Any]:
    return {"name": tag["name"], "description": tag.get("description", ""), "item": []}


def _item(operation: Operation) -> dict[str, Any]:
    summary: str = operation.definition.get("summary", operation.id)
    request: dict[str, Any] = {
        "method": operation.method,
        "header": _headers(operation),
        "url": _url(operation),
        "description": operation.definition.get("description", summary),
        "auth": _auth(operation.security, operation.document),
    }
    if operation.bodies:
        request["body"] = _body(operation)
    return {"name": summary, "request": request, "response": []}


def _headers(operation: Operation) -> list[dict[str, Any]]:
    found = [_named(each) for each in operation.parameters if each.place == "header"]
    if operation.bodies and not _first(operation).media.startswith("multipart/"):
        # A form's boundary is Postman's to choose.
        found.append({"key": "Content-Type", "value": _first(operation).media})
    return found


def _url(operation: Operation) -> dict[str, Any]:
    segments = [
        f":{each[1:-1]}" if each.startswith("{") else each
        for each in operation.path.removeprefix("/").split("/")
    ]
    query = [_named(each) for each in operation.parameters if each.place == "query"]
    asked = "&".join(f"{each['key']}={each['value']}" for each in query if "disabled" not in each)
    return {
        "raw": "{{baseUrl}}/" + "/".join(segments) + (f"?{asked}" if asked else ""),
        "host": ["{{baseUrl}}"],
        "path": segments,
        "query": query,
        "variable": [_named(each) for each in operation.parameters if each.place == "path"],
    }


def _named(parameter: Parameter) -> dict[str, Any]:
    """A key and an example; what may be left out is there but switched off."""
    rule = parameter.schema.flat
    example = parameter.example if parameter.example is not None else rule.get("default", "")
    entry = {
        "key": parameter.name,
        "value": _printed(example),
        "description": parameter.description,
    }
    return entry if parameter.required else {**entry, "disabled": True}


def _printed(value: Json) -> str:
    if isinstance(value, str):
        return value
    if is_array(value):
        return ",".join(map(_printed, value))
    return orjson.dumps(value).decode()


def _first(operation: Operation) -> Body:
    """JSON where the operation takes it."""
    return operation.bodies.get(media.JSON) or next(iter(operation.bodies.values()))


def _body(operation: Operation) -> dict[str, Any]:
    body = _first(operation)
    if media.is_json(body.media):
        text = orjson.dumps(body.example, option=orjson.OPT_INDENT_2).decode()
        return {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
    mode = "formdata" if body.media == media.MULTIPART else "urlencoded"
    return {"mode": mode, mode: list(_fields(body))}


def _fields(body: Body) -> Iterator[dict[str, Any]]:
    examples = body.example if is_object(body.example) else {}
    for field in body.fields.values():
        if field.is_file:
            yield {"key": field.name, "type": "file", "src": []}
        else:
            value = _printed(examples.get(field.name, ""))
            yield {"key": field.name, "type": "text", "value": value}


def _auth(security: Sequence[Mapping[str, Sequence[str]]], document: Document) -> dict[str, Any]:
    """The first alternative that Postman can send; ``noauth`` where anybody may call."""
    schemes: Mapping[str, Rule] = document.spec.get("components", {}).get("securitySchemes", {})
    for alternative in security:
        for name in alternative:
            match document.resolve(schemes[name]):
                case {"type": "http", "scheme": "basic"}:
                    return {"type": "basic", "basic": _pairs(username="", password=_KEY)}
                case {"type": "http", "scheme": "bearer"}:
                    return {"type": "bearer", "bearer": _pairs(token=_KEY)}
                case {"type": "apiKey", "in": "header" | "query" as place, "name": str(key)}:
                    fields = {"key": key, "value": _KEY, "in": place}
                    return {"type": "apikey", "apikey": _pairs(**fields)}
                case _:
                    continue
    return {"type": "noauth"}


def _pairs(**fields: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value, "type": "string"} for key, value in fields.items()]
