"""docs/limits.md against the code, both ways: a number that changes has to change where people read it too."""

from __future__ import annotations

import ast
import datetime as dt
import importlib
import re
from pathlib import Path

import pytest

FOLDERS = (
    "drivers", "drivers/links", "drivers/models",
    "offline_queue", "offline_queue/relay", "offline_queue/signers", "offline_queue/transports",
    "station", "station/policy", "station/records",
)  # fmt: skip
TABLES = {("station/booking_plan.py", "FINGERS"), ("station/records/prints.py", "NFIQ2_VENDOR")}
"""What is no limit."""
UNITS = {"KiB": 1024, "MiB": 1024**2, "ms": 0.001, "s": 1, "min": 60, "h": 3600}
Number = int | float


def read(cell: str, name: str) -> Number | tuple[Number, ...]:
    """A value as it is written on the page, in the unit of the constant: 60 s, 4 MiB, 0x1F, 1, 2, 3."""
    if ", " in cell:
        return tuple(_number(part, name) for part in cell.split(", "))
    return _number(cell, name)


def _number(cell: str, name: str) -> Number:
    digits, _, unit = cell.partition(" ")
    digits = digits.replace(",", "")
    value = int(digits, 0) if re.fullmatch(r"0x[0-9A-F]+|0o[0-7]+|\d+", digits) else float(digits)
    if not unit or (unit == "ms" and name.endswith("_MS")):
        return value
    return value * UNITS[unit]


def page(repo: Path) -> dict[tuple[str, str], str]:
    """(file, name) → the value as it is written."""
    rows = re.findall(
        r"(?m)^\| `([\w/]+\.py)` \| `(\w+)` \| ([^|]+) \| [^|]+ \|$",
        (repo / "docs/limits.md").read_text("utf-8"),
    )
    assert len({row[:2] for row in rows}) == len(rows), "a name stands twice"
    return {(file, name): value for file, name, value in rows}


def plain(value: object) -> Number | tuple[Number, ...] | None:
    """A number, a time in seconds, or a tuple of numbers; None for anything else."""
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, tuple) and value and all(isinstance(each, int | float) for each in value):
        return value
    return None


def named(tree: ast.Module) -> set[str]:
    """Names that a module gives a value with a number in it, at its top."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            numbers = (each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant))
            if any(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {
                    each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)
                }
    return found


def in_the_code(repo: Path) -> dict[tuple[str, str], Number | tuple[Number, ...]]:
    """(file, name) → value, of every named number at the top of a module."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((repo / folder).glob("*.py")):
            file = str(path.relative_to(repo))
            if re.search(r"/(fields|codes)", file):
                continue  # tables of the standard, which have their own second table
            names = named(ast.parse(path.read_text("utf-8")))
            if names:
                module = importlib.import_module(file[:-3].replace("/", "."))
                values = {name: plain(getattr(module, name)) for name in names}
                found |= {(file, name): value for name, value in values.items() if value is not None}
    return {key: value for key, value in found.items() if key not in TABLES}


def test_the_page_has_every_number_of_the_code_with_its_value_and_no_other(repo: Path) -> None:
    written, real = page(repo), in_the_code(repo)
    assert sorted(set(real) - set(written)) == [], "numbers that the page does not have"
    assert sorted(set(written) - set(real)) == [], "rows whose number is gone"
    wrong = {
        key: (cell, real[key])
        for key, cell in written.items()
        if read(cell, key[1]) != pytest.approx(real[key], rel=1e-9)
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("cell", "name", "value"),
    [
        ("60 s", "X_S", 60), ("50 ms", "X_S", 0.05), ("2,000 ms", "X_MS", 2000), ("15 min", "WINDOW", 900),
        ("4 MiB", "X", 4194304), ("0x1F", "X", 31), ("0o660", "X", 432), ("1, 2", "X", (1, 2)), ("0.01", "X", 0.01),
    ],
)  # fmt: skip
def test_a_value_of_the_page_is_read_in_the_unit_of_its_name(cell: str, name: str, value: object) -> None:
    assert read(cell, name) == value
