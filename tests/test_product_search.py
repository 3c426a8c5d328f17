"""Search of products: what is found by which words, the same on both databases."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import delete, select, text, update

from db import migrate, models
from db.engine import Database, connect
from db.words import LONGEST_TEXT, words
from resolvers import search
from tests.callers import GraphQL
from tests.kit import Key, Make, gid

FIND = """query ($text: String) {
  products(filter: {search: $text}, sort: ID_ASC) { nodes { title } totalCount } }"""
CREATE = """mutation ($input: NewProduct!) {
  createProduct(input: $input) { product { id } errors { code field } } }"""


async def found(gql: GraphQL, key: Key, query: str) -> list[str]:
    products = (await gql.data(FIND, key=key, text=query))["products"]
    titles = [product["title"] for product in products["nodes"]]
    assert len(titles) == products["totalCount"]
    return titles


TITLES = (
    "Crème brûlée torch",
    "Magnetic mount, 2nd edition",
    "Straße & Œuvre",
    "ΣΊΣΥΦΟΣ stone",
    "Ünïcödé İstanbul Łódź",
    "東京都の地図",
    "iPhone15ケース がっこう",
    "한국어 사전",
    "แผนที่กรุงเทพ",
    "हिन्दी शब्दकोश",
    '100% wool - 3/4" thread_count',
)


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        # accents and case
        ("creme", TITLES[:1]),
        ("CRÈME BRULEE", TITLES[:1]),
        ("strasse oeuvre", TITLES[2:3]),
        ("STRAẞE", TITLES[2:3]),
        ("σισυφος", TITLES[3:4]),
        ("unicode istanbul lodz", TITLES[4:5]),
        # beginnings of words, in any order, all of them
        ("magn mou", TITLES[1:2]),
        ("edition magnetic", TITLES[1:2]),
        ("gnetic", ()),
        ("magnetic torch", ()),
        # what stands between words
        ("mount,2nd", TITLES[1:2]),
        ("straße/œuvre", TITLES[2:3]),
        ("100% WOOL", TITLES[10:]),
        ("thread_count 3 4", TITLES[10:]),
        # scripts without spaces
        ("東京", TITLES[5:6]),
        ("京都", TITLES[5:6]),
        ("東京都の地図", TITLES[5:6]),
        ("図", TITLES[5:6]),
        ("地都", ()),
        ("ケース iphone", TITLES[6:7]),
        ("ｹｰｽ", TITLES[6:7]),
        ("かっこう", ()),
        ("한국", TITLES[7:8]),
        ("กรุงเทพ", TITLES[8:9]),
        ("हिन्दी", TITLES[9:10]),
        # one character begins words as well as two do
        ("w", TITLES[10:]),
        # nothing asked, and nothing that words are made of
        ("", TITLES),
        ("  ", TITLES),
        ("!?", ()),
        ("❤️", ()),
    ],
)
async def test_words_find(gql: GraphQL, make: Make, query: str, titles: Sequence[str]) -> None:
    store, key = await make.store(), await make.key()
    for title in TITLES:
        await make.product(store, title=title)

    assert await found(gql, key, query) == list(titles)


@pytest.mark.parametrize(
    "query",
    [
        "lamp'", 'lamp"', "lamp\\", "'lamp' & !chair", "lamp:*", "lamp*", "NOT lamp", "-lamp",
        "lamp OR chair", "lamp NEAR chair", "search_text:lamp", "{lamp}", "^lamp", "(lamp",
        "lamp)", "lamp; DROP TABLE product", "lamp <-> chair", "lamp % _", "$1 ? :lamp", "lamp+",
        "a" * 10_000, " ".join(f"w{n}" for n in range(2000)), "\U0001f600 lamp", "\ud7ff lamp",
    ],
)  # fmt: skip
async def test_operators_of_query_languages_are_mere_text(
    gql: GraphQL, make: Make, query: str
) -> None:
    store, key = await make.store(), await make.key()
    await make.product(store, title="Lamp")
    words_of_it = {"lamp"}

    titles = await found(gql, key, query)

    assert titles == (["Lamp"] if set(words([query]).split()) <= words_of_it else [])


async def test_text_slug_and_sku_are_searched_and_markup_is_not(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    html = (
        "<p class='hidden'>Soft <b>le</b>ather&nbsp;sole</p><p>Welted</p>"
        "<script>var secret = 1</script> 2 < 3 &amp; caf&eacute;"
    )
    product = await make.product(store, title="Boot", slug="winter-boot", description=html)
    await make.variant(product, sku="BT-42/EU")

    for query in ("winter", "leather", "sole welted", "café 2 3", "bt-42", "boot eu"):
        assert await found(gql, key, query) == ["Boot"], query
    for query in ("hidden", "class", "secret", "nbsp", "solewelted"):
        assert await found(gql, key, query) == [], query


async def test_every_change_of_the_text_is_found_at_once(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    new = {"storeId": gid(store), "title": "Alpha", "sku": "one", "description": "<i>beta</i>"}
    product = (await gql.done(CREATE, key=key, input=new))["product"]["id"]

    async def expect(*queries: str, gone: Sequence[str] = ()) -> None:
        for query in queries:
            assert len(await found(gql, key, query)) == 1, query
        for query in gone:
            assert await found(gql, key, query) == [], query

    async def change(name: str, kind: str, id: str, **changes: object) -> None:
        mutation = f"""mutation ($id: ID!, $changes: {kind}!) {{
          {name}(id: $id, changes: $changes) {{ errors {{ code }} }} }}"""
        await gql.done(mutation, key=key, id=id, changes=changes)

    await expect("alpha", "beta", "one")
    await change("updateProduct", "ProductChanges", product, title="Gamma", slug="delta")
    await expect("gamma", "delta", "beta", "one", gone=["alpha"])
    await change("updateProduct", "ProductChanges", product, description=None)
    await expect("gamma", gone=["beta"])
    create = """mutation ($input: NewVariant!) {
      createVariant(input: $input) { variant { id } errors { code } } }"""
    second = await gql.done(
        create, key=key, input={"productId": product, "price": "1", "sku": "two"}
    )
    variant = second["variant"]["id"]
    await expect("one two")
    await change("updateVariant", "VariantChanges", variant, sku="three")
    await expect("one three", gone=["two"])
    drop = "mutation ($id: ID!) { deleteVariant(id: $id) { errors { code } } }"
    await gql.done(drop, key=key, id=variant)
    await expect("one", gone=["three"])
    drop = "mutation ($id: ID!) { deleteProduct(id: $id) { errors { code } } }"
    await gql.done(drop, key=key, id=product)
    await expect(gone=["gamma", "one"])


async def test_a_refused_change_leaves_the_words_as_they_were(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    await make.product(store, slug="taken")
    product = await make.product(store, title="Lamp")
    mutation = """mutation ($id: ID!, $changes: ProductChanges!) {
      updateProduct(id: $id, changes: $changes) { errors { code field } } }"""

    wanted = {"title": "Chair", "slug": "taken"}
    assert await gql.refused(mutation, key=key, id=gid(product), changes=wanted) == [
        "CONFLICT changes.slug"
    ]

    assert await found(gql, key, "lamp") == ["Lamp"]
    assert await found(gql, key, "chair") == []


async def test_what_another_tenant_or_store_sells_is_not_found(gql: GraphQL, make: Make) -> None:
    await make.product(await make.store("Other"), title="Lamp")
    await make.product(await make.store(), title="Lamp shade")
    mine = await make.store()
    await make.product(mine, title="Lamp stand")

    assert await found(gql, await make.key(store_id=mine.id), "lamp") == ["Lamp stand"]
    assert await found(gql, await make.key(), "lamp") == ["Lamp shade", "Lamp stand"]


async def test_the_database_keeps_its_index_in_step_by_itself(
    gql: GraphQL, make: Make, database: Database
) -> None:
    """Whatever statement changes rows: also one that deletes, undeletes and changes at once."""
    store, key = await make.store(), await make.key()
    product = await make.product(store, title="Lamp")
    row = models.Product
    one = update(row).where(row.id == product.id)
    for change, query, count in (
        (one.values(deleted_at=product.created_at), "lamp", 0),
        (one.values(deleted_at=product.created_at, search_text="chair"), "chair", 0),
        (one.values(deleted_at=None), "chair", 1),
        (one.values(search_text="desk"), "chair", 0),
        (one.values(search_text="desk", deleted_at=product.created_at), "desk", 0),
        (one.values(search_text="sofa", deleted_at=None), "sofa", 1),
        (delete(models.Variant), "sofa", 1),
        (delete(row).where(row.id == product.id), "sofa", 0),
    ):
        async with database.write() as session:
            await session.execute(change)
        assert len(await found(gql, key, query)) == count, query
    if database.is_sqlite:
        async with database.write() as session:
            check = "INSERT INTO product_search(product_search) VALUES ('integrity-check')"
            await session.execute(text(check))


async def test_search_reads_the_index_and_not_all_products(database: Database) -> None:
    async with database.write() as session:
        plan = "EXPLAIN " if not database.is_sqlite else "EXPLAIN QUERY PLAN "
        if not database.is_sqlite:
            await session.execute(text("SET LOCAL enable_seqscan = off"))
        wanted = select(models.Product.id).where(
            models.Product.deleted_at.is_(None), search.found("lamp shade")
        )
        compiled = wanted.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        rows = (await session.execute(text(plan + str(compiled).replace(":*", "\\:*")))).all()

    found = "\n".join(str(row) for row in rows)
    assert "product_search" in found
    assert "SCAN product" not in found.replace("SCAN product_search", "")


async def test_changes_at_once_leave_the_words_of_all(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store(), title="Lamp"), await make.key()
    create = """mutation ($input: NewVariant!) {
      createVariant(input: $input) { errors { code } } }"""

    await asyncio.gather(
        *(
            gql.done(
                create, key=key, input={"productId": gid(product), "price": "1", "sku": f"no{n}"}
            )
            for n in range(8)
        )
    )

    assert await found(gql, key, " ".join(f"no{n}" for n in range(8))) == ["Lamp"]


BEFORE = """
INSERT INTO organization (id, name, slug, plan, created_at, updated_at, version)
VALUES (7, 'Acme', 'acme', 'free', {at}, {at}, 1);
INSERT INTO store (id, organization_id, uuid, name, subdomain, status, currency, wholesale,
  created_at, updated_at, version)
