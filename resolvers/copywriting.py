"""Copy of products: what a writer is told, what comes back, and how it may fail."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from resolvers.errors import WorkFailed
from resolvers.pictures import View

MOST_QUESTIONS, MOST_KEYWORDS = 12, 20
_TITLE, _DESCRIPTION, _QUESTION, _ANSWER, _SUMMARY, _KEYWORD = 255, 10_000, 300, 2000, 500, 60


@dataclass(frozen=True, slots=True)
class NoPicture:
    """Why the picture that was named cannot be shown. ``final``: it never will be."""

    reason: str
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What is known of a product; whatever nobody has told is None.

    ``picture`` is None where none was named, and ``NoPicture`` where one was, in vain.
    ``further`` are hints beyond the three, by name (JSON).
    """

    store: str
    store_description: str | None = None
    title: str | None = None
    description: str | None = None
    kind: str | None = None
    tone: str | None = None
    audience: str | None = None
    further: Mapping[str, Any] = field(default_factory=dict[str, Any])
    picture: View | NoPicture | None = None


@dataclass(frozen=True, slots=True)
class Question:
    q: str
    a: str


@dataclass(frozen=True, slots=True)
class Seo:
    """What search engines are told of a product's page."""

    title: str
    description: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """Plain text throughout; a description's paragraphs have an empty line between them."""

    title: str
    description: str
    faq: tuple[Question, ...]
    seo: Seo

    def as_json(self) -> dict[str, Any]:
        """``{title, description, faq: [{q, a}], seo: {title, description, keywords}}``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Usage:
    """What writing took. ``cost`` is micro-units of USD; None is unknown, of cost and tokens.

    ``notes`` are for people: what they should know about how the copy came to be.
    """

    model: str
    input_tokens: int | None
    output_tokens: int | None
    cost: int | None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "notes": list(self.notes)}

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            other.model,
            _sum(self.input_tokens, other.input_tokens),
            _sum(self.output_tokens, other.output_tokens),
            _sum(self.cost, other.cost),
            tuple(dict.fromkeys((*self.notes, *other.notes))),
        )


def usage_of(kept: Mapping[str, Any] | None) -> Usage | None:
    """What ``Usage.as_json`` has made."""
    if kept is None:
        return None
    counted = (kept["input_tokens"], kept["output_tokens"], kept["cost"])
    return Usage(kept["model"], *counted, notes=tuple(kept["notes"]))


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True, slots=True)
class Written:
    copy: Copy
    usage: Usage


# Failures


class WriterError(WorkFailed):
    """No copy. ``usage`` is what the attempt took all the same, if that is known."""

    code = "WRITER_FAILED"

    def __init__(self, message: str, *, usage: Usage | None = None, final: bool = True) -> None:
        super().__init__(message, final=final)
        self.usage = usage


class ImageUnreadable(WriterError):
    """The picture cannot be had, or is none."""

    code = "IMAGE_UNREADABLE"


class WriterUnavailable(WriterError):
    """The service is down, slow or busy."""

    code = "WRITER_UNAVAILABLE"

    def __init__(self, message: str, *, usage: Usage | None = None) -> None:
        super().__init__(message, usage=usage, final=False)


class WriterMisconfigured(WriterError):
    """The service does not take our requests: a wrong key, model or address."""

    code = "WRITER_MISCONFIGURED"


class WriterQuotaExceeded(WriterError):
    """Our account with the service has nothing left to spend."""

    code = "WRITER_QUOTA_EXCEEDED"


class WriterRefused(WriterError):
    """The service will not write about this."""

    code = "WRITER_REFUSED"


class OutputInvalid(WriterError):
    """What came back is no copy, after it was asked for once more."""

    code = "OUTPUT_INVALID"


# Reading what a service has written


def copy_of(data: Any) -> Copy:
    """The copy in a JSON value. Raises ``ValueError``, which says what is wrong with it.

    Text loses the space around it and NUL characters, lists what is empty or there twice.
    """
    whole = _object(data, "the answer")
    seo = _object(whole.get("seo"), "seo")
    entries = [_object(entry, "an entry of faq") for entry in _list(whole.get("faq"), "faq")]
    if not 1 <= len(entries) <= MOST_QUESTIONS:
        raise ValueError(f"faq must have 1 to {MOST_QUESTIONS} entries")
    words = _list(seo.get("keywords"), "seo.keywords")
    keywords = [_text(each, "a keyword", _KEYWORD) for each in words]
    distinct = {each.casefold(): each for each in reversed(keywords)}
    kept = [each for each in keywords if distinct[each.casefold()] is each]
    if not 1 <= len(kept) <= MOST_KEYWORDS:
        raise ValueError(f"seo.keywords must have 1 to {MOST_KEYWORDS} entries")
    return Copy(
        _text(whole.get("title"), "title", _TITLE),
        _text(whole.get("description"), "description", _DESCRIPTION),
        tuple(
            Question(_text(each.get("q"), "q", _QUESTION), _text(each.get("a"), "a", _ANSWER))
            for each in entries
        ),
        Seo(
            _text(seo.get("title"), "seo.title", _TITLE),
            _text(seo.get("description"), "seo.description", _SUMMARY),
            tuple(kept),
        ),
    )


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object")  # noqa: TRY004 - the service's, not ours
    return cast("Mapping[str, Any]", value)


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list")  # noqa: TRY004 - as above
    return cast("list[Any]", value)


def _text(value: Any, what: str, most: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} must be a text")  # noqa: TRY004 - as above
    text = value.replace("\x00", "").strip()
    if not 1 <= len(text) <= most:
        raise ValueError(f"{what} must have 1 to {most} characters")
    return text
