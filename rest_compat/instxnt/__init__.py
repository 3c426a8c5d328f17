"""instxnt: single-product storefronts, their orders and checkout, copy written by jobs.

``openapi.yaml`` is the law. Importing this package also has webhooks sent in the dialect's format,
whether or not this process serves the dialect.
"""

from functools import cache, partial
from pathlib import Path

from resolvers.file_intake import limit_by_head
from resolvers.services import Services
from rest_compat.dialect import Contract, Dialect
from rest_compat.instxnt import (
    accounts,
    analytics,
    auth,
    checkout,
    generation,
    images,
    orders,
    products,
    stores,
    webhooks,
)
from rest_compat.instxnt.asking import Asking
from rest_compat.instxnt.failure import failure
from rest_compat.instxnt.guard import Guard

__all__ = ["contract", "instxnt", "webhooks"]

NAME = "instxnt"
MODULES = (accounts, analytics, auth, checkout, generation, images, orders, products, stores)


@cache
def contract() -> Contract:
    return Contract(Path(__file__).with_name("openapi.yaml"))


def instxnt(services: Services, *, check_answers: bool = False) -> Dialect[Asking]:
    """The dialect over given services."""
    return Dialect(
        name=NAME,
        contract=contract(),
        modules=MODULES,
        guard=Guard(services, contract()),
        failure=failure,
        file_limit=partial(limit_by_head, services=services),
        check_answers=check_answers,
    )
