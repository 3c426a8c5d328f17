"""Refusals of the store in the contract's names of fields."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from resolvers.errors import Invalid, StoreError

Path = tuple[str | int, ...]


@contextmanager
def named(names: Mapping[str, str]) -> Generator[None]:
    """Tell what is refused inside by ``names``: from the store's name of a field to the body's.

    Names of fields inside others are renamed as well.
    """
    try:
        yield
    except StoreError as error:
        error.field = _renamed(error.field, names)
        if isinstance(error, Invalid):
            error.problems = tuple(
                replace(each, path=_renamed(each.path, names)) for each in error.problems
            )
        raise


def _renamed(path: Path, names: Mapping[str, str]) -> Path:
    return tuple(names.get(part, part) if isinstance(part, str) else part for part in path)
