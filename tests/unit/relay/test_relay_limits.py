"""Every limit of the relay at its edge: leases, waits, quotas, and what its page marks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from offline_queue.clock import SystemClock, stamp
from offline_queue.models import Outcome
from offline_queue.relay import status
from offline_queue.relay.database import AWAY, SETTINGS, STATES, Database
from offline_queue.relay.intake import Refused, used_by
from offline_queue.relay.sending import erase
from offline_queue.states import Event
from station.sim.relay_world import County
from tests.unit.relay.kit import Desk
from tests.unit.relay.test_queue import claimed, receipt
from tests.unit.relay.test_relay_states import ALL, put


def test_bytes_are_erased_after_the_days_that_they_are_kept(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    claim = claimed(desk)
    now = SystemClock().utcnow()
    at = now - dt.timedelta(days=2, minutes=-5)
    desk.queue.settle(claim, Outcome(Event.ACCEPTED, receipt=receipt(claim, received_at=at)))
    assert erase(desk.database, 2) == 0
    desk.database.rows("ALTER TABLE receipt DISABLE TRIGGER ALL")
    desk.database.rows("UPDATE receipt SET received_at = %s", (stamp(at - dt.timedelta(minutes=10)),))
    assert erase(desk.database, 2) == 1


def seconds(desk: Desk, column: str) -> float:
    row = desk.database.one(
        f"SELECT extract(epoch FROM {column} - clock_timestamp())::float AS s FROM submission"
    )
    assert row is not None
    return float(row["s"])


def test_leases_and_waits_last_an_hour_at_most(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    claim = desk.queue.claim("w", 86400.0)
    assert claim is not None
    assert 3590 < seconds(desk, "lease_until") <= 3600
    desk.queue.settle(claim, Outcome(Event.UNSURE, "c", "m", 86400.0))
    assert 3590 < seconds(desk, "retry_at") <= 3600


@pytest.mark.parametrize(("ahead", "void"), [("1 hour", False), ("1 hour 2 minutes", True)])
def test_what_lies_further_ahead_than_that_and_a_minute_is_void(desk: Desk, ahead: str, void: bool) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    claim = claimed(desk)
    change = f"clock_timestamp() + interval '{ahead}'"
    desk.database.rows(f"UPDATE submission SET lease_until = {change}")
    assert desk.queue.recover("nobody") == void
    if not void:
        desk.queue.settle(claim, Outcome(Event.UNSURE))
    desk.database.rows(f"UPDATE submission SET retry_at = {change}")
    assert (desk.queue.claim("w", 30.0) is not None) == void


def test_no_wait_is_no_time(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    desk.queue.settle(claimed(desk), Outcome(Event.UNSURE, "c", "x" * 501, 0.0))
    assert desk.database.one("SELECT retry_at FROM submission") == {"retry_at": None}
    assert desk.database.one("SELECT message FROM attempt") == {"message": "x" * 500}


def test_a_good_answer_takes_the_last_error_away_and_an_absent_one_leaves_it(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    desk.queue.settle(claimed(desk), Outcome(Event.UNSURE, "gateway.deadline", "late"))
    assert desk.queue.settle(claimed(desk), Outcome(Event.ABSENT)).last_error == "gateway.deadline: late"
    claim = claimed(desk)
    assert desk.queue.settle(claim, Outcome(Event.ACCEPTED, receipt=receipt(claim))).last_error is None


# quotas, each at its edge


@pytest.mark.parametrize("limit", ["most_waiting", "most_an_hour"])
@pytest.mark.parametrize("refused_before", [False, True])
def test_a_quota_lets_in_as_many_as_it_says(
    county: County, database: Database, url: str, limit: str, refused_before: bool
) -> None:
    desk = Desk(county, database, url, **{limit: 3})
    station = county.stations[0]
    for n in (1, 2):
        desk.hand_in(station, f"s-{n}")
    if refused_before:  # then it is asked for before anything is written
        desk.intake._full.add("ST-001")
    desk.hand_in(station, "s-3")
    with pytest.raises(Refused) as caught:
        desk.hand_in(station, "s-4")
    assert (caught.value.status, caught.value.code, caught.value.retry_after_s) == (429, "quota", 60)
    with pytest.raises(Refused):
        desk.hand_in(station, "s-4")
    assert used_by(database, "ST-001")["waiting"] == 3


@pytest.mark.parametrize("refused_before", [False, True])
def test_a_quota_of_bytes_lets_in_as_many_as_it_says(desk: Desk, refused_before: bool) -> None:
    desk.database.rows("UPDATE station SET most_waiting_mib = 1 WHERE station_id = 'ST-001'")
    station = desk.county.stations[0]
    desk.hand_in(station, "s-1", bytes(1024 * 1024 - 10))
    if refused_before:
        desk.intake._full.add("ST-001")
    desk.hand_in(station, "s-2", bytes(10))
    with pytest.raises(Refused, match="waiting bytes"):
        desk.hand_in(station, "s-3", b"x")


def test_what_came_more_than_an_hour_ago_does_not_count_as_of_this_hour(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    for ago, counted in (("59 minutes", 1), ("61 minutes", 0)):
        desk.database.rows(f"UPDATE submission SET kept_at = clock_timestamp() - interval '{ago}'")
        assert used_by(desk.database, "ST-001")["last_hour"] == counted


# the page

Cell = tuple[str, bool]


def cells(**changes: Any) -> list[Cell]:
    """The cells of one station's row, and whether each is marked."""
    counts = dict.fromkeys(ALL, 0) | changes.pop("counts", {})
    values: dict[str, Any] = {
        "station_id": "ST-1", "active": True, "counts": counts, "waiting": 0, "waiting_bytes": 0, "last_hour": 0,
        "most_waiting": 10, "most_waiting_mib": 5, "most_an_hour": 7, "oldest_s": None, "last_taken": "",
        "last_receipt": "", "responses": 0,
    }  # fmt: skip
    row = status._row(status.StationStatus(**values | changes))
    parts = row.removeprefix("<tr>").removesuffix("</tr>").split("</td>")[:-1]
    return [(part.partition(">")[2], "class=look" in part) for part in parts]


