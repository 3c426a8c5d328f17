"""Requests that come again in the same words are worked out once, and answered anew each time."""

from app.recent import LONGEST, MOST, Recent
from schema.execution import Asked
from tests.callers import Client
from tests.kit import Key, Make

LIST = '{"query": "query List($first: Int) { products(first: $first) { nodes { title } } }"%s}'


async def ask(client: Client, key: Key | None, body: str) -> dict[str, object]:
    headers = {"Content-Type": "application/json", **(key.headers if key else {})}
    response = await client.post("/graphql", data=body.encode(), headers=headers)
    return await response.json()


def titles(answer: dict[str, object]) -> str:
    return str(answer["data"])


async def test_the_same_words_are_answered_by_what_is_there_now(client: Client, make: Make) -> None:
    store = await make.store()
    await make.product(store, title="Lamp")
    key = await make.key()
    body = LIST % ""
    assert "Lamp" in titles(await ask(client, key, body))
    await make.product(store, title="Chair")

    again = titles(await ask(client, key, body))

    assert "Lamp" in again
    assert "Chair" in again


async def test_who_says_the_same_sees_their_own_or_is_refused(client: Client, make: Make) -> None:
    await make.product(await make.store("Acme"), title="Acme lamp")
    await make.product(await make.store("Other"), title="Other lamp")
    keys = [await make.key("Acme"), await make.key("Other")]
    few = await make.key("Acme", permissions=frozenset({"order:view"}))
    body = LIST % ', "variables": {"first": 3}'
    for _ in range(2):
        for key, own, foreign in zip(keys, ("Acme", "Other"), ("Other", "Acme"), strict=True):
            seen = titles(await ask(client, key, body))
            assert f"{own} lamp" in seen
            assert foreign not in seen
        assert "FORBIDDEN" in str(await ask(client, few, body))
        assert "UNAUTHENTICATED" in str(await ask(client, None, body))


async def test_what_differs_in_one_value_is_something_else(client: Client, make: Make) -> None:
    store = await make.store()
    for n in range(3):
        await make.product(store, title=f"Lamp {n}")
    key = await make.key()
    for _ in range(2):
        for first in (1, 2, 3):
            body = LIST % f', "variables": {{"first": {first}}}'
            assert titles(await ask(client, key, body)).count("Lamp") == first


def test_only_so_many_short_ones_are_kept_that_say_all_by_themselves() -> None:
    recent, asked = Recent(), Asked("{ a }")
    fields = {"query": "{ a }"}
    for n in range(MOST + 1):
        recent.keep(b"%d" % n, asked, fields)
        assert recent.find(b"1" if n else b"0") is asked  # who is asked for stays
    assert recent.find(b"0") is None
    assert recent.find(b"%d" % MOST) is asked

    recent.keep(b"x" * (LONGEST + 1), asked, fields)
    recent.keep(b"named", asked, {"documentId": "1"})
    recent.keep(b"hashed", asked, {"query": "{ a }", "extensions": {}})
    recent.keep(None, asked, fields)
    for body in (b"x" * (LONGEST + 1), b"named", b"hashed", None):
        assert recent.find(body) is None
