"""Text of a generated function, and the objects that it refers to."""

from collections.abc import Callable
from typing import Any

from engine.leaves import irregular

_LOOP = "for row in rows:"


def required(value: Any) -> Any:
    """The value, where null must not be."""
    return irregular() if value is None else value


class Required(dict[Any, Any]):
    """A map that is asked only for what must be there."""

    def __missing__(self, key: Any) -> Any:
        return irregular()


class Source:
    """A function that is being written. ``given`` objects are its globals."""

    def __init__(self, name: str, parameters: str) -> None:
        self._head = f"def {name}({parameters}):"
        self._name = name
        self._lines: list[str] = []
        self._first: dict[str, str] = {}
        self._globals: dict[str, Any] = {
            "irregular": irregular,
            "required": required,
            "Required": Required,
            "EMPTY": [],
        }
        self._names: dict[int, str] = {}
        self.loop = ""
        """The head of the loop over rows, which is known when all columns are."""

    def give(self, value: Any, name: str = "f") -> str:
        """The name under which the function finds an object."""
        known = self._names.get(id(value))
        if known is None:
            known = self._names[id(value)] = f"{name}{len(self._names)}"
            self._globals[known] = value
        return known

    def map(self, slot: int) -> str:
        """The local name of a map, fetched once at the function's start."""
        return self.first(f"m{slot}", f"m[{slot}]")

    def first(self, name: str, expression: str) -> str:
        """A local name for something, computed once at the function's start."""
        self._first.setdefault(name, expression)
        return name

    def line(self, text: str, indent: int = 0) -> None:
        self._lines.append("    " * indent + text)

    def loop_at_end(self, *body: str) -> None:
        self._lines.append(_LOOP)
        for text in body:
            self.line(text, indent=1)

    @property
    def text(self) -> str:
        local = [f"{name} = {expression}" for name, expression in self._first.items()]
        lines = [self.loop if line is _LOOP else line for line in self._lines]
        return "\n    ".join([self._head, *local, *lines]) + "\n"

    def function(self) -> Callable[..., Any]:
        """Compile it. All of its text is made of names and literals of our own (``repr``)."""
        exec(compile(self.text, f"<{self._name}>", "exec"), self._globals)  # noqa: S102
        return self._globals[self._name]


def unpacked(count: int) -> str:
    """The loop variables of a row of so many columns."""
    return "".join(f"c{at}, " for at in range(count)).rstrip() if count else "_"
