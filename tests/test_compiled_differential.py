"""Compiled answers are the reference executor's, byte for byte: thousands of generated documents.

``STOREGRAPH_TEST_EXAMPLES`` tries so many documents of our own on each database, others every time,
and in proportion those that hypothesis-graphql writes. 5000 take ten minutes::

    STOREGRAPH_TEST_EXAMPLES=5000 make test ARGS="-s -k answered_alike -o faulthandler_timeout=0"
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest
from graphql import FieldNode, NullValueNode, Visitor, build_schema, parse, print_ast, visit
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from resolvers.viewer import Viewer
from schema import make_schema
from schema.execution import Asked
from tests import databases
from tests.differential.documents import Document, written
from tests.differential.paths import Tally, compare, insist, reference
from tests.differential.values import (
    AMOUNTS,
    BROKEN_CURSORS,
    NONSENSE,
    NUMBERS,
    STARS,
    WORDS,
    Choice,
)
from tests.differential.world import ODD, Loop, World

ASKED = os.environ.get("STOREGRAPH_TEST_EXAMPLES")
EXAMPLES = {"sqlite": 350, "postgresql": 150}
"""How many documents of our own; each is asked by three viewers or more."""
SHARE_OF_FOREIGN = 0.5
"""How many documents of hypothesis-graphql there are for one of ours."""
LEAST_COMPILED = 0.6


@pytest.fixture(
    scope="module", params=["sqlite", "postgresql"] if databases.POSTGRES else ["sqlite"]
)
def loop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loop]:
    """A world on a database of its own, which is only read from then on."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("differential")
        opened = Loop(databases.copied(databases.new_sqlite(folder), folder))
        yield opened
        opened.close()
        return
    with databases.new_postgres(tables=True) as url:
        opened = Loop(databases.asyncpg_url(url))
        yield opened
        opened.close()


def examples(loop: Loop, share: float = 1) -> Any:
    kind = "sqlite" if loop.world.services.database.is_sqlite else "postgresql"
    return settings(
        max_examples=round(share * (int(ASKED) if ASKED else EXAMPLES[kind])),
        deadline=None,
        derandomize=ASKED is None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


@cache
def numbers(most: int) -> st.SearchStrategy[int]:
    return st.integers(0, most)


@st.composite
def documents(draw: st.DrawFn, world: World) -> Document:
    return written(Choice(lambda most: draw(numbers(most))), world)


def scalars(world: World) -> dict[str, st.SearchStrategy[Any]]:
    """Values that find something, and a few that are refused."""
    ids = sorted(
        key for of_noun in world.ids.values() for every in of_noun.values() for key in every
    )
    cursors = [
        each for of_noun in world.cursors.values() for known in of_noun.values() for each in known
    ]
    return {
        "DateTime": st.sampled_from([*world.moments, "x"]).map(nodes.String),
        "Decimal": st.sampled_from([*AMOUNTS, "1e30", "NaN"]).map(nodes.String),
        "UUID": st.uuids().map(str).map(nodes.String),
        "JSON": st.sampled_from(["{}", "[1]"]).map(nodes.String),
        "ID": st.sampled_from([*ids, *NONSENSE]).map(nodes.String),
        "String": st.sampled_from([*WORDS, *cursors, *BROKEN_CURSORS]).map(nodes.String),
        "Int": st.sampled_from(NUMBERS).map(nodes.Int),
        "Float": st.sampled_from(STARS).map(float).map(nodes.Float),
    }


class _PlainPages(Visitor):
    def enter_field(self, field: FieldNode, *_: Any) -> FieldNode:
        given = {argument.name.value: argument for argument in field.arguments or ()}
        dropped = {"after", "before"}
        if "first" in given and not isinstance(given["first"].value, NullValueNode):
            dropped.add("last")
        kept = tuple(each for name, each in given.items() if name not in dropped)
        return replace(field, arguments=kept)


def with_plain_pages(text: str) -> str:
    """The document without cursors, and without both ``first`` and ``last``.

    hypothesis-graphql gives every argument to every field, and nearly all would be refused.
    """
    return print_ast(visit(parse(text), _PlainPages()))


def told(tally: Tally) -> None:
    """What became of the documents: seen with ``pytest -s``, and where a test fails."""
    sys.stdout.write(f"\n{tally}\n")


def test_our_own_documents_are_answered_alike(loop: Loop) -> None:
    world, tally = loop.world, Tally()

    @given(document=documents(world))
    @examples(loop)
    def try_one(document: Document) -> None:
        for name, viewer in world.viewers[document.home].items():
            for variables in document.rounds:
                note(f"{name} asks with {variables}")
                loop.run(
                    compare(
                        world, viewer, document.text, variables, document.operation, tally=tally
                    )
                )

    try_one()
    told(tally)
    assert tally.refused["document"] == 0, "documents of our own are valid"
    assert tally.share("permission") >= LEAST_COMPILED, tally


def test_documents_of_hypothesis_graphql_are_answered_alike(loop: Loop) -> None:
    world, tally = loop.world, Tally()
    schema = build_schema(make_schema().as_str())
    known = scalars(world)

    @cache
    def asking(field: str) -> st.SearchStrategy[str]:
        return queries(schema, fields=(field,), custom_scalars=known)

    assert schema.query_type is not None
    fields = sorted(schema.query_type.fields)

    @given(text=st.sampled_from(fields).flatmap(asking), as_it_is=numbers(4))
    @examples(loop, SHARE_OF_FOREIGN)
    def try_one(text: str, as_it_is: int) -> None:
        if as_it_is < 4:
            text = with_plain_pages(text)
        for name, viewer in world.viewers[ODD].items():
            note(f"{name} asks")
            loop.run(compare(world, viewer, text, {}, tally=tally))

    try_one()
    told(tally)
    assert tally.compiled >= tally.total // 20, tally


def test_documents_that_are_asked_at_the_same_time_are_answered_alike(loop: Loop) -> None:
    """On SQLite half of them run in threads, which share plans and statements."""
    world, rng = loop.world, Random(2026)
    asked = [
        (viewer, document, variables)
        for document in (
            written(Choice(lambda most: rng.randint(0, most)), world) for _ in range(40)
        )
        for viewer in world.viewers[document.home].values()
        for variables in document.rounds
    ]

    async def ask(viewer: Viewer, document: Document, variables: dict[str, Any]) -> bytes | None:
        asked = Asked(document.text, variables, document.operation)
        return await world.execution.answer(world.context(viewer), asked)

    async def ask_all() -> int:
        answers = await asyncio.gather(*(ask(*each) for each in asked * 2))
        assert answers[: len(asked)] == answers[len(asked) :]
        for (viewer, document, variables), body in zip(asked, answers, strict=False):
            if body is not None:
                expected = await reference(
                    world, viewer, document.text, variables, document.operation
                )
                insist(body, expected)
        return sum(body is not None for body in answers)

    assert loop.run(ask_all()) > len(asked) // 2
