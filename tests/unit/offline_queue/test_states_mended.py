"""What a mended queue makes of what was found, in tables of their meaning (docs/queue-faults.md)."""

from __future__ import annotations

import itertools
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from offline_queue import salvage, salvage_rows
from offline_queue.salvage_rows import Rows
from offline_queue.states import State
from offline_queue.vault import Vault
from tests.conftest import FrozenClock

# The last state that the chain tells of an entry, against what of it was found. A receipt alone proves custody; without
# it, what may have been sent is asked for, and what cannot be sent any more is put aside.
MEANING = """
             answered  receipt  whole        damaged
-            answered  custody  unknown      quarantined
ready        answered  custody  unknown      quarantined
sending      answered  custody  unknown      quarantined
unknown      answered  custody  unknown      quarantined
asking       answered  custody  unknown      quarantined
held         answered  custody  held         quarantined
custody      answered  custody  unknown      quarantined
answered     answered  custody  unknown      quarantined
quarantined  answered  custody  quarantined  quarantined
"""
LINES = [line.split() for line in MEANING.strip().splitlines()]
CELLS = [
    (row[0], found, wanted) for row in LINES[1:] for found, wanted in zip(LINES[0], row[1:], strict=True)
]


def rows(events: dict[str, list[dict[str, Any]]] | None = None, answered: tuple[str, ...] = ()) -> Any:
    made = Rows.__new__(Rows)
    made.chain = SimpleNamespace(events=events or {}, rows={})  # type: ignore[assignment]
    made.station_id, made.answered = "ST-1", set(answered)
    return made


def test_the_table_has_every_state() -> None:
    assert {state for state, _, _ in CELLS} == {"-", *map(str, State)}


@pytest.mark.parametrize(("last", "found", "wanted"), CELLS)
def test_an_entry_comes_back_in_the_state_that_can_be_proved(last: str, found: str, wanted: str) -> None:
    events = [{"detail": {"state": "ready"}}, {"detail": {}}]
    if last != "-":
        events.append({"detail": {"state": last}})
    receipt = {"seq": 1} if found in ("answered", "receipt") else None
    of = rows(answered=("T",) if found == "answered" else ())
    state = of._state({"tcn": "T"}, events if last != "-" else [], found != "damaged", receipt)
    assert state == wanted


SAVED = {"tcn": "T", "tot": "CAR", "sha256": "0" * 64, "size": 7}
BEGAN: dict[str, Any] = {"event": "enqueued", "at": "2026-03-02T09:30:00.000Z", "detail": SAVED}


def test_what_lost_its_manifest_is_told_by_the_first_row_of_its_chain() -> None:
    later = BEGAN | {"at": "2026-03-03T00:00:00.000Z", "event": "imported"}
    found = rows({"s": [{"event": "claim", "at": "x", "detail": {}}, BEGAN, later]})._from_chain("s", 9)
    assert found == {
        "tcn": "T", "tot": "CAR", "sha256": "0" * 64, "size": 7, "submission_id": "s", "ori": "UNKNOWN",
        "station_id": "ST-1", "seq": 9, "created_at": "2026-03-02T09:30:00.000Z",
    }  # fmt: skip


@pytest.mark.parametrize("missing", ["tcn", "tot", "sha256", "size"])
def test_what_the_chain_does_not_know_whole_is_not_made_up(missing: str) -> None:
    detail = {key: value for key, value in SAVED.items() if key != missing}
    assert rows({"s": [BEGAN | {"detail": detail}]})._from_chain("s", 9) is None
    assert rows({"s": [BEGAN | {"event": "claim"}]})._from_chain("s", 9) is None
    assert rows({})._from_chain("s", 9) is None


