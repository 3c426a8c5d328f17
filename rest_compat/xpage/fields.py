"""Refusals of the store in the contract's names of fields."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from resolvers.errors import Invalid, NotFound, Problem, StoreError

_ARGUMENTS = frozenset({"input", "changes"})


@contextmanager
def named(names: Mapping[str, str]) -> Generator[None]:
    """Tell what is refused inside by ``names``, from the store's dotted names to the contract's.

    A name covers all that is inside of its field, unless that has a name of its own.

    What a body refers to and is not there makes the body invalid: nothing is missing at the
    address that was called.
    """
    try:
        yield
    except (Invalid, NotFound) as error:
        if not _is_about_body(error):
            raise
        problems = (
            error.problems if isinstance(error, Invalid) else [Problem(error.field, str(error))]
        )
        told = [
            Problem(_renamed(each.path, names), each.message, each.kind, each.limit)
            for each in problems
        ]
        raise Invalid(str(error), problems=told) from error


def _is_about_body(error: StoreError) -> bool:
    paths = [each.path for each in error.problems] if isinstance(error, Invalid) else [error.field]
    return all(path[:1] and path[0] in _ARGUMENTS for path in paths)


def _renamed(path: tuple[str | int, ...], names: Mapping[str, str]) -> tuple[str | int, ...]:
    for end in range(len(path), 1, -1):
        dotted = ".".join(map(str, path[1:end]))
        if dotted in names:
            return ("body", names[dotted], *path[end:])
    return path
