"""What the tests of the dialects' engine are given."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rest_compat.dialect import (
    Call,
    Contract,
    Dialect,
)
from tests.dialect.library import CONTRACT, HANDLERS, Client, Library, failure, module_of, serving


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    path = tmp_path / "openapi.yaml"
    path.write_text(CONTRACT)
    return Contract(path)


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def dialect(contract: Contract, library: Library) -> Dialect[Library]:
    async def guard(call: Call) -> Library:
        if library.refusal:
            raise library.refusal
        if call.operation.id == "createBook":
            library.signed.append(await call.body())
        call.answer_headers["X-Limit"] = "60"
        return library

    return Dialect(
        name="library",
        contract=contract,
        modules=[module_of(*HANDLERS)],
        guard=guard,
        failure=failure,
        envelope=lambda _, data: {"data": data},
        cors_origins=frozenset({"https://reader.example"}),
        max_body=2000,
        max_form=1_000_000,
        check_answers=True,
    )


@pytest.fixture
async def client(dialect: Dialect[Library]) -> AsyncIterator[Client]:
    async with serving(dialect) as client:
        yield client
