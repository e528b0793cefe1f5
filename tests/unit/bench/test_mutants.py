"""The changes at random: each changes one place, those that a test notices are told from those that none does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.mutants import __main__ as mutants
from tests.bench.mutants import areas
from tests.bench.mutants.sites import Change, changes, makes_a_difference

CODE = '''"""Docstring with 7 < 8 and 3."""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    LIMIT = 9
def check(age: "int < 5") -> bool:
    """Not 5 < 6."""
    if not age or age < 5 and age != 2:
        raise ValueError(f"under {5 + 1}")
    return True
'''
TABLE = """WIDTH = (3, 50)
RULES = (one(5, "RET", "O", (1, 1)), one(6, "ATN", "M", (3, 30)), one(7, "SCO", "D", (9, 19)),)
NEEDS = {5: ("CAR CNA MAP", ""), 6: ("", "CAR CNA"), 7: ("CAR", "MAP"),}
CODES = ("A", "B", "C",)
"""
STATES = """import enum
class State(enum.StrEnum):
    OPEN = "open"
    SHUT = "shut"
class Event(enum.Enum):
    PUSH = 1
    PULL = 2
_S = State
MOVES = {(_S.OPEN, Event.PUSH): _S.SHUT, (_S.SHUT, Event.PULL): State.OPEN, (_S.SHUT, Event.PUSH): _S.SHUT,}
LIVE = (State.OPEN, State.SHUT)
"""


def texts(text: str, sort: str) -> set[tuple[str, str]]:
    found = [change for change in changes("m.py", text, sort) if makes_a_difference(change, text)]
    return {(change.before, change.after) for change in found}


def test_conditions_are_comparisons_words_of_logic_numbers_and_truth_values_of_code_that_runs() -> None:
    assert texts(CODE, "conditions") == {
        ("<", "<="), ("<", ">="), ("!=", "=="), ("or", "and"), ("and", "or"), ("not ", ""), ("True", "False"),
        ("5", "6"), ("5", "4"), ("2", "3"), ("2", "1"),
    }  # fmt: skip


def test_cells_are_widths_needs_codes_types_and_elements_left_out() -> None:
    found = texts(TABLE, "cells")
    assert {("50", "51"), ("50", "49"), ('"M"', '"O"'), ('"M"', '"D"'), ('"A",', "")} <= found
    assert {
        ('"CAR CNA MAP"', '"CNA MAP"'),
        ('"CAR CNA MAP"', '"CAR MAP"'),
        ('"CAR CNA MAP"', '"CAR CNA"'),
    } <= found
    assert ('6: ("", "CAR CNA"),', "") in found
    assert not any(before.startswith('"RET') for before, _ in found)


def test_moves_are_left_out_lead_elsewhere_or_are_too_many() -> None:
    found = texts(STATES, "moves")
    assert ("(_S.OPEN, Event.PUSH): _S.SHUT,", "") in found
    assert ("State.OPEN", "State.SHUT") in found
    assert ("", "(_S.OPEN, Event.PULL): _S.SHUT, ") in found
    assert ("", "(_S.SHUT, Event.PULL): _S.SHUT, ") not in found, "the table has that key"


def test_what_does_not_compile_or_is_the_same_program_makes_no_difference() -> None:
    text = "SIZE = (1, 2)\n"

    def difference(start: int, end: int, after: str) -> bool:
        return makes_a_difference(Change("m.py", 1, start, end, text[start:end], after), text)

    assert not difference(7, 8, "")  # the bracket that opens
    assert not difference(8, 9, "0x1")
    assert difference(8, 9, "3")


def test_a_change_of_another_text_is_refused() -> None:
    change = changes("m.py", CODE, "conditions")[0]
    with pytest.raises(ValueError, match=r"m\.py:\d+ is not what it was"):
        change.applied("x" + CODE)


def test_places_are_right_behind_letters_of_several_bytes() -> None:
    text = 'NAME = "Müller"; SIZE = 5 if NAME else 7\n'
    assert texts(text, "conditions") == {("5", "6"), ("5", "4"), ("7", "8"), ("7", "6")}


# ---------------------------------------------------------------- a toy tree with tests of its own

MODULE = "def grown(age):\n    return age >= 18\n\n\ndef tall(height):\n    return height > 200\n"
TESTS = "from m import grown\ndef test_grown():\n    assert [grown(n) for n in (17, 18, 19)] == [False, True, True]\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "m.py").write_text(MODULE)
    (folder / "test_m.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    area = areas.Area("conditions", ("m.py",), "conditions", 0.05)
    monkeypatch.setattr(mutants, "AREAS", (area,))
    monkeypatch.setattr(areas, "OWN", (("m", ("test_absent.py", "test_{stem}.py")),))
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy's test without a process of its own."""

    def own(self: mutants.Copy, _: object) -> str:
        names: dict[str, Any] = {}
        exec((self.place / "m.py").read_text(), names)
        return (
            ""
            if [names["grown"](n) for n in (17, 18, 19)] == [False, True, True]
            else "test_m.py::test_grown"
        )

    monkeypatch.setattr(mutants.Copy, "own", own)


