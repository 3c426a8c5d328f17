"""Settings that storefronts put into their pages, written by GraphQL."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from resolvers.storefront_settings import MOST, kept, shown
from tests.callers import GraphQL
from tests.kit import Make, gid
from tests.state import everything

WRITE = """mutation ($id: ID!, $changes: [SettingChange!]!) {
  updateStoreSettings(storeId: $id, changes: $changes) {
    store { settings(group: "storefront") { name value } } errors { code field message } } }"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("value"), inner),
    max_leaves=5,
)
WRONG: list[tuple[str, Any, str]] = [
    ("theme", {"value": "</script><script>"}, ""),
    ("theme", {"value": ""}, ""),
    ("theme", {"value": 5}, ""),
    ("theme", {"value": " neon"}, ""),
    ("theme", {"name": "neon"}, ""),
    ("theme", {"value": "x" * 41}, ""),
    ("primary_color", {"value": "red"}, ""),
    ("primary_color", {"value": "#12"}, ""),
    ("primary_color", {"value": "#0066ff;background:url(//x)"}, ""),
    ("primary_color", {"value": "url(javascript:1)"}, ""),
    ("ad_pixels", {"meta": "1'-alert(1)-'"}, ".meta"),
    ("ad_pixels", {"meta": '"'}, ".meta"),
    ("ad_pixels", {"meta": "<"}, ".meta"),
    ("ad_pixels", {"meta": "1\n2"}, ".meta"),
    ("ad_pixels", {"meta": ""}, ".meta"),
    ("ad_pixels", {"meta": 5}, ".meta"),
    ("ad_pixels", {"Meta": "1"}, ""),
    ("ad_pixels", {"value": ["1"]}, ""),
    ("ad_pixels", {f"n{n}": "1" for n in range(21)}, ""),
    ("banner", {"value": "x" * 8200}, ""),
]


async def test_settings_of_the_storefront_have_rules(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    before = await everything(make.services)

    for name, value, inside in WRONG:
        changes = [
            {"group": "shop", "name": "theme", "value": {"value": "<free>"}},
            {"group": "storefront", "name": name, "value": value},
        ]
        refusals = await gql.refused(WRITE, key=key, id=gid(store), changes=changes)
        assert refusals == [f"INVALID changes.1.value{inside}"], (name, value)

    assert await everything(make.services) == before


async def test_what_keeps_the_rules_is_written(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    values: dict[str, Any] = {
        "ad_pixels": {"google_ads": "AW-123/AbC_d", "meta": "1234567890", "tiktok": "C7ABCDEF"},
        "banner": {"text": "Sale"},
        "primary_color": {"value": "#06f8"},
        "theme": {"value": "neon"},
    }
    changes = [
        {"group": "storefront", "name": name, "value": value} for name, value in values.items()
    ]

    written = await gql.done(WRITE, key=key, id=gid(store), changes=changes)

    assert written["store"]["settings"] == [
        {"name": name, "value": value} for name, value in values.items()
    ]
    gone = [{"group": "storefront", "name": "theme", "value": None}]
    written = await gql.done(WRITE, key=key, id=gid(store), changes=gone)
    assert len(written["store"]["settings"]) == 3


async def test_a_storefront_has_a_hundred_settings(gql: GraphQL, make: Make) -> None:
    store, key = await make.store(), await make.key()
    many = [
        {"group": "storefront", "name": f"n{n}", "value": {"value": n}} for n in range(MOST + 1)
    ]

    assert await gql.refused(WRITE, key=key, id=gid(store), changes=many) == ["INVALID changes"]
    await gql.done(WRITE, key=key, id=gid(store), changes=many[1:])
    assert await gql.refused(WRITE, key=key, id=gid(store), changes=many[:1]) == ["INVALID changes"]


@given(JSON)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    stored = kept(value)

    assert isinstance(stored, dict)
    assert shown(stored) == value
