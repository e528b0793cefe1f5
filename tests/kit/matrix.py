"""A table of states written as one reads it: rows are states, columns events, a cell the next state, `-` refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable


def read(text: str) -> dict[tuple[str, str], str]:
    """(state, event) → the next state, or `-`. Every cell of the matrix is in it."""
    lines = [line.split() for line in text.strip().splitlines()]
    events, rows = lines[0], lines[1:]
    assert all(len(row) == len(events) + 1 for row in rows), "a row has more or fewer cells than the head"
    return {(row[0], event): cell for row in rows for event, cell in zip(events, row[1:], strict=True)}


def wrong_cells(
    text: str,
    states: Iterable[str],
    events: Iterable[str],
    step: Callable[[str, str], str],
    refused: type[Exception],
    code: str,
) -> list[str]:
    """The cells where `step` leads elsewhere than the matrix says; it refuses by `refused` with that code.

    The matrix has to have every pair of a state and an event, and no other.
    """
    expected = read(text)
    assert set(expected) == set(itertools.product(map(str, states), map(str, events)))
    found = {}
    for state, event in expected:
        try:
            found[state, event] = step(state, event)
        except refused as error:
            found[state, event] = "-" if getattr(error, "code", "") == code else repr(error)
    return [
        f"{cell}: {found[cell]}, should be {following}"
        for cell, following in expected.items()
        if found[cell] != following
    ]
