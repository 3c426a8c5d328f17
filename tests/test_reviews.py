import asyncio

from db import models
from tests.callers import GraphQL
from tests.kit import Key, Make, gid
from tests.state import events, everything

CREATE = """mutation ($input: NewReview!) { createReview(input: $input) {
  review { id status rating author product { id } store { id } customer { id } }
  errors { code field } } }"""
MODERATE = """mutation ($id: ID!, $status: ReviewStatus!, $version: Int) {
  moderateReview(id: $id, status: $status, expectedVersion: $version) {
    review { status version } errors { code field } } }"""
UPDATE = """mutation ($id: ID!, $changes: ReviewChanges!) {
  updateReview(id: $id, changes: $changes) { review { rating } errors { code field } } }"""
DELETE = "mutation ($id: ID!) { deleteReview(id: $id) { deletedId errors { code field } } }"


async def figures(gql: GraphQL, key: Key, product: models.Product) -> tuple[float | None, int]:
    query = "query ($id: ID!) { product(id: $id) { rating reviewCount version } }"
    found = (await gql.data(query, key=key, id=gid(product)))["product"]
    assert found["version"] == 1  # a review is no edit of the product
    return found["rating"], found["reviewCount"]


async def test_a_review_counts_only_while_it_is_published(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store()), await make.key()
    ids = []
    for rating in (5, 4, 4):
        new = {"productId": gid(product), "author": "Ada", "rating": rating, "body": "Good."}
        review = (await gql.done(CREATE, key=key, input=new))["review"]
        assert review["status"] == "PENDING"
        ids.append(review["id"])
    assert await figures(gql, key, product) == (None, 0)

    for review in ids:
        await gql.done(MODERATE, key=key, id=review, status="PUBLISHED")

    assert await figures(gql, key, product) == (4.333, 3)
    await gql.done(UPDATE, key=key, id=ids[1], changes={"rating": 5})
    assert await figures(gql, key, product) == (4.667, 3)
    await gql.done(MODERATE, key=key, id=ids[2], status="REJECTED")
    assert await figures(gql, key, product) == (5.0, 2)
    await gql.done(DELETE, key=key, id=ids[0])
    assert await figures(gql, key, product) == (5.0, 1)
    await gql.done(DELETE, key=key, id=ids[1])
    assert await figures(gql, key, product) == (None, 0)
    assert len(await events(make.services, "review.created")) == 3


async def test_reviews_published_at_once_all_count(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store()), await make.key()
    reviews = [
        await make.review(product, rating=1 + n % 5, status=models.ReviewStatus.PENDING)
        for n in range(10)
    ]

    await asyncio.gather(
        *(gql.done(MODERATE, key=key, id=gid(row), status="PUBLISHED") for row in reviews)
    )

    assert await figures(gql, key, product) == (3.0, 10)


async def test_a_review_of_another_version_is_not_moderated(gql: GraphQL, make: Make) -> None:
    review, key = await make.review(await make.product(await make.store())), await make.key()

    done = await gql.done(MODERATE, key=key, id=gid(review), status="REJECTED", version=1)

    assert done["review"] == {"status": "REJECTED", "version": 2}
    refusals = await gql.refused(MODERATE, key=key, id=gid(review), status="PUBLISHED", version=1)
    assert refusals == ["CONFLICT expectedVersion"]


async def test_stars_words_and_customer_are_checked(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store()), await make.key()
    elsewhere = await make.customer(await make.store())
    new = {"productId": gid(product), "author": "Ada", "rating": 5, "body": "Good."}

    for wrong, refusals in (
        ({"rating": 6, "body": " "}, ["INVALID input.rating", "INVALID input.body"]),
        ({"rating": 0}, ["INVALID input.rating"]),
        ({"customerId": gid(elsewhere)}, ["NOT_FOUND input.customerId"]),
        ({"productId": "x"}, ["NOT_FOUND input.productId"]),
    ):
        assert await gql.refused(CREATE, key=key, input={**new, **wrong}) == refusals
    assert await events(make.services, "review.created") == []


