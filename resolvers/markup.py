"""HTML that strangers write and pages show: what of it is kept.

Kept are the elements and attributes below, and links to http, https, mailto and tel addresses or
to somewhere in the same site; pictures from http and https. Everything else goes: scripts, styles
and whatever is inside them, forms, frames, event handlers, classes, ids, comments. Text stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from resolvers.rules import Rule

if TYPE_CHECKING:
    from nh3 import Cleaner

TAGS = frozenset(
    "a abbr b blockquote br caption code col colgroup dd del div dl dt em figcaption figure h1 h2 "  # noqa: SIM905 - words read best as text
    "h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s small span strong sub sup table tbody td "
    "tfoot th thead tr u ul".split()
)
ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "a": frozenset({"href", "title"}),
    "abbr": frozenset({"title"}),
    "col": frozenset({"span"}),
    "colgroup": frozenset({"span"}),
    "img": frozenset({"src", "alt", "title", "width", "height"}),
    "ol": frozenset({"start"}),
    "td": frozenset({"colspan", "rowspan"}),
    "th": frozenset({"colspan", "rowspan", "scope"}),
    "*": frozenset({"lang", "dir"}),
}
SCHEMES = frozenset({"http", "https", "mailto", "tel"})


def sanitized(html: str) -> str:
    """What may be shown of HTML. Sanitising it again changes nothing."""
    return _cleaner().clean(html).strip()


@cache
def _cleaner() -> "Cleaner":
    from nh3 import Cleaner  # noqa: PLC0415 - 2 MB that processes without such text do without

    return Cleaner(
        tags=set(TAGS),
        clean_content_tags={"script", "style"},
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        url_schemes=set(SCHEMES),
        link_rel="noopener noreferrer",
    )


@dataclass(frozen=True, slots=True)
class Html(Rule):
    """HTML of at most ``most`` characters; what is not safe to show is left out."""

    kind: ClassVar[str] = "length"
    most: int

    def check(self, value: str) -> str:
        if "\x00" in value:
            raise ValueError("must not hold a NUL character")
        if len(value) > self.most:
            raise ValueError(f"must have at most {self.most} characters")
        clean = sanitized(value)
        if len(clean) > self.most:  # it writes entities where there were characters
            raise ValueError(f"must have at most {self.most} characters")
        return clean
