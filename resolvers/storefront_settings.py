"""What the settings of a storefront must be: those of the group ``storefront``.

Storefronts put them into their pages, so no value may end the place in the source where it is put.
A setting is kept as an object: one that is an object itself as it is, anything else as
``{"value": …}``. Three names have a meaning here, all others are free.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import orjson

from resolvers.errors import Invalid, Problem
from resolvers.rules import DEEPEST, Matching, Path, Rule, is_storable

GROUP = "storefront"
MOST = 100
"""How many settings a storefront has at most."""
LARGEST = 8192
"""Bytes of the JSON of one setting."""
MOST_PIXELS = 20
THEME, PRIMARY_COLOR, AD_PIXELS = "theme", "primary_color", "ad_pixels"
_WRAPPED = "value"
_TEXTS: Mapping[str, Rule] = {
    THEME: Matching(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}", "1 to 40 letters, digits, - and _"),
    PRIMARY_COLOR: Matching(
        r"#([0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})", "a CSS colour such as #0066ff"
    ),
}
_NETWORK = Matching(r"[a-z][a-z0-9_]{0,39}", "1 to 40 of a-z, 0-9 and _")
_PIXEL = Matching(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}", "1 to 100 letters, digits, _ . : / and -")
Setting = tuple[Path, str, Any]
"""Where an input says it, its name, and its value as it is kept or shown."""


def kept(value: Any) -> dict[str, Any]:
    """The object as which a value is kept."""
    if isinstance(value, Mapping):
        given = cast("Mapping[str, Any]", value)
        if not _is_wrapped(given):
            return dict(given)
    return {_WRAPPED: value}


def shown(value: Mapping[str, Any]) -> Any:
    """The value of a setting that is kept."""
    return value[_WRAPPED] if _is_wrapped(value) else value


def merged(before: Any, change: Mapping[str, Any]) -> dict[str, Any]:
    """Pixels after a change of some; a network whose id is null has none from now on."""
    pixels: dict[str, Any] = {**before} if isinstance(before, Mapping) else {}
    pixels |= change
    return {network: pixel for network, pixel in pixels.items() if pixel is not None}


def _is_wrapped(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and _WRAPPED in value


def check(settings: Iterable[Setting]) -> None:
    """Raise ``Invalid`` with all that is wrong with settings, as they are kept."""
    _refuse(problem for path, name, value in settings for problem in _problems(path, name, value))


def _problems(path: Path, name: str, value: Mapping[str, Any]) -> Iterable[Problem]:
    plain = shown(value)
    if (rule := _TEXTS.get(name)) is not None:
        yield from _broken(rule, plain, path, name)
    elif name == AD_PIXELS:
        yield from _broken_pixels(plain, path)
    yield from _unstorable(plain, path, name)


def _broken_pixels(value: Any, path: Path) -> Iterable[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, "ad pixels must be ids by network", "object")
        return
    pixels = cast("Mapping[str, Any]", value)
    if len(pixels) > MOST_PIXELS:
        yield Problem(path, f"ad pixels must have at most {MOST_PIXELS} networks", "length")
    for network, pixel in pixels.items():
        yield from _broken(_NETWORK, network, path, "a network of ad pixels")
        yield from _broken(_PIXEL, pixel, (*path, network), f"the pixel of {network[:40]}")


def _broken(rule: Rule, value: Any, path: Path, what: str) -> Iterable[Problem]:
    words = what.replace("_", " ")
    if not isinstance(value, str):
        yield Problem(path, f"{words} must be text", "type")
    elif value != value.strip():  # what is kept is what was sent
        yield Problem(path, f"{words} must not begin or end with space", rule.kind)
    else:
        try:
            rule.check(value)
        except ValueError as error:
            yield Problem(path, f"{words} {error}", rule.kind)


def _unstorable(value: Any, path: Path, name: str) -> Iterable[Problem]:
    if not is_storable(value):
        yield Problem(
            path,
            f"{name} must nest at most {DEEPEST} deep, without NUL characters, "
            "and with whole numbers of at most 53 bits",
            "object",
        )
    elif len(orjson.dumps(value)) > LARGEST:
        yield Problem(path, f"{name} must have at most {LARGEST} bytes", "length")


def _refuse(problems: Iterable[Problem]) -> None:
    found = tuple(problems)
    if found:
        raise Invalid(found[0].message, field=found[0].path, problems=found)
