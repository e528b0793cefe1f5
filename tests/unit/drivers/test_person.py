"""The simulated person: obeys the lamps, deviates as the script says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.finger_types import Platen, Touch
from drivers.sim.person import Person, Placed, Script, ScriptError, paint
from drivers.sim.rig import stripes


class Note:
    """A painter that notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, tuple[int, ...], str, Touch]] = []

    def __call__(self, seed: int, positions: Any, kind: str, platen: Platen, touch: Touch) -> Placed:
        self.asked.append((seed, tuple(positions), kind, touch))
        return stripes(seed, positions, kind, platen, touch)


@pytest.fixture
def note() -> Note:
    return Note()


def someone(note: Note, tmp_path: Path, **script: Any) -> Person:
    path = tmp_path / "person.json"
    path.write_bytes(msgspec.json.encode(script))
    return Person(5, path, note)


def test_the_lamps_say_which_fingers(note: Note, tmp_path: Path) -> None:
    person = someone(note, tmp_path)
    placed = person.place("slap", (10, 7, 8, 9), 40, 30, 500)
    assert placed is not None
    assert placed.positions == (7, 8, 9, 10)
    assert placed.pixels.shape == (30, 40)


def test_without_lamps_it_is_the_persons_usual_finger(note: Note) -> None:
    Person(5, None, note, finger=4).place("plain", (), 4, 4, 500)
    assert note.asked[0][1] == (4,)


def test_two_touches_of_a_finger_differ_and_the_same_history_repeats(note: Note) -> None:
    for _ in range(2):
        person = Person(5, None, note)
        person.place("roll", (2,), 4, 4, 500)
        person.place("roll", (2,), 4, 4, 500)
    first, second, third, fourth = (touch for *_, touch in note.asked)
    assert first != second
    assert (first, second) == (third, fourth)


def test_a_missing_finger_is_absent_in_slaps_and_never_put_down_singly(note: Note, tmp_path: Path) -> None:
    person = someone(note, tmp_path, missing=[9])
    assert person.place("roll", (9,), 4, 4, 500) is None
    person.place("slap", (7, 8, 9, 10), 4, 4, 500)
    assert note.asked[0][1] == (7, 8, 10)


def test_a_deviation_happens_at_the_nth_placement_with_those_lamps_only(note: Note, tmp_path: Path) -> None:
    dry = {"when": {"lamps": [2]}, "nth": 2, "touch": {"moisture": 0.05}}
    person = someone(note, tmp_path, placements=[dry])
    for lamps in ((2,), (3,), (2,), (2,)):
        person.place("roll", lamps, 4, 4, 500)
    assert [touch.moisture == 0.05 for *_, touch in note.asked] == [False, False, True, False]


def test_a_deviation_of_one_kind_counts_that_kind(note: Note, tmp_path: Path) -> None:
    worn = {"when": {"lamps": [1], "kind": "plain"}, "nth": 1, "touch": {"wear": 0.9}}
    person = someone(note, tmp_path, placements=[worn])
    for kind in ("roll", "plain", "plain"):
        person.place(kind, (1,), 4, 4, 500)
    assert [touch.wear == 0.9 for *_, touch in note.asked] == [False, True, False]


def test_another_finger_or_another_person_may_be_put_down(note: Note, tmp_path: Path) -> None:
    person = someone(
        note, tmp_path,
        placements=[
            {"when": {"lamps": [4]}, "nth": 1, "use_positions": [3]},
            {"when": {"lamps": [5]}, "other_person": 77},
            {"when": {"lamps": [6]}, "no_finger": True},
        ],
    )  # fmt: skip
    person.place("roll", (4,), 4, 4, 500)
    person.place("roll", (5,), 4, 4, 500)
    assert person.place("roll", (6,), 4, 4, 500) is None
    assert [(seed, positions) for seed, positions, *_ in note.asked] == [(5, (3,)), (77, (5,))]


def test_the_script_may_change_while_the_person_stands_there(note: Note, tmp_path: Path) -> None:
    person = someone(note, tmp_path, missing=[2])
    assert person.place("roll", (2,), 4, 4, 500) is None
    (tmp_path / "person.json").write_text("{}")
    assert person.place("roll", (2,), 4, 4, 500) is not None


def test_no_script_file_is_an_empty_script(note: Note, tmp_path: Path) -> None:
    assert Person(1, tmp_path / "none.json", note).script() == Script()


@pytest.mark.parametrize(
    "text", ["{", '{"mising": [2]}', '{"placements": [{"touch": {"wet": 1}}]}', '{"missing": "2"}']
)
def test_a_script_that_says_something_unknown_is_refused(note: Note, tmp_path: Path, text: str) -> None:
    person = someone(note, tmp_path)
    (tmp_path / "person.json").write_text(text)
    with pytest.raises(ScriptError):
        person.place("roll", (2,), 4, 4, 500)


@given(st.binary(max_size=100))
def test_any_script_is_understood_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("s") / "s.json"
    path.write_bytes(data)
    try:
        Person(1, path, Note()).place("roll", (2,), 4, 4, 500)
    except ScriptError:
        return


def test_the_real_painter_draws_rolls_plains_and_slaps_of_the_one_world() -> None:
    platen = Platen(200, 180, 250)
    roll = paint(3, (2,), "roll", platen, Touch())
    assert roll.rendering is not None
    assert roll.pixels.shape == (180, 200)
    assert paint(3, (2,), "plain", platen, Touch()).rendering is not None
    assert paint(3, (2, 3), "slap", Platen(400, 380, 250), Touch()).pixels.shape == (380, 400)


def test_growing_ahead_stops_when_told() -> None:
    asked: list[bool] = []
    Person(1).grow_all(lambda: not asked.append(True))
    assert asked == [True]


def test_another_session_is_the_same_person_in_other_touches() -> None:
    touches = []
    for session in (0, 0, 1):
        note = Note()
        Person(5, None, note, session=session).place("roll", (2,), 4, 4, 500)
        touches.append(note.asked[0])
    assert touches[0] == touches[1]
    assert touches[0] != touches[2]