def run(tree: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    code = mutants.main(["--tree", str(tree), "--out", str(tree.parent / "out.jsonl"), "--json", *more])
    return code, json.loads(capsys.readouterr().out)


def test_what_no_test_notices_survives_and_is_named_with_its_place(tree: Path, capsys) -> None:
    code, told = run(tree, capsys)
    row = told["areas"]["conditions"]
    assert (code, row["tried"], row["survived"]) == (1, 8, 4)
    assert sorted(row["unexplained"]) == [
        "m.py:6: '200' -> '199'", "m.py:6: '200' -> '201'", "m.py:6: '>' -> '<='", "m.py:6: '>' -> '>='",
    ]  # fmt: skip
    assert (tree / "m.py").read_text() == MODULE, "the tree itself is not changed"


def test_a_test_that_fails_without_any_change_ends_the_run(tree: Path, capsys) -> None:
    (tree / "test_m.py").write_text(TESTS.replace("[False, True, True]", "[True, True, True]"))
    with pytest.raises(SystemExit, match=r"test_m\.py::test_grown fails on the unchanged tree too"):
        run(tree, capsys, "--count", "1")


def test_a_run_is_taken_up_where_it_stopped(tree: Path, quick, capsys, monkeypatch) -> None:
    _, first = run(tree, capsys)
    monkeypatch.setattr(mutants.Copy, "own", lambda *_: pytest.fail("tried again"))
    assert run(tree, capsys)[1] == first


def test_the_same_seed_draws_the_same_changes_and_another_one_others(tree: Path) -> None:
    area = mutants.AREAS[0]
    assert areas.drawn(area, tree, 4, 1) == areas.drawn(area, tree, 4, 1)
    assert areas.drawn(area, tree, 4, 1) != areas.drawn(area, tree, 4, 2)


def test_an_explained_survivor_does_not_count_but_is_shown(
    tree: Path, quick, capsys, monkeypatch, tmp_path: Path
) -> None:
    row = '[[change]]\npath = "m.py"\nline = "return height > 200"\nbefore = "{}"\nafter = "{}"\nreason = "a toy"\n'
    pairs = (("200", "199"), ("200", "201"), (">", "<="), (">", ">="))
    (tmp_path / "explained.toml").write_text("".join(row.format(*pair) for pair in pairs))
    reasons = mutants.explained(tmp_path / "explained.toml")
    monkeypatch.setattr(mutants, "explained", lambda: reasons)
    code, told = run(tree, capsys)
    row = told["areas"]["conditions"]
    assert (code, row["survived"], row["unexplained"], len(row["explained"])) == (0, 4, [], 4)


def test_survivors_go_together_through_the_whole_suite_and_by_halves_when_it_is_red(
    tree: Path, quick, capsys, monkeypatch
):
    seen: list[str] = []

    def whole(self: mutants.Copy, long: bool) -> str:
        text = (self.place / "m.py").read_text()
        seen.append(text)
        return "test_far.py::test_it" if "height >=" in text else ""

    monkeypatch.setattr(mutants.Copy, "whole", whole)
    _, told = run(tree, capsys, "--whole")
    row = told["areas"]["conditions"]
    assert row["survived"] == 3
    assert "m.py:6: '>' -> '>='" not in row["unexplained"]
    assert len(seen) > 1
    assert (tree / "m.py").read_text() == MODULE


def test_overlapping_changes_do_not_go_together() -> None:
    rows = [Change("m.py", 1, start, end, "x", "y") for start, end in ((0, 3), (2, 4), (9, 9))]
    one, two, three = (mutants.Result("a", change, "") for change in rows)
    assert mutants.layers([one, two, three]) == [[one, three], [two]]


def test_every_reason_names_a_line_that_is_there(repo: Path) -> None:
    for path, line, *_ in mutants.explained():
        assert line in [each.strip() for each in (repo / path).read_text("utf-8").splitlines()], (path, line)


def test_every_file_of_an_area_has_own_tests(repo: Path) -> None:
    for area in mutants.AREAS:
        found = [str(path.relative_to(repo)) for path in areas.files(area, repo)]
        assert found, area.name
        assert [path for path in found if not areas.own_tests(path, repo)] == []
