from tests.kit import GraphQL, Make, gid

LINK = """mutation ($input: NewFileLink!) { linkFile(input: $input) {
  fileLink { id role position subjectType subjectId file { id } } errors { code field } } }"""
UNLINK = "mutation ($id: ID!) { unlinkFile(fileLinkId: $id) { deletedId errors { code field } } }"
DELETE = "mutation ($id: ID!) { deleteFile(id: $id) { deletedId errors { code field } } }"
IMAGES = "query ($id: ID!) { product(id: $id) { images { id } } }"


async def test_pictures_of_a_product_come_in_their_order(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    product = await make.product(store)
    first, second, manual = [await make.file(store) for _ in range(3)]
    to = {"productId": gid(product)}
    for file, position in ((second, 1), (first, 0)):
        link = await gql.done(
            LINK, key=key, input={**to, "fileId": gid(file), "position": position}
        )
    await gql.done(LINK, key=key, input={**to, "fileId": gid(manual), "role": "download"})

    data = await gql.data(IMAGES, key=key, id=gid(product))

    assert data["product"]["images"] == [{"id": gid(first)}, {"id": gid(second)}]
    link = link["fileLink"]
    assert (link["subjectType"], link["subjectId"]) == ("Product", gid(product))
    moved = await gql.done(LINK, key=key, input={**to, "fileId": gid(first), "position": 2})
    assert moved["fileLink"]["id"] == link["id"]
    data = await gql.data(IMAGES, key=key, id=gid(product))
    assert data["product"]["images"] == [{"id": gid(second)}, {"id": gid(first)}]


async def test_links_go_with_their_file_or_alone(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    product, files = await make.product(store), [await make.file(store) for _ in range(2)]
    links = [
        await gql.done(LINK, key=key, input={"productId": gid(product), "fileId": gid(file)})
        for file in files
    ]
    query = "query ($id: ID!) { file(id: $id) { links { subjectId } } }"

    await gql.done(UNLINK, key=key, id=links[0]["fileLink"]["id"])

    assert await gql.data(query, key=key, id=gid(files[0])) == {"file": {"links": []}}
    assert await gql.data(query, key=key, id=gid(files[1])) == {
        "file": {"links": [{"subjectId": gid(product)}]}
    }
    await gql.done(DELETE, key=key, id=gid(files[1]))
    assert await gql.data(query, key=key, id=gid(files[1])) == {"file": None}
    data = await gql.data(IMAGES, key=key, id=gid(product))
    assert data["product"]["images"] == []


async def test_a_file_is_linked_to_one_row_of_its_own_store(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    file, elsewhere = await make.file(store), await make.product(await make.store())
    foreign = await make.brand(await make.store("Other"))

    for wanted, refusal in (
        ({}, "INVALID input"),
        ({"storeId": gid(store), "productId": gid(elsewhere)}, "INVALID input"),
        ({"productId": gid(elsewhere)}, "INVALID input.fileId"),
        ({"brandId": gid(foreign)}, "NOT_FOUND input.brandId"),
        ({"storeId": gid(store), "role": "No!"}, "INVALID input.role"),
    ):
        refusals = await gql.refused(LINK, key=key, input={"fileId": gid(file), **wanted})
        assert refusals == [refusal]
    data = await gql.data("{ files { nodes { links { id } } } }", key=key)
    assert data["files"]["nodes"] == [{"links": []}]


async def test_files_are_filtered(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    await make.file(store, name="lamp.png", size=5)
    await make.file(store, name="manual.pdf", content_type="application/pdf", size=9)
    query = """query ($filter: FileFilter) {
      files(filter: $filter, sort: SIZE_DESC) { nodes { name } } }"""

    for wanted, names in (
        (None, ["manual.pdf", "lamp.png"]),
        ({"search": "LAMP"}, ["lamp.png"]),
        ({"contentType": "image/"}, ["lamp.png"]),
        ({"storeId": gid(store), "contentType": "application/pdf"}, ["manual.pdf"]),
    ):
        data = await gql.data(query, key=key, filter=wanted)
        assert [node["name"] for node in data["files"]["nodes"]] == names
