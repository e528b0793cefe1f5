"""Where a source file can be changed, and into what: text of a module in, changes out. Nothing is read or run here.

Three sorts of change, because a table, a table of states and code are wrong in different ways:

cells       a width, a need, a code that is missing
moves       an entry of a table of states that leads elsewhere, is missing or is too many
conditions  a comparison, a constant, a word of logic
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Change:
    """The characters from `start` to `end` of `path` become `after`. line: of `start`, from 1."""

    path: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def applied(self, text: str) -> str:
        """The text with the change. ValueError if it is not the text that the change was found in."""
        if text[self.start : self.end] != self.before:
            raise ValueError(f"{self.path}:{self.line} is not what it was")
        return text[: self.start] + self.after + text[self.end :]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before!r} -> {self.after!r}"


class Span(NamedTuple):
    """A piece of the text."""

    start: int
    end: int


class Source:
    """One module: its text, its tree, and where each node stands in the text."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text, self.tree = path, text, ast.parse(text)
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._bytes = [line.encode() for line in text.splitlines(keepends=True)]

    def span(self, node: ast.expr) -> Span:
        return Span(
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno or 0, node.end_col_offset or 0),
        )

    def _offset(self, line: int, column: int) -> int:
        """Columns of a tree count bytes."""
        return self._lines[line - 1] + len(self._bytes[line - 1][:column].decode())

    def change(self, span: Span, after: str) -> Change:
        line = self.text.count("\n", 0, span.start) + 1
        return Change(self.path, line, span.start, span.end, self.text[span.start : span.end], after)

    def nodes(self) -> Iterator[ast.AST]:
        """Every node of code that runs: no annotations, no docstrings, no words of messages, no `TYPE_CHECKING`."""
        waiting: list[ast.AST] = [self.tree]
        while waiting:
            node = waiting.pop(0)
            yield node
            waiting[:0] = [child for child in ast.iter_child_nodes(node) if not _silent(node, child)]


def _silent(parent: ast.AST, child: ast.AST) -> bool:
    """True for what does not run, or only makes words for people."""
    if child in (getattr(parent, "annotation", None), getattr(parent, "returns", None)):
        return True
    if isinstance(parent, ast.If) and ast.unparse(parent.test) == "TYPE_CHECKING":
        return True
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    names = [target.id for target in getattr(parent, "targets", ()) if isinstance(target, ast.Name)]
    return "__all__" in names or isinstance(child, ast.JoinedStr | ast.ImportFrom | ast.Import)


# ---------------------------------------------------------------- conditions

COMPARED = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
}


def conditions(source: Source) -> Iterator[Change]:
    """Comparisons, `and`, `or`, `not`, numbers and truth values."""
    for node in source.nodes():
        if isinstance(node, ast.Compare):
            yield from _comparison(source, node)
        elif isinstance(node, ast.BoolOp):
            yield from _logic(source, node)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            start = source.span(node).start
            yield source.change(Span(start, source.span(node.operand).start), "")
        elif isinstance(node, ast.Constant):
            yield from number(source, node)


def _comparison(source: Source, node: ast.Compare) -> Iterator[Change]:
    left = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        sign, others = COMPARED[type(operator)]
        between = Span(source.span(left).end, source.span(right).start)
        at = source.text.find(sign, between.start, between.end)
        if at >= 0:
            yield from (source.change(Span(at, at + len(sign)), other) for other in others)
        left = right


def _logic(source: Source, node: ast.BoolOp) -> Iterator[Change]:
    word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    between = source.span(node.values[0]).end
    found = re.compile(rf"\b{word}\b").search(source.text, between, source.span(node.values[1]).start)
    if found:
        yield source.change(Span(*found.span()), other)


def number(source: Source, node: ast.Constant) -> Iterator[Change]:
    """A number one more and one less, a truth value turned round."""
    value = node.value
    if isinstance(value, bool):
        yield source.change(source.span(node), str(not value))
    elif isinstance(value, int):
        yield from (
            source.change(source.span(node), repr(value + step)) for step in (1, -1) if value + step >= 0
        )
    elif isinstance(value, float):
        yield from (source.change(source.span(node), repr(value * factor)) for factor in (2, 0.5) if value)


# ---------------------------------------------------------------- cells of tables

NEEDS = ("M", "O", "D")
WIDTHS = ("50", "90")
TYPE_WORD = re.compile(r"\b[A-Z]{3,7}\b")


def cells(source: Source) -> Iterator[Change]:
    """Numbers, needs, listed codes and names of types in the literals at the top of a module."""
    for node in source.tree.body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and value is not None:
            yield from _cells_of(source, value)


def _cells_of(source: Source, table: ast.expr) -> Iterator[Change]:
    if isinstance(table, ast.Subscript) and ast.unparse(table.value) == "Literal":
        return  # a name for a type
    for node in ast.walk(table):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str) and node.value in NEEDS:
                yield from (source.change(source.span(node), f'"{o}"') for o in NEEDS if o != node.value)
            elif isinstance(node.value, str) and len(TYPE_WORD.findall(node.value)) > 1:
                yield from _types(source, node)
            elif not isinstance(node.value, str | bytes):
                yield from number(source, node)
        yield from _left_out(source, node)


