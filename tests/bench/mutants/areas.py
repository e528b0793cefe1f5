"""What is changed: one row an area. And for each source file the tests that know it best."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from pathlib import Path

from tests.bench.mutants.sites import Change, changes, makes_a_difference


@dataclass(frozen=True)
class Area:
    """files: patterns below the tree. sort: of change (`sites.SORTS`). limit: which share may survive."""

    name: str
    files: tuple[str, ...]
    sort: str
    limit: float
    never: tuple[str, ...] = ()


AREAS = (
    Area(
        "states",
        (
            "drivers/*.py",
            "offline_queue/*.py",
            "offline_queue/relay/*.py",
            "station/*.py",
            "station/kiosk/*.py",
        ),
        "moves",
        0.0,
    ),
    Area(
        "widths",
        (
            "station/records/fields*.py",
            "station/records/codes*.py",
            "station/records/tables.py",
            "station/records/tot/*.py",
        ),
        "cells",
        0.0,
    ),
    Area(
        "conditions",
        (
            "offline_queue/*.py",
            "offline_queue/relay/*.py",
            "station/policy/*.py",
            "station/records/*.py",
            "station/booking*.py",
            "station/capture*.py",
            "station/access.py",
            "station/set_check.py",
            "station/responses*.py",
            "station/flow.py",
        ),
        "conditions",
        0.05,
        ("station/records/fields*.py", "station/records/codes*.py", "station/records/tables.py"),
    ),
    Area(
        "drivers",
        (
            "drivers/*.py",
            "drivers/models/*.py",
            "drivers/wires/*.py",
            "drivers/links/*.py",
        ),
        "conditions",
        0.05,
    ),
)

CONTRACT = "tests/contract/test_reader.py -k {stem}"
DRIVERS = "tests/unit/drivers --ignore=tests/unit/drivers/sim"
OWN = (
    ("drivers/models/", ("tests/unit/drivers/test_{stem}.py", CONTRACT, DRIVERS)),
    ("drivers/wires/uru4000", ("tests/unit/drivers/test_wires.py", DRIVERS)),
    (
        "drivers/wires/",
        ("tests/unit/drivers/test_wires.py", "tests/unit/drivers/test_{stem}.py", CONTRACT, DRIVERS),
    ),
    ("drivers/links/", ("tests/unit/drivers/test_links.py", DRIVERS)),
    ("drivers/", ("tests/unit/drivers/test_{stem}.py", DRIVERS, "tests/contract/test_reader.py -k zfm")),
    (
        "offline_queue/relay/",
        ("tests/unit/relay/test_{stem}.py", "tests/unit/relay tests/faults/test_relay_vouched.py"),
    ),
    (
        "offline_queue/",
        ("tests/unit/offline_queue/test_{stem}.py", "tests/unit/offline_queue", "tests/unit/custody"),
    ),
    (
        "station/records/",
        ("tests/unit/records/test_{stem}.py", "tests/unit/records", "tests/contract/test_tot.py"),
    ),
    ("station/policy/", ("tests/unit/policy",)),
    ("station/booking", ("tests/unit/booking", "tests/unit/kiosk")),
    ("station/capture", ("tests/unit/capture", "tests/unit/kiosk")),
    ("station/access", ("tests/unit/access", "tests/unit/kiosk")),
    ("station/kiosk/", ("tests/unit/kiosk",)),
    ("station/", ("tests/unit/test_{stem}.py", "tests/unit/booking", "tests/unit/kiosk")),
)
"""Beginning of a path → its tests, the nearest first, each the arguments of one pytest. The first row counts."""


EVERYWHERE = ("tests/unit/test_limits.py tests/unit/test_code_habits.py",)
"""Tests that look at every file."""


def own_tests(path: str, tree: Path) -> list[list[str]]:
    """The arguments of each pytest that tries one source file, the nearest first; what is not there is left out."""
    rows = next(tests for start, tests in OWN if path.startswith(start))
    words = [test.format(stem=Path(path).stem).split() for test in (*rows[:1], *EVERYWHERE, *rows[1:])]
    return [each for each in words if (tree / each[0]).exists()]


def files(area: Area, tree: Path) -> list[Path]:
    """The files of an area, by name."""
    kept = {path for pattern in area.files for path in tree.glob(pattern)}
    return sorted(kept - {path for pattern in area.never for path in tree.glob(pattern)})


def drawn(area: Area, tree: Path, count: int, seed: int) -> list[Change]:
    """`count` changes of an area that make a difference, the same for the same sources and seed."""
    texts = {str(path.relative_to(tree)): path.read_text("utf-8") for path in files(area, tree)}
    found = [change for path, text in texts.items() for change in changes(path, text, area.sort)]
    random.Random(f"{seed} {area.name}").shuffle(found)
    good = (change for change in found if makes_a_difference(change, texts[change.path]))
    return list(itertools.islice(good, count))
