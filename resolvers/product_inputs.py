"""What a product is made of, and changed by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from db.models import ProductStatus
from resolvers.faq_entries import MOST_FAQ_ENTRIES, FaqEntryInput
from resolvers.inputs import ABSENT, MicroUnits
from resolvers.keys import KeyOf
from resolvers.markup import Html
from resolvers.options import MOST_OPTIONS, OptionEdit, OptionInput
from resolvers.product_files import MOST_FILES
from resolvers.properties import MOST_PROPERTIES, PropertyInput
from resolvers.rules import Between, Count, Currency, Each, JsonObject, Price, Slug, Text
from resolvers.variants import (
    MOST_VARIANTS,
    UNITS,
    VariantChanges,
    VariantEdit,
    VariantInput,
)

BATCH = Between(1, UNITS.most)
HTML = Html(50_000)
WORDS_OF_HTML = "What it is, as HTML: a text beside `description`. What is unsafe is left out."
KEYWORDS = (Count(50), Each(Text(80)))


@dataclass(frozen=True, kw_only=True)
class NewProduct:
    """A product to offer; with no variants it gets one of the given price and stock."""

    store_id: Annotated[int, KeyOf("Store"), "The store that sells it."]
    title: Annotated[str, Text(), "Its name, as buyers see it."]
    slug: Annotated[str | None, Slug, "Unique in the store; made of the title if left out."] = None
    description: Annotated[str | None, Text(50_000, 0), "What it is, as HTML or text."] = None
    description_html: Annotated[str | None, HTML, WORDS_OF_HTML] = None
    status: Annotated[ProductStatus, "Whether buyers see it."] = ProductStatus.ACTIVE
    brand_id: Annotated[int | None, KeyOf("Brand"), "Who makes it."] = None
    category_id: Annotated[int | None, KeyOf("Category"), "Where it is filed."] = None
    is_digital: Annotated[bool, "Whether nothing is shipped."] = False
    min_quantity: Annotated[int, BATCH, "The smallest number of units sold at once."] = 1
    page_title: Annotated[str | None, Text(255, 0), "Title of its page, for search engines."] = None
    meta_description: Annotated[str | None, Text(1000, 0), "Summary for search engines."] = None
    keywords: Annotated[Sequence[str], *KEYWORDS, "What people may look for, in order."] = ()
    attributes: Annotated[dict[str, Any] | None, JsonObject(), "Free-form properties."] = None
    currency: Annotated[str | None, Currency, "Of its prices; the store's if left out."] = None
    price: Annotated[int | None, MicroUnits, Price(), "Of the one variant."] = None
    stock: Annotated[int | None, UNITS, "Of the one variant."] = None
    sku: Annotated[str | None, Text(120), "Of the one variant."] = None
    default_variant: Annotated[VariantInput | None, "The one variant, with all there is to it."] = (
        None
    )
    options: Annotated[Sequence[OptionInput], "How its variants differ, in order."] = ()
    variants: Annotated[
        Sequence[VariantInput], Count(MOST_VARIANTS), "What is bought, in order."
    ] = ()
    properties: Annotated[
        Sequence[PropertyInput], Count(MOST_PROPERTIES), "Facts about it, in order."
    ] = ()
    faq: Annotated[
        Sequence[FaqEntryInput], Count(MOST_FAQ_ENTRIES), "What buyers ask, in order."
    ] = ()
    image_ids: Annotated[
        Sequence[int], KeyOf("File"), MOST_FILES, "Its pictures in order, stored files."
    ] = ()
    ugc_video_ids: Annotated[
        Sequence[int], KeyOf("File"), MOST_FILES, "Videos of customers in order."
    ] = ()
    download_ids: Annotated[
        Sequence[int], KeyOf("File"), MOST_FILES, "What buyers of any variant download, in order."
    ] = ()


@dataclass(frozen=True, kw_only=True)
class ProductChanges:
    """What to change about a product, and about what belongs to it; all of it or nothing.

    Options and variants that are not named stay as they are. The other lists are what there is
    from now on. A product that gets its first options loses the variant that had none, unless
    that is among those to change.
    """

    title: Annotated[str, Text(), "Its name, as buyers see it."] = ABSENT
    slug: Annotated[str, Slug, "Unique in the store."] = ABSENT
    description: Annotated[str | None, Text(50_000, 0), "What it is, as HTML or text."] = ABSENT
    description_html: Annotated[str | None, HTML, WORDS_OF_HTML] = ABSENT
    status: Annotated[ProductStatus, "Whether buyers see it."] = ABSENT
    brand_id: Annotated[int | None, KeyOf("Brand"), "Who makes it."] = ABSENT
    category_id: Annotated[int | None, KeyOf("Category"), "Where it is filed."] = ABSENT
    is_digital: Annotated[bool, "Whether nothing is shipped."] = ABSENT
    min_quantity: Annotated[int, BATCH, "The smallest number of units sold at once."] = ABSENT
    page_title: Annotated[str | None, Text(255, 0), "Title of its page, for search engines."] = (
        ABSENT
    )
    meta_description: Annotated[str | None, Text(1000, 0), "Summary for search engines."] = ABSENT
    keywords: Annotated[Sequence[str], *KEYWORDS, "All that people may look for."] = ABSENT
    attributes: Annotated[dict[str, Any], JsonObject(), "All its free-form properties."] = ABSENT
    price: Annotated[
        int, MicroUnits, Price(),
        "Of its first variant, of all that cost the same, and of those without a choice.",
    ] = ABSENT  # fmt: skip
    default_variant: Annotated[
        VariantChanges, "Of the one variant of a product without options."
    ] = ABSENT
    options: Annotated[
        Sequence[OptionEdit], Count(MOST_OPTIONS), "Options to change and to add."
    ] = ABSENT
    variants: Annotated[
        Sequence[VariantEdit], Count(MOST_VARIANTS), "Variants to change and to add."
    ] = ABSENT
    properties: Annotated[
        Sequence[PropertyInput], Count(MOST_PROPERTIES), "All its properties, in order."
    ] = ABSENT
    faq: Annotated[
        Sequence[FaqEntryInput], Count(MOST_FAQ_ENTRIES), "All that buyers ask, in order."
    ] = ABSENT
    image_ids: Annotated[
        Sequence[int], KeyOf("File"), MOST_FILES, "All its pictures, in order."
    ] = ABSENT
    ugc_video_ids: Annotated[
        Sequence[int], KeyOf("File"), MOST_FILES, "All videos of customers, in order."
    ] = ABSENT
    download_ids: Annotated[
        Sequence[int], KeyOf("File"), MOST_FILES, "All that buyers of any variant download."
    ] = ABSENT
