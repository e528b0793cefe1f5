"""What the relay takes, from whom, and that an id counts once, for ever."""

from __future__ import annotations

from typing import Any

import pytest

from offline_queue import cms
from offline_queue.clock import SystemClock
from offline_queue.models import Entry
from offline_queue.receipts import Verifier
from offline_queue.relay import chain, intake
from offline_queue.relay.database import Database
from offline_queue.relay.intake import Refused, common_name, used_by
from offline_queue.relay.stations import register
from offline_queue.transports import Parcel
from station.sim.relay_world import County
from tests.kit.helpers import Background
from tests.unit.relay.kit import Desk


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stations are changed under the desk here: it is to look each time."""
    monkeypatch.setattr(intake, "KNOWN_S", -1.0)


def refused(desk: Desk, station: int, parcel: Parcel, client: str = "") -> Refused:
    with pytest.raises(Refused) as caught:
        desk.put(desk.county.stations[station], parcel, client)
    return caught.value


def test_the_receipt_is_believed_by_the_station_and_kept(desk: Desk) -> None:
    taken = desk.hand_in(desk.county.stations[0], "s-1", b"bytes")
    entry: Entry = desk.queue.claim("w", 30.0).entry  # type: ignore[union-attr]
    receipt = Verifier(desk.county.relay_ca.read_bytes(), SystemClock()).receipt(taken.receipt, entry)
    assert (taken.new, receipt.submission_id, receipt.gateway) == (True, "s-1", "SIMULATED relay")
    assert desk.intake.status("ST-001 TLS", "s-1") == taken.receipt
    assert desk.queue.payload("s-1") == b"bytes"


def test_the_same_again_gets_the_same_receipt_and_other_bytes_a_409(desk: Desk) -> None:
    station = desk.county.stations[0]
    first = desk.hand_in(station, "s-1", b"bytes")
    again = desk.hand_in(station, "s-1", b"bytes")
    assert (again.new, again.receipt) == (False, first.receipt)
    assert refused(desk, 0, station.parcel("s-1", b"other")).status == 409
    assert len(desk.database.rows("SELECT seq FROM submission")) == 1


def test_two_stations_may_use_the_same_id_but_not_the_same_control_number(desk: Desk) -> None:
    one, two = desk.county.stations[:2]
    desk.hand_in(one, "s-1", b"one")
    desk.hand_in(two, "s-1", b"two", tcn="OTHER")
    assert refused(desk, 1, two.parcel("s-2", b"three", tcn="TCN-s-1")).code == "tcn_reused"
    assert desk.database.one("SELECT count(*) AS n FROM payload") == {"n": 2}


def test_an_id_is_known_after_its_bytes_are_erased(desk: Desk) -> None:
    station = desk.county.stations[0]
    first = desk.hand_in(station, "s-1", b"bytes")
    desk.database.rows("DELETE FROM payload")
    assert desk.hand_in(station, "s-1", b"bytes").receipt == first.receipt


@pytest.mark.parametrize("threads", [6])
def test_handed_in_many_times_at_once_it_is_taken_once(desk: Desk, threads: int) -> None:
    parcel = desk.county.stations[0].parcel("s-1", b"bytes" * 1000)
    taken: list[Any] = []

    def hand_in() -> None:
        taken.append(desk.put(desk.county.stations[0], parcel))
        desk.database.close()

    for worker in [Background(hand_in) for _ in range(threads)]:
        worker.end()
    assert sorted(one.new for one in taken) == [False] * (threads - 1) + [True]
    assert len({one.receipt for one in taken}) == 1


def test_strangers_swaps_and_foreign_agencies_are_refused(desk: Desk) -> None:
    one = desk.county.stations[0]
    good = one.parcel("s-1", b"bytes")
    assert refused(desk, 0, good, "nobody").status == 403
    assert refused(desk, 1, good).code == "signer_mismatch"
    assert refused(desk, 0, Parcel("s-2", b"bytes", good.manifest, good.signature)).code == "id_mismatch"
    assert refused(desk, 0, Parcel("s-1", b"other", good.manifest, good.signature)).code == "digest_mismatch"
    assert (
        refused(desk, 0, Parcel("s-1", b"bytes", good.manifest + b" ", good.signature)).code == "cms.digest"
    )
    foreign = b"{}"
    signature = cms.sign_detached(foreign, one.signer, SystemClock().utcnow())
    assert refused(desk, 0, Parcel("s-1", b"bytes", foreign, signature)).code == "manifest.malformed"
    desk.database.rows("UPDATE station SET oris = 'ZZ9999999' WHERE station_id = 'ST-001'")
    assert refused(desk, 0, good).code == "ori_not_permitted"
    assert refused(desk, 0, one.parcel("s-3", b"")).code == "too_large"
    assert desk.database.one("SELECT count(*) AS n FROM submission") == {"n": 0}


def test_a_station_that_is_no_longer_named_has_no_access_and_keeps_its_entries(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[2], "s-1")
    register(desk.database, desk.settings.station[:2])
    with pytest.raises(Refused):
        desk.intake.status("ST-003 TLS", "s-1")
    assert desk.state("s-1") == "ready"
    register(desk.database, desk.settings.station)
    assert desk.intake.status("ST-003 TLS", "s-1")
    events = [
        row["event"] for row in desk.database.rows("SELECT event FROM audit WHERE chain = '' ORDER BY id")
    ]
    assert events.count("station_removed") == 1


@pytest.mark.parametrize(("limit", "what"), [("most_waiting", "waiting"), ("most_an_hour", "hour")])
def test_a_quota_tells_one_station_to_wait_and_no_other(
    county: County, database: Database, url: str, limit: str, what: str
) -> None:
    desk = Desk(county, database, url, **{limit: 2})
    for name in ("s-1", "s-2"):
        desk.hand_in(county.stations[0], name)
    reason = refused(desk, 0, county.stations[0].parcel("s-3", b"x"))
    assert (reason.status, reason.code, what in reason.message) == (429, "quota", True)
    assert reason.retry_after_s
    assert desk.hand_in(county.stations[0], "s-1").new is False, "what is there already is still answered"
    assert desk.hand_in(county.stations[1], "s-4").new
    assert used_by(database, "ST-001")["waiting"] == 2


def test_a_byte_quota_counts_what_waits(desk: Desk) -> None:
    desk.database.rows("UPDATE station SET most_waiting_mib = 1 WHERE station_id = 'ST-001'")
    big = bytes(700 * 1024)
    desk.hand_in(desk.county.stations[0], "s-1", big)
    assert "bytes" in refused(desk, 0, desk.county.stations[0].parcel("s-2", big + b"x")).message


def test_what_was_promised_can_not_be_changed_or_deleted(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    for statement in (
        "DELETE FROM submission",
        "TRUNCATE submission CASCADE",
        "UPDATE custody SET receipt = ''",
        "DELETE FROM custody",
        "UPDATE envelope SET manifest = ''",
        "DELETE FROM audit",
        "UPDATE audit SET event = 'x'",
        "TRUNCATE audit",
    ):
        with pytest.raises(Exception, match="never changed or deleted"):
            desk.database.rows(statement)
    assert chain.verify(desk.database).ok


def test_onward_keeps_the_two_receipts_apart(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    assert desk.intake.onward("ST-001 TLS", "s-1") == ("ready", None)
    with pytest.raises(Refused):
        desk.intake.onward("ST-002 TLS", "s-1")
    with pytest.raises(Refused):
        desk.intake.status("ST-002 TLS", "s-1")


def test_a_certificate_names_its_station(county: County) -> None:
    assert common_name(county.stations[0].signer.certificate) == "ST-001 signing"