async def test_reviews_are_filtered_and_sorted(gql: GraphQL, make: Make) -> None:
    product, key = await make.product(await make.store()), await make.key()
    for rating, status in ((1, "pending"), (3, "published"), (5, "published")):
        await make.review(product, rating=rating, status=status, body=f"{rating} stars")
    query = """query ($filter: ReviewFilter) {
      reviews(filter: $filter, sort: RATING_DESC) { nodes { rating } totalCount } }"""

    for wanted, ratings in (
        (None, [5, 3, 1]),
        ({"status": ["PUBLISHED"]}, [5, 3]),
        ({"rating": [1, 5]}, [5, 1]),
        ({"minRating": 2, "maxRating": 4}, [3]),
        ({"search": "1 ST"}, [1]),
        ({"productId": gid(product), "status": ["PENDING"]}, [1]),
    ):
        data = await gql.data(query, key=key, filter=wanted)
        assert [node["rating"] for node in data["reviews"]["nodes"]] == ratings, wanted


async def test_who_may_submit_reviews_needs_no_more(gql: GraphQL, make: Make) -> None:
    product = await make.product(await make.store())
    key = await make.key(permissions=frozenset({"review:create"}))
    new = {"productId": gid(product), "author": "Ada", "rating": 5, "body": "Good."}
    document = """mutation ($input: NewReview!) {
      createReview(input: $input) { errors { code field } } }"""

    await gql.done(document, key=key, input=new)

    assert len(await events(make.services, "review.created")) == 1
    review = await make.review(product)
    for answer in (
        await gql(MODERATE, key=key, id=gid(review), status="PUBLISHED"),
        await gql(document, key=key, input={**new, "status": "PUBLISHED"}),
    ):
        assert answer["errors"][0]["extensions"]["details"] == {"permission": "review:update"}
    assert len(await events(make.services, "review.created")) == 1


async def test_a_review_has_pictures_of_its_store_in_order(
    gql: GraphQL, make: Make, statements: list[str]
) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store)
    files = [await make.file(store) for _ in range(3)]
    new = {"productId": gid(product), "author": "Ada", "rating": 5, "body": "Good."}
    chosen = [gid(files[at]) for at in (2, 0, 2)]
    extra = {"email": "ada@example.com", "imageIds": chosen}

    review = (await gql.done(CREATE, key=key, input={**new, **extra}))["review"]

    query = """query ($filter: ReviewFilter) {
      reviews(filter: $filter) { nodes { id email images { id } } } }"""
    wanted = {"email": "ADA@example.com"}
    await gql.data(query, key=key, filter=wanted)
    statements.clear()
    found = await gql.data(query, key=key, filter=wanted)
    images = [{"id": each} for each in chosen[:2]]
    assert found["reviews"]["nodes"] == [
        {"id": review["id"], "email": "ada@example.com", "images": images}
    ]
    assert len(statements) == 3  # who asks, the reviews, their pictures
    await gql.done(DELETE, key=key, id=review["id"])
    data = await gql.data("{ files { nodes { links { id } } } }", key=key)
    assert [node["links"] for node in data["files"]["nodes"]] == [[], [], []]


async def test_pictures_of_elsewhere_and_other_files_are_refused(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store)
    good, manual = await make.file(store), await make.file(store, content_type="application/pdf")
    elsewhere, foreign = [await make.file(await make.store(of)) for of in ("Acme", "Other")]
    new = {"productId": gid(product), "author": "Ada", "rating": 5, "body": "Good."}
    before = await everything(make.services)

    for wrong, code in ((manual, "INVALID"), (elsewhere, "NOT_FOUND"), (foreign, "NOT_FOUND")):
        wanted = {**new, "imageIds": [gid(good), gid(wrong)]}
        refusals = await gql.refused(CREATE, key=key, input=wanted)
        assert refusals == [f"{code} input.imageIds.1"]
    assert await everything(make.services) == before


async def test_reviews_that_come_published_count_at_once_however_many(
    gql: GraphQL, make: Make
) -> None:
    product, key = await make.product(await make.store()), await make.key()
    new = {"productId": gid(product), "author": "Ada", "body": "Good.", "status": "PUBLISHED"}

    await asyncio.gather(
        *(gql.done(CREATE, key=key, input={**new, "rating": 1 + n % 5}) for n in range(10))
    )

    assert await figures(gql, key, product) == (3.0, 10)
    await gql.done(CREATE, key=key, input={**new, "rating": 1, "status": "REJECTED"})
    assert await figures(gql, key, product) == (3.0, 10)
