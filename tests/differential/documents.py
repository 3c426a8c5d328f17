"""Documents as people and their tools write them, with everything GraphQL has for queries."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from graphql import (
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from schema.documents import core
from tests.differential.lists import noun_of, sorts_of
from tests.differential.values import Choice, Values, literal, plain
from tests.differential.world import DEMO, ODD, World

OPAQUE = ("node", "nodes", "viewer")
"""Root fields that the reference executor always answers. They are asked for now and then."""
MOST_FIELDS = 40
ALIASES = ("a", "b", "title", "name", "x1", "kind")
PLUMBING = ("Connection", "Edge")


@dataclass(frozen=True, slots=True)
class Document:
    """``rounds`` are variables: it is asked with each of them, one after the other."""

    text: str
    rounds: list[dict[str, Any]]
    operation: str | None
    home: str

    def __repr__(self) -> str:
        rounds = "\n".join(f"variables: {variables}" for variables in self.rounds)
        return f"\n{self.text}\n{rounds}\nhome: {self.home}\n"


@dataclass(slots=True)
class Chosen:
    """What one response name of one type stands for, wherever it appears in the document.

    So any two selections can be merged, as validation wants it.
    """

    name: str
    arguments: str


@dataclass(slots=True)
class Writer:
    """Writes one document."""

    choice: Choice
    world: World
    home: str
    types: Any = None
    values: Any = None
    fields: int = 0
    noun: str = ""
    declared: list[str] = field(default_factory=list)
    rounds: list[dict[str, Any]] = field(default_factory=lambda: [{}, {}])
    known: dict[str, str] = field(default_factory=dict)
    chosen: dict[tuple[str, str], Chosen] = field(default_factory=dict)
    fragments: list[tuple[str, str, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def document(self) -> Document:
        self.types = core(self.world.schema).type_map
        self.values = Values(self.choice, self.world, self.home)
        parts = [self._root() for _ in range(self.choice.pick((1, 1, 2, 3)))]
        if self.choice.chance(5):
            parts.append("__typename")
        head = f"({', '.join(self.declared)})" if self.declared else ""
        name = "Main" if head or self.choice.chance(50) else ""
        operation = f"query {name}{head} {{ {' '.join(parts)} }}"
        named = None
        if name and self.choice.chance(4):
            operation += "\nquery Other { stores(first: 1) { totalCount } }"
            named = name
        text = "\n".join([operation, *self.texts])
        rounds = self.rounds if self.declared else self.rounds[:1]
        if self.choice.chance(3):
            rounds[0]["nobody"] = {"asks": ["for", 1]}
        return Document(text, rounds, named, self.home)

    def _root(self) -> str:
        query = self.types["Query"]
        names = [name for name in query.fields if name not in OPAQUE]
        name = self.choice.pick(OPAQUE if self.choice.chance(1) else names)
        return self._field(query, name, self.choice.pick((2, 3, 1, 4, 5)), level=0)

    # Selections

    def _selection(self, owner: Any, depth: int, level: int) -> str:
        few = self._is_flat(owner) or owner.name.endswith(PLUMBING)
        count = self.choice.pick((2, 1, 3) if few else (2, 3, 1, 4, 5, 6))
        parts = [self._part(owner, depth, level) for _ in range(count)]
        # The same field twice in a row is of little interest where nothing is below it.
        return f"{{ {' '.join(dict.fromkeys(parts))} }}"

    def _part(self, owner: Any, depth: int, level: int) -> str:
        lottery = self.choice.number(99)
        if lottery >= 96:
            return self._aliased("__typename") + self._condition()
        if lottery >= 90:
            return self._inline(owner, depth, level)
        if lottery >= 84 and isinstance(owner, GraphQLObjectType):
            return self._spread(owner, depth, level)
        return self._field(owner, self._name(owner, depth), depth, level)

    def _aliased(self, name: str) -> str:
        return f"kindOf: {name}" if self.choice.chance(30) else name

    def _inline(self, owner: Any, depth: int, level: int) -> str:
        if self._is_node(owner) and self.choice.chance(30):
            return f"... on Node{self._condition()} {{ id __typename }}"
        on = f" on {owner.name}" if self.choice.chance(60) else ""
        return f"...{on}{self._condition()} {self._selection(owner, depth, level)}"

    def _spread(self, owner: Any, depth: int, level: int) -> str:
        known = [
            name for name, kind, least in self.fragments if kind == owner.name and least <= depth
        ]
        if known and self.choice.chance(50):
            return f"...{self.choice.pick(known)}{self._condition()}"
        on = "Node" if self._is_node(owner) and self.choice.chance(15) else owner.name
        body = "{ id }" if on == "Node" else self._selection(owner, depth, level)
        name = f"F{len(self.texts)}"
        self.texts.append(f"fragment {name} on {on} {body}")
        if on != "Node":
            self.fragments.append((name, on, depth))
        return f"...{name}{self._condition()}"

    def _is_node(self, owner: Any) -> bool:
        return any(each.name == "Node" for each in getattr(owner, "interfaces", ()))

    def _name(self, owner: Any, depth: int) -> str:
        """A field that may still be asked for so deep down; objects more often than not."""
        if owner.name.endswith(PLUMBING):
            return self._of_connection(owner)
        leaves, objects = list[str](), list[str]()
        for name, each in owner.fields.items():
            kind = get_named_type(each.type)
            if is_leaf_type(kind):
                leaves.append(name)
            elif self._is_flat(kind) or (depth > 0 and self.fields < MOST_FIELDS):
                objects.append(name)
        pool = objects if objects and self.choice.chance(45) else leaves
        return self.choice.pick(pool or objects)

    def _of_connection(self, owner: Any) -> str:
        if owner.name.endswith("Edge"):
            return self.choice.pick(("node", "cursor"))
        return self.choice.pick(("nodes", "nodes", "edges", "totalCount", "pageInfo"))

    def _is_flat(self, kind: Any) -> bool:
        """Whether all below it is made of its parent's columns."""
        return not self._is_node(kind) and not kind.name.endswith(PLUMBING) and kind.name != "Query"

    # Fields

    def _field(self, owner: Any, name: str, depth: int, level: int) -> str:
        self.fields += 1
        key = self._key(owner, name)
        chosen = self.chosen.get((owner.name, key))
        declared = owner.fields[chosen.name if chosen else name]
        if chosen is None:
            arguments = self._arguments(declared, noun_of(declared), level)
            chosen = self.chosen[owner.name, key] = Chosen(name, arguments)
        alias = "" if key == chosen.name else f"{key}: "
        head = f"{alias}{chosen.name}{chosen.arguments}{self._condition()}"
        kind = get_named_type(declared.type)
        if is_leaf_type(kind):
            return head
        if kind.name == "Node":
            return f"{head} {self._any_node(depth, level)}"
        inside = depth if kind.name.endswith(PLUMBING) or self._is_flat(kind) else depth - 1
        below = level + bool(sorts_of(declared))
        return f"{head} {self._selection(kind, inside, below)}"

    def _key(self, owner: Any, name: str) -> str:
        """The response name: mostly the field's own, or one that was given before, or a new one."""
        lottery = self.choice.number(99)
        if lottery >= 88 and name != "node":
            alias = self.choice.pick(ALIASES)
            taken = self.chosen.get((owner.name, alias))
            if taken is None or taken.name == name:
                return alias
            return f"{alias}{len(self.chosen)}"
        if lottery >= 80 and self._accepts_other_arguments(owner, name):
            return f"{name}{len(self.chosen)}"
        taken = self.chosen.get((owner.name, name))
        return name if taken is None or taken.name == name else f"{name}{len(self.chosen)}"

    def _accepts_other_arguments(self, owner: Any, name: str) -> bool:
        return bool(owner.fields[name].args)

    def _any_node(self, depth: int, level: int) -> str:
        """``Node`` with what one noun has beyond it, the same in all of the document."""
        self.noun = self.noun or self.choice.pick(sorted(self.world.ids))
        inner = self._selection(self.types[self.noun], depth - 1, level)
        return f"{{ __typename id ... on {self.noun} {inner} }}"

    # Arguments and conditions

    def _arguments(self, declared: Any, noun: str, level: int) -> str:
        given: dict[str, Callable[[], Any]] = {}
        sorts = sorts_of(declared)
        if sorts is not None:
            most = 250 if level == 0 and self.choice.chance(10) else (20, 4, 2, 2)[min(level, 3)]
            pages, sort = self.values.windows(), None
            if self.choice.chance(40):
                draw = partial(self.values.of, declared.args["sort"].type, "sort", noun)
                word = draw()
                sort = word.name
                # A cursor is good for one order only.
                given["sort"] = (lambda: word) if {"after", "before"} & set(pages) else draw
            if level > 0 and not {"first", "last"} & set(pages):
                pages.append("first")
            for name in pages:
                if name in ("first", "last"):
                    given[name] = partial(self.values.size, most=most)
                else:
                    given[name] = partial(self.values.cursor, declared, sort)
        for name, argument in declared.args.items():
            if name in ("first", "after", "last", "before", "sort"):
                continue
            if is_required_argument(argument) or self.choice.chance(30):
                given[name] = partial(self.values.of, argument.type, name, noun)
        parts = [
            f"{name}: {self._value(declared.args[name].type, value, name)}"
            for name, value in given.items()
        ]
        return f"({', '.join(parts)})" if parts else ""

    def _value(self, kind: Any, value: Callable[[], Any], argument: str) -> str:
        """The value itself, or a variable that has it: as given, as its default, or not at all."""
        # Pages are turned by variables, which the first page does without.
        turns = argument in ("after", "before")
        if not self.choice.chance(65 if turns else 35):
            return literal(value())
        text, name, default = str(kind), f"v{len(self.declared)}", ""
        if self.known.get(text) and self.choice.chance(20):
            return f"${self.known[text]}"
        lottery = self.choice.number(9)
        if lottery >= 7 and (found := value()) is not None:
            default = f" = {literal(found)}"
            if lottery == 9:  # what has a default may stand even where null must not
                text = text.removesuffix("!")
        elif lottery == 6:
            text = f"{text.removesuffix('!')}!"
        self.declared.append(f"${name}: {text}{default}")
        self.known[str(kind)] = name
        for variables in self.rounds:
            if not (turns and not text.endswith("!") and self.choice.chance(30)):
                self._give(variables, name, value, text, default)
        return f"${name}"

    def _give(
        self,
        variables: dict[str, Any],
        name: str,
        value: Callable[[], Any],
        kind: str,
        default: str,
    ) -> None:
        may_lack, may_be_null = not kind.endswith("!") or default, not kind.endswith("!")
        lottery = self.choice.number(19)
        if lottery >= 17 and may_lack:
            return
        found = None if lottery == 16 and may_be_null and not default else plain(value())
        if type(found) is int and self.choice.chance(5):
            found = float(found)  # as some languages write all of their numbers
        if found is not None or may_be_null:
            variables[name] = found

    def _condition(self) -> str:
        if not self.choice.chance(7):
            return ""
        name = self.choice.pick(("include", "skip"))
        other = {"include": "skip", "skip": "include"}[name]
        both = f" @{other}(if: {self._flag()})" if self.choice.chance(10) else ""
        return f" @{name}(if: {self._flag()}){both}"

    def _flag(self) -> str:
        lottery = self.choice.number(9)
        if lottery < 2:
            return ("true", "false")[lottery]
        if self.flags and (len(self.flags) == 3 or lottery < 6):
            return f"${self.choice.pick(self.flags)}"
        name = f"f{len(self.flags)}"
        self.flags.append(name)
        default = ("", " = true", " = false")[self.choice.number(2)]
        self.declared.append(f"${name}: Boolean{default or '!'}")
        for variables in self.rounds:
            # Null where a default stands: valid, and found out when it is executed.
            is_null = default and self.choice.chance(1)
            if not default or self.choice.chance(50):
                variables[name] = None if is_null else bool(self.choice.number(1))
        return f"${name}"


def written(choice: Choice, world: World) -> Document:
    home = ODD if choice.number(9) < 6 else DEMO
    return Writer(choice, world, home).document()
