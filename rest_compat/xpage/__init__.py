"""xPage: apps that merchants install on their store, and what these read and write there.

``openapi.yaml`` is the law. Importing this package also has apps told what happens in the
dialect's format, whether or not this process serves the dialect.
"""

from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from resolvers.context import Context
from resolvers.file_intake import limit_by_head
from resolvers.services import Services
from rest_compat.dialect import Contract, Dialect, Operation
from rest_compat.xpage import (
    auth,
    customers,
    deliveries,
    files,
    landing_pages,
    order_exports,
    orders,
    permissions,
    products,
    reviews,
    shipping_carriers,
    webhooks,
)
from rest_compat.xpage.failure import failure
from rest_compat.xpage.guard import Guard

__all__ = ["contract", "webhooks", "xpage"]

NAME = "xpage"
MODULES = (
    auth,
    customers,
    deliveries,
    files,
    landing_pages,
    order_exports,
    orders,
    permissions,
    products,
    reviews,
    shipping_carriers,
)
PICTURES_BESIDES = 64 << 20
"""Bytes of what may come in one form with a file of the largest size."""


@cache
def contract() -> Contract:
    return Contract(Path(__file__).with_name("openapi.yaml"))


def xpage(services: Services, *, check_answers: bool = False) -> Dialect[Context]:
    """The dialect over given services."""
    return Dialect(
        name=NAME,
        contract=contract(),
        modules=MODULES,
        guard=Guard(services),
        failure=failure,
        envelope=_data,
        max_file=services.largest_file,
        max_form=services.largest_file + PICTURES_BESIDES,
        file_limit=partial(limit_by_head, services=services),
        check_answers=check_answers,
    )


def _data(_: Operation, found: Any) -> Mapping[str, Any]:
    return {"data": found}
