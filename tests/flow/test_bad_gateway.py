"""The shipped queue and sync against the simulated bureau at its worst: sent once, believed only when proven."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from offline_queue.models import Submission
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from station.cli.sync import Parts, build
from station.clock import SystemClock
from station.records.encode import encode
from station.records.header import Header
from station.records.tot import car
from station.sim.gateway import RunningGateway, running_gateway
from station.sim.pki import PkiPaths, make_pki
from tests.unit.records.kit import tenprint

FAULTS = [
    {"do": "503", "retry_after": 2},
    {"do": "html"},
    {"do": "drop_before_accept"},
    {"do": "drop_after_accept"},
    {"do": "truncate"},
    {"do": "wrong_receipt_id"},
    {"do": "wrong_receipt_digest"},
    {"do": "bad_receipt_signature"},
    {"do": "wrong_certificate"},
    {"do": "wrong_certificate", "certificate": "expired"},
    {"do": "wrong_certificate", "certificate": "wrong_name"},
]


class HastyClock(SystemClock):
    """Real time, and more of it whenever the test asks: nobody waits for a backoff."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def utcnow(self) -> dt.datetime:
        return super().utcnow() + dt.timedelta(seconds=self.ahead)

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), SystemClock())


@pytest.fixture(scope="module")
def payload() -> bytes:
    now = dt.datetime.now(dt.UTC)
    header = Header(
        tcn="SIM-TEST-0001", dai="ZZSIMSIB0", ori="ZZ0000000", dat=now.astimezone().date(), gmt=now
    )
    return encode(car.example(header, tenprint()))


@pytest.fixture
def clock() -> HastyClock:
    return HastyClock()


@pytest.fixture
def gateway(pki: PkiPaths, tmp_path: Path) -> Iterator[RunningGateway]:
    with running_gateway(pki, tmp_path / "gateway") as one:
        yield one


@pytest.fixture
def station(
    pki: PkiPaths, tmp_path: Path, gateway: RunningGateway, clock: HastyClock
) -> Iterator[tuple[Queue, Sync]]:
    parts = Parts(
        database=tmp_path / "queue.db",
        station_key=pki.station_vault_key,
        station_id="SIM-STATION-01",
        url=gateway.url,
        ca=pki.gateway_ca,
        client_cert=pki.station_client_cert,
        client_key=pki.station_client_key,
        receipt_ca=pki.gateway_ca,
        total_deadline_s=20.0,
        poll_s=0.5,
    )
    with ExitStack() as stack:
        yield build(parts, clock, stack)


def _enqueue(queue: Queue, pki: PkiPaths, payload: bytes) -> None:
    queue.enqueue(
        Submission("b-1", "SIM-TEST-0001", "CAR", "ZZ0000000", payload), load_signer(pki.signing_uri)
    )


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(str(value) for value in fault.values()))
def test_a_bad_reply_is_never_custody_and_the_next_good_one_is(
    fault: dict[str, object],
    station: tuple[Queue, Sync],
    gateway: RunningGateway,
    pki: PkiPaths,
    payload: bytes,
    clock: HastyClock,
) -> None:
    queue, sync = station
    gateway.set_faults([{"on": "submit", "nth": [1], **fault}])
    _enqueue(queue, pki, payload)
    report = sync.step()
    entry = queue.entry("b-1")
    assert str(entry.state) not in ("custody", "answered", "quarantined")
    assert entry.last_error
    assert report.accepted == 0
    for _ in range(8):
        clock.sleep(90)
        sync.step()
        if str(queue.entry("b-1").state) == "answered":
            break
    assert str(queue.entry("b-1").state) == "answered"
    assert len(gateway.submissions()) == 1
    assert queue.verify_audit().ok


def test_a_submission_the_bureau_refuses_stops_for_a_person_and_nothing_else_does(
    station: tuple[Queue, Sync], gateway: RunningGateway, pki: PkiPaths, payload: bytes, clock: HastyClock
) -> None:
    queue, sync = station
    bad = Submission("b-0", "SIM-TEST-BAD1", "CAR", "ZZ0000000", b"this is no transaction")
    queue.enqueue(bad, load_signer(pki.signing_uri))
    _enqueue(queue, pki, payload)
    for _ in range(4):
        sync.step()
        clock.sleep(90)
    assert str(queue.entry("b-0").state) == "quarantined"
    assert str(queue.entry("b-1").state) == "answered"
    assert [one.submission_id for one in gateway.submissions()] == ["b-1"]


def test_answers_that_come_twice_are_kept_once_each(
    station: tuple[Queue, Sync], gateway: RunningGateway, pki: PkiPaths, payload: bytes, clock: HastyClock
) -> None:
    queue, sync = station
    gateway.set_faults([{"on": "responses", "nth": "always", "do": "duplicate_response"}])
    _enqueue(queue, pki, payload)
    for _ in range(4):
        sync.step()
        clock.sleep(90)
    assert str(queue.entry("b-1").state) == "answered"
    contents = [one.content for one in queue.responses() if one.tcr == "SIM-TEST-0001"]
    assert {len(contents)} <= {2, 4}
    assert len(set(contents)) == 2
