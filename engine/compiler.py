"""From a validated operation to a plan."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)

from engine import kinds
from engine.arguments import Arguments
from engine.fields import (
    DECLARATION,
    Batched,
    Column,
    Computed,
    Encoded,
    Kind,
    Record,
    Relation,
    Scope,
    name_of,
)
from engine.leaves import Leaves, completed
from engine.objects import definition_of, object_completed
from engine.plan import Batch, Deferred, Given, Page, Plan, Shaping
from engine.refusals import Uncompilable
from engine.selections import Selections
from engine.source import Source, unpacked
from engine.statements import AnyBinds, Builder

TYPENAME = "__typename"
SORT = "sort"
_PAGE_INFO = {
    "hasNextPage": "(before if backward else key in more)",
    "hasPreviousPage": "(key in more if backward else after)",
    "startCursor": "first.get(key)",
    "endCursor": "last.get(key)",
}


class Compiler:
    """Compiles one operation, once. Raises ``Uncompilable`` where the reference has to do."""

    def __init__(
        self,
        schema: GraphQLSchema,
        selections: Selections,
        arguments: Arguments,
        leaves: Leaves,
    ) -> None:
        self._schema = schema
        self._selections = selections
        self._arguments = arguments
        self._leaves = leaves
        self._batches: list[Batch] = []
        self._deferred: list[Deferred] = []
        self._unfinished: list[tuple[Batch, int, Source]] = []
        self._slots = 0
        self._permissions: set[str] = set()

    def plan(
        self, operation: OperationDefinitionNode, scope: Scope, dialect: Any, binds: AnyBinds
    ) -> Plan:
        if operation.operation is not OperationType.QUERY:
            raise Uncompilable("operation", operation.operation.value)
        root = self._schema.query_type
        if root is None:
            raise Uncompilable("no query type")
        source = Source("root", "m, bound")
        parts: list[str] = []
        for key, nodes in self._selections.fields(root, [operation.selection_set]).items():
            parts.append(f"{key!r}: {self._root_field(source, root, nodes)}")
        source.line(f"return {{{', '.join(parts)}}}")
        for batch in self._batches:
            if not batch.columns and (key := batch.relation.rows.id) is not None:
                batch.place(name_of(key), key)  # rows are there to be counted, at least
        for batch, slot, unfinished in self._unfinished:
            # Only now is it known which columns the statement has.
            unfinished.loop = f"for {unpacked(len(batch.columns))} in rows:"
            batch.shapings.append(Shaping(slot, unfinished.function(), unfinished.text))
        for number, level in enumerate((*self._batches, *self._deferred)):
            level.number = number
        return Plan(
            batches=tuple(self._batches),
            deferred=tuple(self._deferred),
            slots=self._slots,
            root=source.function(),
            root_source=source.text,
            permissions=frozenset(self._permissions),
            builder=Builder(dialect, binds, scope),
            binds=binds,
        )

    def _slot(self) -> int:
        self._slots += 1
        return self._slots - 1

    def _declared(self, owner: GraphQLObjectType, name: str) -> tuple[Any, Any]:
        field: Any = owner.fields[name]
        definition = definition_of(field)
        if definition is None or definition.extensions:
            raise Uncompilable("extension", f"{owner.name}.{name}")
        declaration = definition.metadata.get(DECLARATION)
        if declaration is None:
            raise Uncompilable("opaque", f"{owner.name}.{name}")
        return field, declaration

    # Relations

    def _root_field(self, source: Source, root: GraphQLObjectType, nodes: list[FieldNode]) -> str:
        name = nodes[0].name.value
        if name == TYPENAME:
            return repr(root.name)
        if name.startswith("__"):
            raise Uncompilable("introspection")
        field, declaration = self._declared(root, name)
        if not isinstance(declaration, Relation):
            raise Uncompilable("opaque", f"{root.name}.{name}")
        number = len(self._batches)
        batch = self._batch(root, field, nodes, declaration, None)
        if declaration.rows.kind is Kind.PAGE:
            return f"m[{self._page(batch, field, nodes)}](None)"
        slot = self._rows(batch, field, nodes)
        keys = f"bound[{number}].keys"
        if declaration.rows.kind is Kind.MANY:
            return f"(m[{slot}].get({keys}[0], EMPTY) if {keys} else EMPTY)"
        found = f"(m[{slot}].get({keys}[0]) if {keys} else None)"
        return f"required({found})" if kinds.is_required(field.type) else found

    def _related(  # noqa: PLR0917
        self,
        source: Source,
        owner: GraphQLObjectType,
        field: Any,
        nodes: list[FieldNode],
        relation: Relation,
        parent: Batch,
    ) -> str:
        """The expression of a relation's result, where ``c…`` are the columns of the parent."""
        if relation.on is None:
            raise Uncompilable("opaque", f"{owner.name}.{nodes[0].name.value}")
        kind = relation.rows.kind
        batch = self._batch(owner, field, nodes, relation, parent)
        at = f"c{batch.parent_key}"
        if kind is Kind.PAGE:
            return f"{source.map(self._page(batch, field, nodes))}({at})"
        if kind is Kind.VALUE:
            found = source.map(self._values(batch, field))
            return f"{found}.get({at}, {completed(field.type)(relation.rows.default)!r})"
        found = source.map(self._rows(batch, field, nodes))
        if relation.each is not None:
            each = source.give(relation.each)
            return f"[{found}[k] for k in {each}({at}) if k in {found}]"
        if kind is Kind.MANY:
            return f"{found}.get({at}, EMPTY)"
        return f"{found}[{at}]" if kinds.is_required(field.type) else f"{found}.get({at})"

    def _batch(
        self,
        owner: GraphQLObjectType,
        field: Any,
        nodes: list[FieldNode],
        relation: Relation,
        parent: Batch | None,
    ) -> Batch:
        rows = relation.rows
        if rows.permission is not None:
            self._permissions.add(rows.permission)
        at = -1
        if parent is not None and relation.on is not None:
            at = parent.place(name_of(relation.on), relation.on)
        batch = Batch(
            f"{owner.name}.{nodes[0].name.value}",
            relation,
            self._arguments.bound(field, nodes[0], relation.bind),
            parent,
            at,
        )
        self._batches.append(batch)
        if rows.kind is Kind.VALUE:
            batch.columns = ["key", "value"]
        elif rows.key is not None:
            batch.key = batch.place(name_of(rows.key), rows.key)
        return batch

    def _rows(self, batch: Batch, field: Any, nodes: list[FieldNode]) -> int:
        """The slot of the map from a key to its object, or to the list of its objects."""
        kind: Any = kinds.named(field.type)
        if not kinds.is_object(kind):
            raise Uncompilable("abstract", str(field.type))
        if batch.relation.rows.kind is Kind.ONE and batch.relation.each is None:
            into = "Required()" if kinds.is_required(field.type) else "{}"
            return self._shaping(batch, kind, nodes, f"found[c{batch.key}] = value", into)
        if not _is_required_list(field.type):
            raise Uncompilable("nullable list", str(field.type))
        if batch.relation.each is not None:
            return self._shaping(batch, kind, nodes, f"found[c{batch.key}] = value")
        return self._shaping(batch, kind, nodes, _grouped(f"c{batch.key}"))

    def _shaping(
        self,
        batch: Batch,
        kind: GraphQLObjectType,
        nodes: list[FieldNode],
        keep: str,
        into: str = "{}",
    ) -> int:
        source = Source("shape", "rows, m, window")
        fields = self._selections.below(kind, nodes)
        source.line(f"found = {into}")
        source.loop_at_end(f"value = {self._object(source, batch, kind, fields)}", keep)
        source.line("return found")
        return self._finish_later(batch, source)

    def _finish_later(self, batch: Batch, source: Source) -> int:
        slot = self._slot()
        self._unfinished.append((batch, slot, source))
        return slot

    def _values(self, batch: Batch, field: Any) -> int:
        source = Source("shape", "rows, m, window")
        convert = source.give(completed(field.type))
        source.line(f"return {{key: {convert}(value) for key, value in rows}}")
        return self._finish_later(batch, source)

    # Connections (Relay cursor connections specification)

    def _page(self, batch: Batch, field: Any, nodes: list[FieldNode]) -> int:
        """The slot of a function that gives the connection object of a key."""
        kind: Any = kinds.named(field.type)
        page = Page(self._slot())
        batch.page = page
        key = "None" if batch.parent is None else f"c{batch.key}"
        source = Source("build", "page")
        source.line("m, more, first, last = page.maps, page.more, page.first, page.last")
        source.line("window, counts = page.window, page.counts")
        source.line("backward = window.backward")
        source.line("before, after = window.before is not None, window.after is not None")
        parts: list[str] = []
        for name, found in self._selections.below(kind, nodes).items():
            parts.append(f"{name!r}: {self._page_field(batch, page, kind, found, key)}")
        source.line(f"return lambda key: {{{', '.join(parts)}}}")
        page.build, page.source = source.function(), source.text
        return page.slot

    def _page_field(
        self, batch: Batch, page: Page, owner: GraphQLObjectType, nodes: list[FieldNode], key: str
    ) -> str:
        name = nodes[0].name.value
        if name == TYPENAME:
            return repr(owner.name)
        kind: Any = kinds.named(owner.fields[name].type)
        if name == "totalCount":
            page.counts = True
            return "counts.get(key, 0)"
        page.has_rows = True
        if name == "nodes":
            slot = self._shaping(batch, kind, nodes, _grouped(key))
            return f"m[{slot}].get(key, ())"
        if name == "edges":
            return f"m[{self._edges(batch, kind, nodes, key)}].get(key, ())"
        if name == "pageInfo":
            return self._page_info(batch, page, kind, nodes)
        raise Uncompilable("opaque", f"{owner.name}.{name}")

    def _page_info(
        self, batch: Batch, page: Page, kind: GraphQLObjectType, nodes: list[FieldNode]
    ) -> str:
        parts: list[str] = []
        for key, found in self._selections.below(kind, nodes).items():
            name = found[0].name.value
            if name.startswith("has"):
                page.looks_ahead = True
            elif name.endswith("Cursor"):
                page.has_cursors = True
                page.sort, page.sorting, page.id = self._cursor_columns(batch)
            value = repr(kind.name) if name == TYPENAME else _PAGE_INFO[name]
            parts.append(f"{key!r}: {value}")
        return f"{{{', '.join(parts)}}}"

    def _cursor_columns(self, batch: Batch) -> tuple[int, Callable[[str], Any], int]:
        """Where a cursor's value and key are, and what gives the value's conversion for a sort."""
        rows = batch.relation.rows
        if rows.id is None or rows.sorted_by is None:
            raise Uncompilable("no cursor", batch.name)
        sorted_by = rows.sorted_by

        def sorting(sort: str) -> Any:
            return self._leaves.python(sorted_by(sort)) or _as_it_is

        return batch.place(SORT, SORT), sorting, batch.place(name_of(rows.id), rows.id)

    def _edges(
        self, batch: Batch, kind: GraphQLObjectType, nodes: list[FieldNode], key: str
    ) -> int:
        source = Source("shape", "rows, m, window")
        parts: list[str] = []
        for name, found in self._selections.below(kind, nodes).items():
            parts.append(f"{name!r}: {self._edge_field(source, batch, kind, found)}")
        source.line("found = {}")
        source.loop_at_end(f"value = {{{', '.join(parts)}}}", _grouped(key))
        source.line("return found")
        return self._finish_later(batch, source)

    def _edge_field(
        self, source: Source, batch: Batch, kind: GraphQLObjectType, nodes: list[FieldNode]
    ) -> str:
        name = nodes[0].name.value
        if name == TYPENAME:
            return repr(kind.name)
        if name == "cursor":
            sort, sorting, key = self._cursor_columns(batch)
            cursor = source.give(batch.relation.rows.cursor)
            python = source.first("python", f"{source.give(sorting)}(window.sort)")
            return f"{cursor}(window.sort, {python}(c{sort}), c{key})"
        if name == "node":
            inner: Any = kinds.named(kind.fields[name].type)
            return self._object(source, batch, inner, self._selections.below(inner, nodes))
        raise Uncompilable("opaque", f"{kind.name}.{name}")

    # Objects made of rows

    def _object(
        self,
        source: Source,
        batch: Batch,
        owner: GraphQLObjectType,
        fields: Mapping[str, list[FieldNode]],
    ) -> str:
        parts: list[str] = []
        for key, nodes in fields.items():
            name = nodes[0].name.value
            if name == TYPENAME:
                parts.append(f"{key!r}: {owner.name!r}")
                continue
            field, declaration = self._declared(owner, name)
            if isinstance(declaration, Relation):
                value = self._related(source, owner, field, nodes, declaration, batch)
            elif isinstance(declaration, Record):
                value = self._record(source, batch, field, nodes, declaration)
            elif isinstance(declaration, Batched):
                value = self._batched(source, batch, field, nodes, declaration)
            else:
                value = self._value(source, batch, field, nodes, declaration)
            parts.append(f"{key!r}: {value}")
        return f"{{{', '.join(parts)}}}"

    def _value(
        self,
        source: Source,
        batch: Batch,
        field: Any,
        nodes: list[FieldNode],
        declaration: Column | Computed | Encoded,
    ) -> str:
        if isinstance(declaration, Column):
            return self._column(source, batch, field, declaration)
        values = ", ".join(self._python(source, batch, need) for need in declaration.needs)
        found = f"{source.give(declaration.function)}({values})"
        if isinstance(declaration, Encoded):
            return found
        convert = object_completed(self._selections, field.type, nodes)
        return f"{source.give(convert)}({found})"

    def _column(self, source: Source, batch: Batch, field: Any, declaration: Column) -> str:
        column = declaration.column
        value = f"c{batch.place(name_of(column), column)}"
        kind, is_required = kinds.nullable(field.type), kinds.is_required(field.type)
        if not kinds.is_leaf(kind):
            convert = source.give(completed(field.type))
            return f"{convert}({self._python(source, batch, column)})"
        template, fast = self._leaves.fast(column, kind)
        function = "" if fast.convert is None else source.give(fast.convert)
        found = template.format(v=value, f=function)
        if fast.gives_null and is_required:
            found = f"required({found})"
        if not column.property.columns[0].nullable or (found == value and not is_required):
            return found
        return f"({found} if {value} is not None else {'irregular()' if is_required else 'None'})"

    def _python(self, source: Source, batch: Batch, column: Any) -> str:
        """A column's value as the ORM would give it."""
        value = f"c{batch.place(name_of(column), column)}"
        convert = self._leaves.python(column)
        if convert is None:
            return value
        return f"(None if {value} is None else {source.give(convert)}({value}))"

    def _record(
        self, source: Source, batch: Batch, field: Any, nodes: list[FieldNode], record: Record
    ) -> str:
        kind: Any = kinds.named(field.type)
        parts: list[str] = []
        for key, found in self._selections.below(kind, nodes).items():
            name = found[0].name.value
            if name == TYPENAME:
                parts.append(f"{key!r}: {kind.name!r}")
            else:
                inner = self._value(source, batch, kind.fields[name], found, record.fields[name])
                parts.append(f"{key!r}: {inner}")
        made = f"{{{', '.join(parts)}}}"
        present = record.present
        if not present.property.columns[0].nullable:
            return made
        value = f"c{batch.place(name_of(present), present)}"
        otherwise = "irregular()" if kinds.is_required(field.type) else "None"
        return f"({made} if {value} is not None else {otherwise})"

    def _batched(
        self, source: Source, batch: Batch, field: Any, nodes: list[FieldNode], declared: Batched
    ) -> str:
        if declared.permission is not None:
            self._permissions.add(declared.permission)
        given = self._arguments.bound(field, nodes[0], Given)
        places = tuple(batch.place(name_of(need), need) for need in declared.needs)
        python = tuple(self._leaves.python(need) for need in declared.needs)
        deferred = Deferred(declared, batch, places, python, self._slot(), given)
        self._deferred.append(deferred)
        key = "".join(f"c{place}, " for place in places)
        convert = source.give(object_completed(self._selections, field.type, nodes))
        return f"{convert}({source.map(deferred.slot)}[({key})])"


def _as_it_is(value: Any) -> Any:
    return value


def _is_required_list(kind: Any) -> bool:
    return kinds.is_required(kind) and kinds.is_required(kinds.item(kind))


def _grouped(key: str) -> str:
    return f"found.setdefault({key}, []).append(value)"
