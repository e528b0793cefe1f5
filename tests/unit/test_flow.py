"""The whole line: a complete booking becomes one signed entry, once; everything else becomes a typed error."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from drivers.reader import CaptureKind, Frame, ReaderInfo
from offline_queue import cms
from offline_queue.errors import SignerError
from offline_queue.signers import load_signer
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station import booking as bookings
from station import flow, policy
from station.booking import Booking, Segment
from station.booking_store import BookingStore, Taken
from station.capture import CaptureOutcome
from station.clock import SystemClock
from station.errors import BookingError, PolicyError, RecordError
from station.friction_ridge import AMP, FGP, Impression, MinutiaTemplate, QualityReport
from station.imaging.quality import nfiq2
from station.records.decode import decode
from station.settings import Settings, parse_settings
from station.sim.pki import PkiPaths, make_pki
from tests.unit.offline_queue.revocation_kit import make_world
from tests.unit.test_settings import GOOD

NOW = dt.datetime.now(dt.UTC)
SUBJECT: dict[str, Any] = {
    "NAM": "SYNTHETIC,PERSON ONE",
    "DOB": "19850704",
    "SEX": "X",
    "RAC": "U",
    "POB": "XX",
    "HGT": "508",
    "WGT": "165",
    "EYE": "XXX",
    "HAI": "XXX",
    "DOA": NOW.astimezone().strftime("%Y%m%d"),
    "ASL": "SIMULATED OFFENSE",
}
SIMULATED = ReaderInfo(
    "sim",
    "fap60",
    "fap60-simulated",
    "SIMULATED",
    "FAP 60",
    "SIM-1",
    "1",
    500,
    frozenset(CaptureKind),
    "none",
    60,
    True,
)
NOTHING = np.zeros(0, np.float32)
EMPTY = MinutiaTemplate(96, 96, 500, NOTHING, NOTHING, NOTHING, np.zeros(0, np.uint8), np.zeros(0, np.uint8))


@pytest.fixture
def pki(tmp_path: Path) -> PkiPaths:
    return make_pki(tmp_path / "pki", SystemClock())


@pytest.fixture
def line(tmp_path: Path, pki: PkiPaths) -> Iterator[flow.Line]:
    settings = parse_settings(GOOD, tmp_path / "station.toml")
    vault = Vault.load(pki.station_vault_key)
    store = BookingStore.open(tmp_path / "bookings.db", vault)
    queue = Queue.open(tmp_path / "queue.db", vault, SystemClock(), station_id=settings.station.id)
    yield flow.Line(settings, store, queue, lambda: load_signer(pki.signing_uri), SystemClock())
    queue.close()
    store.close()


def _taken(booking: Booking, fgp: FGP, reader: ReaderInfo, ppi: int = 500) -> tuple[Booking, Taken]:
    """One accepted impression of 96 × 96 pixels that belong to this position and booking alone."""
    step = booking.step(fgp)
    pixels = np.random.default_rng([int(fgp), len(booking.id)]).integers(0, 255, (96, 96), np.uint8)
    frame = Frame(pixels, ppi, reader, 1.0, NOW, True, True, int(fgp))
    impression = Impression(frame, fgp, step.imp, "avery", 1)
    report = nfiq2.note(QualityReport(80, "test"), {int(finger): 60 + int(finger) for finger in step.fingers})
    segments = tuple(Segment(finger, (n * 20, 0, 18, 40), 0.0) for n, finger in enumerate(step.fingers))
    outcome = CaptureOutcome("accepted", impression, EMPTY, report, (), None, segments)
    return bookings.with_attempt(booking, outcome.attempt(), NOW), Taken(impression, EMPTY, report)


def _complete(line: flow.Line, booking_id: str, reader: ReaderInfo = SIMULATED, ppi: int = 500) -> Booking:
    booking = Booking(booking_id, "CAR", "tenprint", SUBJECT, "avery", NOW, NOW)
    booking = bookings.with_missing(booking, {FGP.LEFT_RING: AMP.AMPUTATED}, NOW)
    for step in booking.steps:
        if not step.skipped:
            booking, taken = _taken(booking, step.fgp, reader, ppi)
            line.store.save(booking, taken)
    return booking


def test_under_a_revoked_certificate_the_booking_is_kept_and_goes_out_under_the_next_one(
    line: flow.Line, tmp_path: Path
) -> None:
    world = make_world(tmp_path / "other")
    line = replace(line, signer=lambda: load_signer(world.pki.signing_uri))
    world.revoke("station_signing", NOW)
    line.queue.revocation = world.judge()
    booking = _complete(line, "b-1")
    with pytest.raises(SignerError) as error:
        flow.submit_booking(line, booking)
    assert error.value.code == "signer.certificate_revoked"
    assert line.queue.entries() == []
    assert line.store.booking("b-1") == booking
    world.put("station_signing", world.station, "signing")
    assert flow.submit_booking(line, line.store.booking("b-1")).submission_id == "b-1"


def test_a_complete_booking_is_one_signed_entry(line: flow.Line, pki: PkiPaths) -> None:
    ticket = flow.submit_booking(line, _complete(line, "b-1"))
    txn = decode(line.queue.payload(ticket.submission_id))
    assert (txn.tot, txn.tcn, ticket.submission_id) == ("CAR", ticket.tcn, "b-1")
    assert [record.text(13) for record in txn.of_type(14)] == [*"12345678", "10", "13", "14", "11", "12"]
    assert {record.text(30) for record in txn.of_type(14)} == {"CONTROLLED"}
    assert txn.of_type(2)[0].rows(84) == (("09", "XX"),)
    assert txn.of_type(2)[0].text(73) == line.settings.station.ori
    manifest, signature = line.queue.manifest("b-1"), line.queue.signature("b-1")
    cms.verify_detached(manifest, signature, [pki.station_ca.read_bytes()], SystemClock().utcnow())


def test_nfiq2_is_written_under_its_registered_ids_and_our_score_under_our_name(line: flow.Line) -> None:
    ticket = flow.submit_booking(line, _complete(line, "b-1"))
    prints = {one.text(13): one for one in decode(line.queue.payload(ticket.submission_id)).of_type(14)}
    assert prints["2"].rows(24) == (("2", "62", "0101", "57"),)
    assert [row[:2] for row in prints["14"].rows(24)] == [("7", "67"), ("8", "68"), ("10", "70")]
    assert "STATION QUALITY 80 OF 100 BY test, NOT NFIQ" in prints["2"].text(20)


def test_submitting_twice_gives_the_same_ticket_and_one_entry(line: flow.Line) -> None:
    booking = _complete(line, "b-1")
    assert flow.submit_booking(line, booking) == flow.submit_booking(line, booking)
    assert len(line.queue.entries()) == 1


def test_an_incomplete_booking_is_refused(line: flow.Line) -> None:
    booking = Booking("b-2", "CAR", "tenprint", SUBJECT, "avery", NOW, NOW)
    with pytest.raises(BookingError) as caught:
        flow.submit_booking(line, booking)
    assert caught.value.code == "booking.incomplete"
    assert line.queue.entries() == []


def _settings(line: flow.Line, kind: str) -> Settings:
    return msgspec.structs.replace(
        line.settings, gateway=msgspec.structs.replace(line.settings.gateway, kind=kind)
    )


def test_simulated_prints_never_go_to_a_production_gateway(line: flow.Line) -> None:
    booking = _complete(line, "b-1")
    with pytest.raises(PolicyError, match="simulated"):
        flow.submit_booking(replace(line, settings=_settings(line, "production")), booking)
    assert line.queue.entries() == []


def test_one_uncertified_print_stops_a_production_submission(line: flow.Line) -> None:
    real = replace(SIMULATED, simulated=False, make="Make")
    booking = _complete(line, "b-1", real)
    with pytest.raises(PolicyError, match="not listed"):
        flow.submit_booking(replace(line, settings=_settings(line, "production")), booking)


def test_an_uncertified_print_is_marked_in_every_record_that_a_test_gateway_gets(line: flow.Line) -> None:
    real = replace(SIMULATED, simulated=False, make="Make", limits=("firmware.unknown",))
    ticket = flow.submit_booking(line, _complete(line, "b-1", real))
    txn = decode(line.queue.payload(ticket.submission_id))
    assert txn.of_type(2)[0].rows(67)[0][0] == "UNCERTIFIED Make"
    for record in txn.of_type(14):
        assert record.rows(904)[0][0] == "UNCERTIFIED Make"
        assert (record.text(20) or "").startswith("TRAINING ONLY; NOT APPENDIX F")
        assert record.text(31) is None


def test_a_certified_unit_with_a_limit_stops_a_production_submission(line: flow.Line) -> None:
    real = replace(SIMULATED, simulated=False, certification="AppF", limits=("firmware.bad",))
    with pytest.raises(PolicyError, match=r"reader\.limited"):
        flow.submit_booking(
            replace(line, settings=_settings(line, "production")), _complete(line, "b-1", real)
        )
    assert line.queue.entries() == []


def test_a_slap_of_a_two_finger_reader_stops_a_production_submission(line: flow.Line) -> None:
    real = replace(SIMULATED, simulated=False, certification="AppF", fap=45)
    with pytest.raises(PolicyError, match=r"reader\.class"):
        flow.submit_booking(
            replace(line, settings=_settings(line, "production")), _complete(line, "b-1", real)
        )


def test_a_print_that_is_not_500_ppi_is_refused(line: flow.Line) -> None:
    with pytest.raises(RecordError) as caught:
        flow.submit_booking(line, _complete(line, "b-1", ppi=381))
    assert caught.value.code == "record.ppi"


def test_a_separator_in_a_value_queues_nothing(line: flow.Line) -> None:
    booking = replace(_complete(line, "b-1"), subject={**SUBJECT, "OCA": "A\x1dB"})
    with pytest.raises(RecordError) as caught:
        flow.submit_booking(line, booking)
    assert caught.value.code == "record.separator_in_value"
    assert line.queue.entries() == []


def test_what_the_bureau_would_refuse_is_not_queued(line: flow.Line) -> None:
    booking = replace(_complete(line, "b-1"), subject={**SUBJECT, "SEX": "Q"})
    with pytest.raises(RecordError, match=r"2\.024") as caught:
        flow.submit_booking(line, booking)
    assert caught.value.code == "record.invalid"
    assert line.queue.entries() == []


def test_a_type_the_policy_has_no_rule_for_is_refused(line: flow.Line) -> None:
    booking = replace(_complete(line, "b-1"), tot="CNA")
    with pytest.raises(PolicyError, match=r"tot\.known-only"):
        flow.submit_booking(line, booking)


def test_a_type_that_cannot_be_built_is_refused(line: flow.Line, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = policy.Decision(True, "test", "test", "test")
    monkeypatch.setattr(policy, "decide", lambda *_args, **_kwargs: allowed)
    booking = replace(_complete(line, "b-1"), tot="XXX")
    with pytest.raises(RecordError) as caught:
        flow.submit_booking(line, booking)
    assert caught.value.code == "record.unknown_tot"
    assert line.queue.entries() == []


def test_a_control_number_is_one_to_a_booking_and_fits_the_field() -> None:
    one = flow.control_number("SIM-STATION-01", "b-0123456789abcdef")
    assert one == "SIM-STATION-01-B0123456789ABCDEF"
    assert 10 <= len(flow.control_number("S" * 20, "b-0123456789abcdef")) <= 40
    assert one != flow.control_number("SIM-STATION-01", "b-0123456789abcdee")


def test_a_control_number_is_the_station_and_the_booking_within_forty_characters():
    """EBTS 9.1, 1.009: 10 to 40 characters; the longest id of a station has 20."""
    assert flow.control_number("ST-1", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0") == "ST-1-0F1E2D3C4B5A6978879"
    assert flow.control_number("S" * 20, "a" * 32) == "S" * 20 + "-" + "A" * 19
    assert len(flow.control_number("S" * 30, "a" * 32)) == 40


def test_a_picture_of_two_fingers_or_more_says_where_each_lies_and_one_of_a_single_finger_does_not(
    line: flow.Line,
) -> None:
    booking = Booking("b-1", "CAR", "tenprint", SUBJECT, "avery", NOW, NOW)
    missing = {
        FGP.RIGHT_MIDDLE: AMP.AMPUTATED,
        FGP.RIGHT_RING: AMP.AMPUTATED,
        FGP.LEFT_INDEX: AMP.UNABLE_TO_PRINT,
    }
    booking = bookings.with_missing(booking, missing, NOW)
    taken: dict[FGP, Taken] = {}
    for step in booking.steps:
        if not step.skipped:
            booking, taken[step.fgp] = _taken(booking, step.fgp, SIMULATED)
    pictures = {record.text(13): record for record in flow._transaction(line, booking, taken).of_type(14)}
    placed = {fgp: [row[0] for row in record.rows(21)] for fgp, record in pictures.items() if record.rows(21)}
    assert placed == {"13": ["2", "5"], "14": ["8", "9", "10"]}