VALUES (7, 7, {uuid}, 'Shop', 'shop', 'live', 'USD', false, {at}, {at}, 1);
INSERT INTO product (id, organization_id, store_id, uuid, title, slug, description, status,
  is_digital, min_quantity, attributes, currency, price_min, price_max, stock, review_count,
  rating_sum, rating_average, created_at, updated_at, version, deleted_at)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1100)
SELECT i, 7, 7, {uuid}, 'Lámp', 'n' || i, '<p>Blue</p>', 'active', false, 1, '{{}}', 'USD',
  1, 1, 1, 0, 0, 0, {at}, {at}, 1, CASE WHEN i = 1100 THEN {at} END FROM n;
INSERT INTO variant (organization_id, store_id, uuid, product_id, title, sku, price, currency,
  stock, stock_tracked, sell_when_out_of_stock, options, position, created_at, updated_at, version)
SELECT 7, 7, {uuid}, id, 'Default', 'SKU-' || id, 1, 'USD', 1, true, false, '{{}}', 0, {at}, {at}, 1
FROM product"""


async def test_products_of_before_are_found_after_the_migration(
    bare_database_url: str, database_kind: str
) -> None:
    made = {"uuid": "gen_random_uuid()", "at": "timestamptz '2026-01-01Z'"}
    if database_kind == "sqlite":
        made = {"uuid": "lower(hex(randomblob(16)))", "at": "'2026-01-01 00:00:00.000000'"}
    async with migrate.migrating(bare_database_url) as connection:
        await connection.run_sync(migrate.upgrade_to, "0003")
        for statement in BEFORE.format(**made).split(";"):
            await connection.execute(text(statement))

    await migrate.upgrade(bare_database_url)

    database, row = connect(bare_database_url), models.Product
    async with database.read() as reading:
        for query, count in (("blue lamp", 1099), ("SKU-77", 11), ("n1100", 0), ("n1099", 1)):
            wanted = select(row.id).where(search.found(query), row.deleted_at.is_(None))
            assert len((await reading.execute(wanted)).all()) == count, query
    await database.close()


def test_no_text_is_more_than_a_database_takes() -> None:
    long = " ".join(chr(0x20000 + n) + f"{n:08d}" for n in range(60_000))

    kept = words([long, "x" * 5000])

    assert len(kept) <= LONGEST_TEXT
    assert len(kept.encode()) < 1 << 20
    assert max(map(len, kept.split())) <= 64
