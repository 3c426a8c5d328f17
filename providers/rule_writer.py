"""The embedded writer: no model, but sentences put together by rules of what it was told.

It invents nothing. The same brief gives the same copy, in English, whatever language it is in.
"""

import colorsys
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from resolvers.copywriting import (
    MOST_KEYWORDS,
    Brief,
    Copy,
    NoPicture,
    Question,
    Usage,
    Written,
    copy_of,
)
from resolvers.pictures import View

MODEL = "storegraph-rules"
NOTE = "put together by fixed rules, not written by a model"
_SUMMARY, _KEYWORD, _TITLE, _PAGE = 155, 60, 255, 70
# How a text opens and closes, by words that a tone may hold.
_TONES: tuple[tuple[frozenset[str], str, str], ...] = (
    (
        frozenset({"casual", "friendly", "playful", "fun", "relaxed", "warm"}),
        "Say hello to {name}.",
        "Take a look, and see if it is for you.",
    ),
    (
        frozenset({"luxury", "elegant", "premium", "sophisticated", "exclusive"}),
        "{name}, chosen with care.",
        "For those who look twice.",
    ),
    (
        frozenset({"formal", "professional", "serious", "technical", "business"}),
        "We present {name}.",
        "All details are on this page.",
    ),
    (
        frozenset({"bold", "energetic", "exciting", "urgent", "loud"}),
        "{name} is here.",
        "Make it yours.",
    ),
)
_PLAIN = ("This is {name}.", "All there is to know is on this page.")
_PICTURE, _FACT, _WHERE = "The picture, ", "- ", "You find it at "
_OPENINGS = [_PLAIN[0], *(first for _, first, _ in _TONES)]
_HUES = (
    (15, "red"), (45, "orange"), (70, "yellow"), (165, "green"), (200, "turquoise"),
    (255, "blue"), (290, "purple"), (345, "pink"), (360, "red"),
)  # fmt: skip
_SMALL_WORDS = frozenset(
    {"a", "an", "and", "by", "for", "from", "in", "of", "on", "or", "the", "to"}
)


class RuleWriter:
    """Implements ``resolvers.services.Writer``. It can do without a picture, and never fails."""

    async def write(self, brief: Brief, *, once: str) -> Written:
        notes = [NOTE]
        if isinstance(brief.picture, NoPicture):
            notes.append(f"without the picture, which is not needed: {brief.picture.reason}")
        copy = _Draft(brief).copy()
        return Written(copy, Usage(MODEL, 0, 0, 0, tuple(notes)))


