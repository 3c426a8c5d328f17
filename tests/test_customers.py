from tests.kit import GraphQL, Make, events, gid

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
