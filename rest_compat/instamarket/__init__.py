"""InstaMarket: wholesale of digital accounts, paid from a prepaid USDT balance.

``openapi.yaml`` is the law. Importing this package also has webhooks of orders sent in the
dialect's format, whether or not this process serves the dialect.
"""

from functools import cache
from pathlib import Path

from resolvers.context import Context
from resolvers.services import Services
from rest_compat.dialect import Contract, Dialect
from rest_compat.instamarket import (
    audit,
    balance,
    categories,
    health,
    orders,
    products,
    topups,
    usage,
    webhooks,
)
from rest_compat.instamarket.failure import failure
from rest_compat.instamarket.guard import Guard

__all__ = ["contract", "instamarket", "webhooks"]

NAME = "instamarket"
MODULES = (audit, balance, categories, health, orders, products, topups, usage)


@cache
def contract() -> Contract:
    return Contract(Path(__file__).with_name("openapi.yaml"))


def instamarket(
    services: Services, *, admin_token: str | None, check_answers: bool = False
) -> Dialect[Context]:
    """The dialect over given services. Without ``admin_token`` the operators' route is closed."""
    return Dialect(
        name=NAME,
        contract=contract(),
        modules=MODULES,
        guard=Guard(services, contract(), admin_token),
        failure=failure,
        check_answers=check_answers,
    )
