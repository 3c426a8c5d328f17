"""Forms: files and fields, held to the contract while they arrive."""

import json
from typing import Any

import pytest
from aiohttp import FormData

from tests.dialect.library import Client, Library, ask


def scans(*sizes: int, **fields: str) -> FormData:
    form = FormData(fields, default_to_multipart=True, quote_fields=False)
    for number, size in enumerate(sizes):
        form.add_field(
            "images[]", b"x" * size, filename=f"../{number}.png", content_type="Image/PNG"
        )
    return form


async def test_a_form_brings_files_and_typed_fields(client: Client) -> None:
    metadata = json.dumps({"title": "Emma", "copies": 1})
    form = scans(3, 290_000, metadata=metadata, position="4", unknown="x")
    status, body, _ = await ask(client, "POST", "/v1/books/7/scans", data=form)
    assert status == 200, body
    assert body["data"]["body"] == {
        "images": [
            {"name": "0.png", "type": "image/png", "size": 3},
            {"name": "1.png", "type": "image/png", "size": 290_000},
        ],
        "metadata": {"title": "Emma", "copies": 1, "shelf": "A1"},
        "position": 4,
        "note": "none",
    }


async def test_the_files_of_a_request_are_gone_when_it_ends(
    client: Client, library: Library
) -> None:
    await ask(client, "POST", "/v1/books/7/scans", data=scans(290_000))
    with pytest.raises(ValueError, match="closed file"):
        await library.uploads[0].read()


async def test_every_problem_of_a_form_is_reported_at_once(
    client: Client, library: Library
) -> None:
    metadata = json.dumps({"title": "", "copies": 0})
    form = scans(1, 1, 1, metadata=metadata, position="first")
    status, body, _ = await ask(client, "POST", "/v1/books/0/scans", data=form)
    assert status == 422
    assert sorted(map(str, body["problems"])) == sorted(
        map(
            str,
            [
                ["path", "bookId", "minimum"],
                ["body", "images[]", "maxItems"],
                ["body", "metadata", "title", "minLength"],
                ["body", "metadata", "copies", "minimum"],
                ["body", "position", "type"],
            ],
        )
    )
    assert library.asked == []


@pytest.mark.parametrize(
    ("form", "problems"),
    [
        (scans(note="n"), [["body", "images[]", "required"]]),
        (scans(1, metadata="{"), [["body", "metadata", "contentMediaType"]]),
        (scans(1, note="a\0b"), [["body", "note", "text"]]),
    ],
)
async def test_a_form_that_lacks_or_breaks_a_field_names_it(
    client: Client, form: FormData, problems: list[Any]
) -> None:
    status, body, _ = await ask(client, "POST", "/v1/books/7/scans", data=form)
    assert (status, body["problems"]) == (422, problems)


@pytest.mark.parametrize(
    "form", [scans(300_001), scans(1, note="n" * 2001), scans(1, junk="j" * 2001)]
)
async def test_a_part_over_its_limit_is_refused_while_it_arrives(
    client: Client, library: Library, form: FormData
) -> None:
    status, body, _ = await ask(client, "POST", "/v1/books/7/scans", data=form)
    assert (status, body["code"], library.asked) == (413, "TOO_LARGE", [])


@pytest.mark.parametrize(
    "raw",
    [
        b"nothing",
        b"--x\r\n",
        b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\ntext',
        b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n\r\n--y--\r\n",
        b"--x\r\n" + b"A" * 10_000 + b": b\r\n\r\n--x--\r\n",
    ],
)
async def test_a_broken_form_is_malformed(client: Client, library: Library, raw: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    status, body, _ = await ask(client, "POST", "/v1/books/7/scans", data=raw, headers=headers)
    assert (status, body["code"], library.asked) == (400, "MALFORMED", [])


async def test_a_form_without_a_boundary_is_malformed(client: Client) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    status, _, _ = await ask(client, "POST", "/v1/books/7/scans", data=b"x", headers=headers)
    assert status == 400


async def test_a_body_that_may_be_absent_is_its_defaults(client: Client, library: Library) -> None:
    status, _, _ = await ask(client, "POST", "/v1/books/7/scans")
    assert (status, library.asked[0]["body"]) == (200, {"note": "none", "images": []})


async def test_an_urlencoded_form_is_read_by_its_schema(client: Client, library: Library) -> None:
    status, _, headers = await ask(client, "POST", "/v1/login", data={"card": "12", "keep": "1"})
    assert (status, headers["Location"]) == (302, "/")
    assert library.asked == [{"body": {"card": 12, "keep": True}}]