def _types(source: Source, node: ast.Constant) -> Iterator[Change]:
    """A type taken away from those that have a field."""
    span = source.span(node)
    text = source.text[span.start : span.end]
    if text.replace('"', "").split() == node.value.split():
        for found in TYPE_WORD.finditer(text):
            rest = text[: found.start()] + text[found.end() :]
            rest = re.sub(r'(?<=") | (?= |")', "", rest)
            yield source.change(span, rest)


def _left_out(source: Source, node: ast.AST) -> Iterator[Change]:
    """An element left out of a tuple, list, set or dict with at least three."""
    for element in pieces(source, node):
        yield source.change(element, "")


def pieces(source: Source, node: ast.AST) -> list[Span]:
    """Each element with the comma behind it; nothing where fewer than three elements stand."""
    if isinstance(node, ast.Dict):
        ends = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key]
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        ends = [(each, each) for each in node.elts]
    else:
        return []
    spans = [Span(source.span(first).start, source.span(last).end) for first, last in ends]
    commas = [re.compile(r"\s*,").match(source.text, span.end) for span in spans]
    if len(spans) < 3:
        return []
    return [Span(span.start, comma.end()) for span, comma in zip(spans, commas, strict=True) if comma]


# ---------------------------------------------------------------- moves of tables of states


def moves(source: Source) -> Iterator[Change]:
    """In every literal keyed or made up of members of an enumeration: one left out, one changed, one added."""
    members = enumerations(source.tree)
    for node in source.tree.body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and value is not None:
            for table in ast.walk(value):
                if any(_member(each, members) for each in ast.walk(table)):
                    yield from _moves_of(source, table, members)


def enumerations(tree: ast.Module) -> dict[str, tuple[str, ...]]:
    """The enumerations of a module and the short names it has for them (`_S = State`), with their members."""
    found: dict[str, tuple[str, ...]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases):
            found[node.name] = tuple(
                target.id
                for each in node.body
                if isinstance(each, ast.Assign)
                for target in each.targets
                if isinstance(target, ast.Name)
            )
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                names = [target, *getattr(target, "elts", ())]
                values = [node.value, *getattr(node.value, "elts", ())]
                for name, value in zip(names, values, strict=False):
                    if isinstance(name, ast.Name) and isinstance(value, ast.Name) and value.id in found:
                        found[name.id] = found[value.id]
    return found


def _member(node: ast.AST, members: dict[str, tuple[str, ...]]) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.attr in members.get(node.value.id, ())
    )


def _moves_of(source: Source, table: ast.AST, members: dict[str, tuple[str, ...]]) -> Iterator[Change]:
    for piece in pieces(source, table):
        yield source.change(piece, "")
    if isinstance(table, ast.Dict):
        for key, value in zip(table.keys, table.values, strict=True):
            if key and _member(value, members):
                yield from _elsewhere(source, value, members)
            if isinstance(key, ast.Tuple):
                yield from _one_more(source, table, key, value, members)
    elif isinstance(table, ast.Tuple | ast.List | ast.Set):
        for each in table.elts:
            if _member(each, members) and not _is_key(source.tree, table):
                yield from _elsewhere(source, each, members)


def _is_key(tree: ast.Module, table: ast.AST) -> bool:
    return any(isinstance(node, ast.Dict) and table in node.keys for node in ast.walk(tree))


def _others(node: ast.AST, members: dict[str, tuple[str, ...]]) -> list[str]:
    assert isinstance(node, ast.Attribute)
    assert isinstance(node.value, ast.Name)
    return [f"{node.value.id}.{name}" for name in members[node.value.id] if name != node.attr]


def _elsewhere(source: Source, node: ast.expr, members: dict[str, tuple[str, ...]]) -> Iterator[Change]:
    for other in _others(node, members):
        yield source.change(source.span(node), other)


def _one_more(
    source: Source, table: ast.Dict, key: ast.Tuple, value: ast.expr, members: dict[str, tuple[str, ...]]
) -> Iterator[Change]:
    """A move that the table does not have, put in front of one that it has."""
    have = {ast.unparse(each) for each in table.keys if each}
    start = source.span(key).start
    if all(_member(each, members) for each in key.elts):
        for other in _others(key.elts[-1], members):
            new = f"({', '.join([*map(ast.unparse, key.elts[:-1]), other])})"
            if new not in have:
                yield source.change(Span(start, start), f"{new}: {ast.unparse(value)}, ")


SORTS: dict[str, Callable[[Source], Iterator[Change]]] = {
    "cells": cells,
    "moves": moves,
    "conditions": conditions,
}


def changes(path: str, text: str, sort: str) -> list[Change]:
    """Every change of one sort, whether or not it compiles."""
    return list(dict.fromkeys(SORTS[sort](Source(path, text))))


def makes_a_difference(change: Change, text: str) -> bool:
    """True when the changed text compiles and is not the same program as before."""
    try:
        changed = ast.parse(change.applied(text))
    except SyntaxError:
        return False
    return ast.dump(changed) != ast.dump(ast.parse(text))
