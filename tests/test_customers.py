import asyncio

from db import models
from tests.callers import GraphQL
from tests.kit import Make, gid
from tests.state import events, everything

CREATE = """mutation ($input: NewCustomer!, $once: String) {
  createCustomer(input: $input, idempotencyKey: $once) {
    customer { id name email orderCount amountSpent { amount currency } store { id } }
    errors { code field } } }"""
UPDATE = """mutation ($id: ID!, $changes: CustomerChanges!) {
  updateCustomer(id: $id, changes: $changes) {
    customer { name email city version } errors { code field } } }"""
DELETE = "mutation ($id: ID!) { deleteCustomer(id: $id) { deletedId errors { code field } } }"


async def test_a_customer_is_added_changed_and_told_of(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(currency="EUR"), await make.key()
    new = {"storeId": gid(store), "firstName": "Ada", "lastName": "L", "email": " ada@example.com "}

    customer = (await gql.done(CREATE, key=key, input=new, once="1"))["customer"]

    assert (await gql.done(CREATE, key=key, input=new, once="1"))["customer"] == customer
    assert (customer["name"], customer["email"]) == ("Ada L", "ada@example.com")
    assert customer["amountSpent"] == {"amount": "0.00", "currency": "EUR"}
    changes = {"city": "Paris", "lastName": None}
    changed = (await gql.done(UPDATE, key=key, id=customer["id"], changes=changes))["customer"]
    assert changed == {"name": "Ada", "email": "ada@example.com", "city": "Paris", "version": 2}
    for topic in ("customer.created", "customer.updated"):
        [event] = await events(make.services, topic)
        assert event.payload == {}  # whoever may see the customer asks for the rest


async def test_what_is_no_email_address_is_refused(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()

    for email in ("ada", "@", "a b@example.com", "a@b@c", "x" * 300 + "@example.com"):
        new = {"storeId": gid(store), "email": email}
        assert await gql.refused(CREATE, key=key, input=new) == ["INVALID input.email"], email


async def test_reviews_outlive_their_customer(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    customer = await make.customer(store)
    review = await make.review(await make.product(store), customer_id=customer.id)
    query = "query ($id: ID!) { customer(id: $id) { reviews { nodes { customer { id } } } } }"
    data = await gql.data(query, key=key, id=gid(customer))
    assert data["customer"]["reviews"]["nodes"] == [{"customer": {"id": gid(customer)}}]

    await gql.done(DELETE, key=key, id=gid(customer))

    query = "query ($id: ID!) { review(id: $id) { customer { id } } customers { totalCount } }"
    data = await gql.data(query, key=key, id=gid(review))
    assert data == {"review": {"customer": None}, "customers": {"totalCount": 0}}


async def test_customers_are_searched_filtered_and_sorted(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    await make.customer(
        store, first_name="Ada", last_name="Lovelace", email="ada@example.com",
        order_count=5, amount_spent=70_000_000, country="UK",
    )  # fmt: skip
    await make.customer(store, first_name="Bob", last_name=None, email=None, amount_spent=1)
    query = """query ($filter: CustomerFilter, $sort: CustomerSort) {
      customers(filter: $filter, sort: $sort) { nodes { firstName } pageInfo { endCursor } } }"""

    for wanted, names in (
        ({"search": "ada love"}, ["Ada"]),
        ({"search": "EXAMPLE.com"}, ["Ada"]),
        ({"email": "ADA@example.com"}, ["Ada"]),
        ({"minOrders": 1}, ["Ada"]),
        ({"maxOrders": 4}, ["Bob"]),
        ({"minSpent": "70"}, ["Ada"]),
        ({"maxSpent": "69.999999"}, ["Bob"]),
        ({"country": "UK", "storeId": gid(store)}, ["Ada"]),
    ):
        data = await gql.data(query, key=key, filter=wanted)
        assert [node["firstName"] for node in data["customers"]["nodes"]] == names, wanted
    for sort, names in (
        ("AMOUNT_SPENT_DESC", ["Ada", "Bob"]),
        ("LAST_NAME_ASC", ["Bob", "Ada"]),
        ("EMAIL_DESC", ["Ada", "Bob"]),
    ):
        data = await gql.data(query, key=key, sort=sort)
        assert [node["firstName"] for node in data["customers"]["nodes"]] == names, sort


async def test_pages_go_on_where_names_are_missing(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    for email in (None, None, "a@example.com"):
        await make.customer(store, email=email)
    query = """query ($after: String) { customers(first: 1, after: $after, sort: EMAIL_ASC) {
      nodes { email } pageInfo { endCursor hasNextPage } } }"""

    seen, after = [], None
    while True:
        page = (await gql.data(query, key=key, after=after))["customers"]
        seen += [node["email"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert seen == [None, None, "a@example.com"]


async def test_an_address_is_one_customers_in_a_store(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    ada = await make.customer(store, email="ada@example.com")
    bob = await make.customer(store, email="bob@example.com")
    before = await everything(make.services)

    new = {"storeId": gid(store), "email": "ADA@example.com"}
    assert await gql.refused(CREATE, key=key, input=new) == ["CONFLICT input.email"]
    changes = {"email": "Ada@Example.com", "city": "Ulm"}
    refusals = await gql.refused(UPDATE, key=key, id=gid(bob), changes=changes)

    assert refusals == ["CONFLICT changes.email"]
    assert await everything(make.services) == before
    changed = await gql.done(UPDATE, key=key, id=gid(ada), changes=changes)
    assert changed["customer"]["email"] == "Ada@Example.com"
    await gql.done(UPDATE, key=key, id=gid(ada), changes={"email": None})
    await gql.done(UPDATE, key=key, id=gid(bob), changes=changes)
    elsewhere = {"storeId": gid(await make.store()), "email": "ada@example.com"}
    await gql.done(CREATE, key=key, input=elsewhere)


async def test_of_many_changes_to_one_address_one_is_made(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    ids = [gid(await make.customer(store)) for _ in range(6)]

    answers = await asyncio.gather(
        *(gql.data(UPDATE, key=key, id=each, changes={"email": "one@example.com"}) for each in ids)
    )

    errors = [answer["updateCustomer"]["errors"] for answer in answers]
    conflict = [{"code": "CONFLICT", "field": ["changes", "email"]}]
    assert sorted(map(bool, errors)) == [False] + [True] * 5
    assert all(error in ([], conflict) for error in errors)


async def test_the_address_of_a_deleted_customer_is_free_and_all_hear_of_it(
    gql: GraphQL, make: Make
) -> None:
    store, key = await make.store(), await make.key()
    customer = await make.customer(store, email="ada@example.com")

    await gql.done(DELETE, key=key, id=gid(customer))

    await gql.done(CREATE, key=key, input={"storeId": gid(store), "email": "ADA@example.com"})
    [event] = await events(make.services, "customer.deleted")
    assert (event.subject_type, event.subject_id) == ("customer", customer.id)


async def test_customers_say_whether_they_want_to_be_written_to(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    new = {"storeId": gid(store), "subscriptionStatus": "SUBSCRIBED"}
    ada = (await gql.done(CREATE, key=key, input=new))["customer"]["id"]
    bob = gid(await make.customer(store))
    query = """query ($filter: CustomerFilter, $sort: CustomerSort) {
      customers(filter: $filter, sort: $sort) { nodes { id subscriptionStatus } } }"""

    found = await gql.data(query, key=key, sort="SUBSCRIPTION_STATUS_DESC")

    assert found["customers"]["nodes"] == [
        {"id": ada, "subscriptionStatus": "SUBSCRIBED"},
        {"id": bob, "subscriptionStatus": "NOT_SUBSCRIBED"},
    ]
    await gql.done(UPDATE, key=key, id=ada, changes={"subscriptionStatus": "NOT_SUBSCRIBED"})
    found = await gql.data(query, key=key, filter={"subscriptionStatus": "SUBSCRIBED"})
    assert found["customers"]["nodes"] == []


async def test_a_customer_knows_their_latest_order(
    gql: GraphQL, make: Make, statements: list[str]
) -> None:
    store, key = await make.store(), await make.key()
    order = await make.row(models.Order, "Acme")
    ada = await make.customer(store, latest_order_id=order.id)
    await make.customer(store)
    query = "{ customers(sort: ID_ASC) { nodes { id latestOrder { id } } } }"
    await gql.data(query, key=key)
    statements.clear()

    found = await gql.data(query, key=key)

    first, second = found["customers"]["nodes"]
    assert first == {"id": gid(ada), "latestOrder": {"id": gid(order)}}
    assert second["latestOrder"] is None
    assert len(statements) == 3  # who asks, the customers, their orders