class Table:
    """Keeps what is inserted."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def insert(self, row: dict[str, Any]) -> Any:
        self.kept.append(row)
        return SimpleNamespace(execute=lambda: None)


TRUSTS = ("synchronised", "confirmed", "unknown")


@pytest.mark.parametrize("trusts", list(itertools.product(TRUSTS, repeat=2)))
def test_the_floor_of_the_clock_is_the_newest_row_that_was_trusted(trusts: tuple[str, str]) -> None:
    of = rows()
    of.chain.rows = {
        n: {"at": f"at {n}", "boot": "b", "monotonic_ms": n, "trust": trust, "event": "x"}
        for n, trust in enumerate(trusts, 1)
    }
    tables = SimpleNamespace(clock_floor=Table())
    salvage_rows._floor(of, tables)  # type: ignore[arg-type]
    good = [n for n, trust in enumerate(trusts, 1) if trust != "unknown"]
    assert [row["at"] for row in tables.clock_floor.kept] == [f"at {n}" for n in good[-1:]]
    assert all(row["one"] == 1 for row in tables.clock_floor.kept)


@pytest.mark.parametrize(
    ("said", "told", "kept", "cursor"),
    [
        ([], [], set(), 0),
        ([5], [], set(), 5),
        ([5], [3, 5], {3, 5}, 5),
        ([2], [3, 5], {3, 5}, 5),
        ([9], [3, 5], {3, 5}, 9),
        ([9], [3, 5], {3}, 4),  # 5 was lost: everything from there on again
        ([9], [3, 5], set(), 2),
        ([], [1], set(), 0),
    ],
)
def test_responses_are_pulled_again_from_before_the_first_that_was_lost(
    said: list[int], told: list[int], kept: set[int], cursor: int
) -> None:
    of = rows()
    of.found = SimpleNamespace(rows=lambda table: [{"name": "responses", "value": value} for value in said])
    of.chain.rows = {
        n: {"event": "response_kept", "detail": f'{{"seq":{seq}}}'} for n, seq in enumerate(told, 1)
    }
    tables = SimpleNamespace(cursor=Table())
    salvage_rows._cursor(of, tables, kept)  # type: ignore[arg-type]
    assert tables.cursor.kept == [{"name": "responses", "value": cursor}]


@pytest.mark.parametrize(("priority", "kept"), [(0, 0), (99, 99), (100, 0), ("5", 0), (None, 0)])
def test_a_priority_that_nobody_gives_is_none(priority: Any, kept: int) -> None:
    assert salvage_rows._mutable({"priority": priority}, [], State.READY)["priority"] == kept


@pytest.mark.parametrize(
    ("state", "held", "wanted"),
    [
        (State.HELD, "officer", "officer"), (State.HELD, "certificate", "certificate"), (State.HELD, "clock", "clock"),
        (State.HELD, "nobody", "officer"), (State.HELD, None, "officer"), (State.UNKNOWN, "officer", None),
    ],
)  # fmt: skip
def test_what_is_held_says_for_whom(state: State, held: str | None, wanted: str | None) -> None:
    assert salvage_rows._mutable({"held_for": held}, [], state)["held_for"] == wanted


@pytest.mark.parametrize(
    ("trust", "kept"), [*zip(TRUSTS, TRUSTS, strict=True), ("sure", "unknown"), (None, "unknown")]
)
def test_a_trust_that_there_is_not_is_unknown(trust: str | None, kept: str) -> None:
    assert salvage_rows._mutable({"clock_trust": trust}, [], State.READY)["clock_trust"] == kept


def test_what_is_put_aside_says_why_and_what_was_done_to_it_is_the_last_of_its_kind() -> None:
    events = [
        {"event": "imported", "at": "1", "boot": "b", "monotonic_ms": 4},
        {"event": "exported", "at": "2"},
        {"event": "exported", "at": "3"},
        {"event": "erased", "at": "4"},
    ]
    found = salvage_rows._mutable({"imported_from": "ST-9"}, events, State.QUARANTINED)
    assert (found["exported_at"], found["erased_at"], found["imported_from"]) == ("3", "4", "ST-9")
    assert (found["boot"], found["monotonic_ms"], found["refusals"]) == ("b", 4, 0)
    assert found["last_error"] == "queue.damaged: its stored bytes were altered"
    other = salvage_rows._mutable({"imported_from": "ST-9"}, events[1:], State.UNKNOWN)
    assert (other["imported_from"], other["last_error"]) == (None, None)


def test_of_two_rows_of_one_number_the_first_counts() -> None:
    assert salvage_rows._by_number(iter([{"seq": 1, "x": 1}, {"seq": 1, "x": 2}])) == {1: {"seq": 1, "x": 1}}


def test_what_is_mended_is_nobody_elses_meanwhile(
    tmp_path: Path, vault: Vault, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, modes = tmp_path / "queue.db", list[int]()
    database.write_bytes(b"damaged")

    def rebuilt(file: Path, work: Path, *_: object) -> None:
        modes.append(stat.S_IMODE(work.stat().st_mode))
        raise ZeroDivisionError

    monkeypatch.setattr(salvage, "look", lambda *_: ["damaged"])
    monkeypatch.setattr(salvage, "_rebuilt", rebuilt)
    before = os.umask(0)
    try:
        with pytest.raises(ZeroDivisionError):
            salvage.mend(database, vault, clock, "ST-1")
    finally:
        os.umask(before)
    assert modes == [0o700]
    assert not list(tmp_path.glob("*.mend"))