class _Draft:
    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._name = _one_line(brief.title or brief.kind or brief.store)
        self._kind = _one_line(brief.kind or "")
        self._audience = _one_line(brief.audience or "")
        self._colour = _colour(brief.picture.colour) if isinstance(brief.picture, View) else None
        self._facts = dict(_facts(brief.further))
        self._told = self._told_before()

    def copy(self) -> Copy:
        drafted = {
            "title": self._title(),
            "description": self._description(),
            "faq": [{"q": each.q, "a": each.a} for each in self._faq()],
            "seo": {
                "title": _cut(f"{self._page_title()} | {_one_line(self._brief.store)}", _PAGE),
                "description": _cut(self._summary(), _SUMMARY),
                "keywords": list(self._keywords()),
            },
        }
        return copy_of(drafted)

    def _told_before(self) -> str:
        """What the product's description says, without what an earlier draft of ours has added."""
        parts = [part.strip() for part in (self._brief.description or "").split("\n\n")]
        return "\n\n".join(part for part in parts if not self._is_ours(part))[:4000].strip()

    def _is_ours(self, paragraph: str) -> bool:
        if paragraph.startswith((_PICTURE, _FACT, _WHERE)):
            return True
        openings = [re.escape(first).replace(re.escape("{name}"), ".+") for first in _OPENINGS]
        store = re.escape(_one_line(self._brief.store))
        ours = f"({'|'.join(openings)}) An? .+ from {store}\\."
        return re.fullmatch(ours, paragraph) is not None

    def _title(self) -> str:
        """The name as it is: a product is not renamed by rules."""
        return _cut(self._name[:1].upper() + self._name[1:], _TITLE)

    def _page_title(self) -> str:
        is_told = self._kind and self._kind.casefold() not in self._name.casefold()
        return f"{self._title()} - {_lower(self._kind)}" if is_told else self._title()

    def _description(self) -> str:
        first, last = _tone(self._brief.tone)
        parts = [f"{first.format(name=self._name)} {self._what()}"]
        if self._told:
            parts.append(self._told)
        if seen := self._look():
            parts.append(seen)
        if self._facts:
            parts.append("\n".join(f"{_FACT}{name}: {fact}" for name, fact in self._facts.items()))
        parts.append(f"{_WHERE}{_one_line(self._brief.store)}. {last}")
        return "\n\n".join(parts)

    def _what(self) -> str:
        kind = _lower(self._kind) if self._kind else "product"
        audience = f" for {_lower(self._audience)}" if self._audience else ""
        colour = f"{self._colour} " if self._colour else ""
        noun = f"{colour}{kind}"
        return f"{_article(noun)} {noun}{audience} from {_one_line(self._brief.store)}."

    def _look(self) -> str:
        picture = self._brief.picture
        if not isinstance(picture, View):
            return ""
        form = "an upright" if picture.height > picture.width else "a wide"
        if abs(picture.width - picture.height) * 10 <= max(picture.width, picture.height):
            form = "a square"
        return f"{_PICTURE}{form} one, shows it mostly in {self._colour}."

    def _faq(self) -> Iterator[Question]:
        yield Question(f"What is {_cut(self._name, 200)}?", self._what())
        if self._audience:
            answer = f"It is made with {_lower(self._audience)} in mind."
            yield Question("Who is it for?", answer)
        if self._colour:
            answer = f"The picture shows it mostly in {self._colour}."
            yield Question("Which colour does it have?", answer)
        for name, fact in list(self._facts.items())[:5]:
            yield Question(f"What about {_lower(name)}?", f"{name}: {fact}")
        yield Question("Who sells it?", f"{_one_line(self._brief.store)} does.")

    def _summary(self) -> str:
        told = _one_line(self._told or self._brief.store_description or "")
        return f"{self._title()}. {told or self._what()}"

    def _keywords(self) -> Iterator[str]:
        words = self._name.replace("-", " ").split()
        whole = [self._name, self._kind, self._audience, _one_line(self._brief.store)]
        if self._colour and self._kind:
            whole.append(f"{self._colour} {_lower(self._kind)}")
        single = [word.strip(".,;:!?()\"'") for word in words]
        found = [*whole, *(each for each in single if each.casefold() not in _SMALL_WORDS)]
        distinct = {each.casefold()[:_KEYWORD].strip(): None for each in found}
        yield from [each for each in distinct if each][:MOST_KEYWORDS]


def _tone(told: str | None) -> tuple[str, str]:
    words = set((told or "").casefold().replace(",", " ").split())
    return next(((first, last) for known, first, last in _TONES if known & words), _PLAIN)


def _facts(further: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Further hints as facts by name: of what is more than a word or a number, the parts that are.

    In the order of their names, for the databases keep them in different ones.
    """
    for name, value in sorted(further.items())[:20]:
        parts = cast("list[Any]", value) if isinstance(value, list) else [value]
        said = [_one_line(str(each)) for each in parts if isinstance(each, str | int | float)]
        if shown := ", ".join(each for each in said if each):
            label = _one_line(name.replace("_", " "))[:60]
            yield label[:1].upper() + label[1:], _cut(shown, 300)


def _colour(rgb: tuple[int, int, int]) -> str:
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in rgb))
    if lightness < 0.15:  # noqa: PLR2004 - where people stop to see a hue
        return "black"
    if lightness > 0.9:  # noqa: PLR2004
        return "white"
    if saturation < 0.15:  # noqa: PLR2004
        return "grey"
    name = next(name for most, name in _HUES if hue * 360 <= most)
    return "brown" if name == "orange" and lightness < 0.4 else name  # noqa: PLR2004


def _article(noun: str) -> str:
    return "An" if noun[:1].casefold() in "aeiou" else "A"


def _lower(text: str) -> str:
    """As it stands inside a sentence; abbreviations and names in capitals stay."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, most: int) -> str:
    """At most so many characters, cut between words."""
    if len(text) <= most:
        return text
    return f"{text[: most - 1].rpartition(' ')[0] or text[: most - 1]}…"
