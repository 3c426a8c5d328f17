"""Text as the words that it is searched by: no database makes them, so they are the same on each.

Words are in lower case and without accents, a Latin letter is what it is typed as ("Æ" is "ae"),
and what is written without spaces (Chinese, Japanese, Thai) is cut into pairs that overlap.
"""

import html
import re
import unicodedata
from collections.abc import Iterable

LONGEST_WORD = 64
LONGEST_TEXT = 200_000
"""Characters of words that are kept of one row: fewer bytes than a tsvector may have."""
MOST_TERMS = 32

_ACCENT = 10
"""From this combining class on a mark is an accent or a vowel point. Those below make letters of
others: the voicing of kana, the nukta."""
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_LATIN = {
    "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "ĸ": "k", "ł": "l",
    "ŋ": "n", "þ": "th", "ŧ": "t",
}  # fmt: skip
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUNS = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED} ]+")
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]")
_INLINE = re.compile(
    "a|abbr|b|bdi|bdo|cite|code|em|font|i|kbd|mark|q|s|small|span|strong|sub|sup|u|var|wbr"
)
_MARK = re.compile(r"<(?:(!--)|(/?[a-zA-Z][a-zA-Z0-9:-]*)(?=[\s/>])[^<>]*>)")
_ENDS = {
    "!--": re.compile("-->"),
    "script": re.compile("(?=</script)", re.IGNORECASE),
    "style": re.compile("(?=</style)", re.IGNORECASE),
}


def words(texts: Iterable[str | None]) -> str:
    """The distinct words of texts, each followed by a space but the last."""
    found: dict[str, None] = {}
    size = 0
    for text in texts:
        for word in _words(text or ""):
            if word not in found:
                size += len(word) + 1
                if size > LONGEST_TEXT:
                    return " ".join(found)
                found[word] = None
    return " ".join(found)


def terms(query: str) -> list[str]:
    """What must all be beginnings of words where a query finds something; none: it asks nothing."""
    found: dict[str, None] = {}
    for run in _runs(query):
        parts = _pairs(run) if _is_unspaced(run) and len(run) > 1 else [run[:LONGEST_WORD]]
        found.update(dict.fromkeys(parts))
    return list(found)[:MOST_TERMS]


def without_markup(text: str) -> str:
    """The text of HTML as it is read; text that is no HTML stays as it is.

    A tag parts words unless it only dresses them. Broken markup is text. Python's own parser takes
    the square of the time that the text would deserve.
    """
    if "<" not in text:
        return html.unescape(text)
    parts, at = list[str](), 0
    endless: set[str] = set()
    while (mark := _MARK.search(text, at)) is not None:
        parts.append(text[at : mark.start()])
        at, opened = mark.end(), (mark[1] or mark[2]).lower()
        if _INLINE.fullmatch(opened.removeprefix("/")) is None:
            parts.append(" ")
        if opened in _ENDS and opened not in endless:
            if (end := _ENDS[opened].search(text, at)) is None:
                endless.add(opened)
            else:
                at = end.end()
    parts.append(text[at:])
    return html.unescape("".join(parts))


def _words(text: str) -> Iterable[str]:
    for run in _runs(text):
        if _is_unspaced(run):
            yield from _pairs(run)
            yield run[-1]  # so that every single character begins a word
        else:
            yield run[:LONGEST_WORD]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _is_unspaced(run: str) -> bool:
    return _UNSPACED_RUN.match(run) is not None


def _runs(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    bare = unicodedata.normalize("NFKD", plain).translate(_LETTERS)
    runs = _RUNS.findall(unicodedata.normalize("NFC", bare))
    return [run for run in runs if any(map(str.isalnum, run))]


class _Letters(dict[int, str]):
    """What becomes of each character, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = letter = self._of(chr(code))
        return letter

    def _of(self, character: str) -> str:
        if unicodedata.combining(character) >= _ACCENT or character in _INVISIBLE:
            return ""
        if character.isalnum() or unicodedata.category(character)[0] == "M":
            return _LATIN.get(character, character)
        return " "


_LETTERS = _Letters()
