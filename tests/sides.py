"""Two organizations with everything that could be taken for the other's, and who may look at it."""

from dataclasses import dataclass
from typing import Any

from db import models
from tests.kit import Key, Make, fund, gid

# All that a plan can depend on: root lists, lookups, lists of parents, pages, counts, values,
# links, batched fields, filters, cursors.
EVERYTHING = """
query Everything(
  $product: ID!, $order: ID!, $balance: ID!, $store: ID!, $sort: ProductSort, $size: Int = 3
) {
  stores(sort: NAME_ASC) { totalCount nodes { id name brands { totalCount nodes { name } } } }
  store(id: $store) { name description }
  categoryTree(storeId: $store) { name productCount children { name } }
  products(first: $size, sort: $sort, filter: {storeId: $store}) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { cursor node { title variants { sku } offers { totalCount nodes { merchant } } } }
  }
  all: products(sort: ID_ASC) { nodes { title category { name ancestors { name } } } }
  product(id: $product) { title orderLines { totalCount nodes { title } } }
  orders(sort: ID_ASC) { totalCount nodes { ref lines { title deliveredItems { content } } } }
  order(id: $order) { ref jobs { totalCount nodes { kind } } }
  balances(sort: ID_ASC) {
    nodes { id balance { amount } totals { toppedUp { amount } } entries { totalCount } }
  }
  balance(id: $balance) { unit }
}
"""


@dataclass
class Side:
    """One organization: two stores, with goods, orders and money, and those who may look at it."""

    name: str
    keys: dict[str, Key]
    ids: dict[str, str]


async def two(make: Make) -> list[Side]:
    return [await _side(make, "Acme"), await _side(make, "Other")]


async def _side(make: Make, of: str) -> Side:
    stores = [await make.store(of, name=f"{of} {n}") for n in (1, 2)]
    keys = {"all": await make.key(of)}
    ids: dict[str, str] = {}
    for n, store in enumerate(stores, 1):
        keys[f"store {n}"] = await make.key(of, store_id=store.id)
        buyer = keys[f"buyer {n}"] = await make.wholesale_key(store, of)
        root = await make.category(store, name=f"{of} root {n}")
        leaf = await make.category(store, root, name=f"{of} leaf {n}")
        await make.brand(store, name=f"{of} brand {n}")
        await make.setting(store, "g", f"{of} setting {n}", {"of": of})
        ware = await make.product(store, title=f"{of} ware {n}", items=2, category_id=leaf.id)
        other = await make.product(store, title=f"{of} thing {n}", category_id=root.id)
        variant = await make.only_variant(ware)
        await make.offer(variant, merchant=f"{of} merchant {n}")
        for placed_by in (buyer, None):
            order = await _order(make, store, ware, variant, placed_by)
        balance = await fund(make.services, buyer, str(n))
        ids |= {"store": gid(store), "product": gid(other), "order": gid(order)}
        ids["balance"] = gid(balance)
    keys["few"] = await make.key(of, permissions=frozenset({"store:view", "product:view"}))
    return Side(of, keys, ids)


async def _order(
    make: Make,
    store: models.Store,
    ware: models.Product,
    variant: models.Variant,
    placed_by: Key | None,
) -> models.Order:
    inside: dict[str, Any] = {"organization_id": store.organization_id, "store_id": store.id}
    who = f"key {placed_by.row.id}" if placed_by else "nobody"
    order = await make.save(
        models.Order(
            **inside, ref=f"{ware.title} by {who}", total=1, quantity=1, currency="USD",
            api_key_id=placed_by.row.id if placed_by else None,
        )
    )  # fmt: skip
    line = await make.save(
        models.OrderLine(
            **inside, order_id=order.id, product_id=ware.id, variant_id=variant.id,
            title=order.ref, quantity=1, unit_price=1, total=1, currency="USD",
        )
    )  # fmt: skip
    await make.save(
        models.StockItem(
            **inside, variant_id=variant.id, order_line_id=line.id,
            content=make.services.vault.seal({"for": order.ref}),
            state=models.StockItemState.SOLD,
        )
    )  # fmt: skip
    await make.save(models.Job(organization_id=store.organization_id, kind="x", order_id=order.id))
    return order


def names(data: Any) -> set[str]:
    """The organizations of which anything is shown."""
    return {name for name in ("Acme", "Other") if name in str(data)}