NAMES = "station waiting oldest held quarantined sent receipt taken quota mib hour".split()


@pytest.mark.parametrize(
    ("changes", "marked"),
    [
        ({}, ""),
        ({"oldest_s": 3600.0}, ""),
        ({"oldest_s": 3600.1}, "oldest"),
        ({"counts": {"held": 1}}, "held"),
        ({"counts": {"quarantined": 1}}, "quarantined"),
        ({"counts": {"custody": 5, "answered": 6}}, ""),
        ({"waiting": 9}, ""),
        ({"waiting": 10}, "quota hour"),
        ({"last_hour": 6}, ""),
        ({"last_hour": 7}, "quota hour"),
    ],
)
def test_the_page_marks_what_somebody_should_look_at(changes: dict[str, Any], marked: str) -> None:
    found = dict(zip(NAMES, cells(**changes), strict=True))
    assert [name for name, (_, look) in found.items() if look] == marked.split()


def test_the_page_says_each_number_in_its_unit() -> None:
    counts = {"custody": 4, "answered": 5}
    row = cells(oldest_s=150.0, waiting=3, waiting_bytes=3 * 2**20, last_hour=2, counts=counts)
    assert {name: words for name, (words, _) in zip(NAMES, row, strict=True)} == {
        "station": "ST-1", "waiting": "3", "oldest": "2 min", "held": "0", "quarantined": "0", "sent": "9",
        "receipt": "none yet", "taken": "none yet", "quota": "3 of 10", "mib": "3 of 5", "hour": "2 of 7",
    }  # fmt: skip


def test_what_somebody_should_look_at_is_refused_held_or_has_failed_so_far(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    found = {}
    for state in ALL:
        for error in (None, "gateway.deadline: late"):
            put(desk, state)
            desk.database.rows("UPDATE submission SET last_error = %s", (error,))
            found[state, error] = bool(status.read(desk.database).trouble)
    looked_at = {(state, error) for (state, error), shown in found.items() if shown}
    late = "gateway.deadline: late"
    always = {(state, error) for state in ("held", "quarantined") for error in (None, late)}
    assert looked_at == always | {("ready", late), ("unknown", late)}


# what the database server says


def test_the_servers_errors_have_these_codes() -> None:
    # PostgreSQL, appendix A: 53100 disk_full, 25006 read_only_sql_transaction, 42501 insufficient_privilege
    assert {state: words[0] for state, words in STATES.items()} == {
        "53100": "relay.disk_full",
        "25006": "relay.read_only",
        "42501": "relay.not_permitted",
    }
    assert AWAY[0] == "relay.database_away"


def test_a_server_that_could_lose_what_was_acknowledged_is_not_used() -> None:
    assert SETTINGS == {
        "fsync": ("on",),
        "full_page_writes": ("on",),
        "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
    }
