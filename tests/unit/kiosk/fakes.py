"""Fakes at the seams: a reader that shows coded pixels, instruments that read the code, a clock, a queue.

A coded frame is a grey picture whose first row holds: how many fingers, then for each its FGP and its quality.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import threading
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from drivers.errors import CaptureRetry
from drivers.reader import CaptureKind, CaptureRequest, Frame, ReaderInfo, ReaderState
from station.access import Access, FailedTries, Officer, Role, hash_pin
from station.booking import SubmissionTicket
from station.capture import CaptureRules, Instruments
from station.friction_ridge import FGP, SLAP_FINGERS, MinutiaTemplate, QualityCause, QualityReport
from station.imaging.slap_types import SegmentedFinger, SlapSegmentation
from station.kiosk.counter import Counter, Health
from station.kiosk.desk import Desk, DeskRules
from station.kiosk.outbox import Outbox
from station.kiosk.sessions import Sessions

SUBJECT = {
    "NAM": "SYNTHETIC,PERSON ONE",
    "DOB": "19850704",
    "SEX": "X",
    "RAC": "U",
    "POB": "ZZ",
    "HGT": "508",
    "WGT": "165",
    "EYE": "XXX",
    "HAI": "XXX",
    "DOA": "20260102",
    "ASL": {"AOL": "SIMULATED OFFENSE"},
}
INFO = ReaderInfo(
    id="fake:1",
    driver="fake",
    profile="fake",
    make="Fake",
    model="Reader",
    serial="1",
    firmware="1",
    ppi=500,
    kinds=frozenset(CaptureKind),
    certification="none",
    fap=60,
    simulated=True,
)


class FakeClock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = dt.datetime(2026, 1, 2, 12, 0, tzinfo=dt.UTC)
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def utcnow(self) -> dt.datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.forward(seconds)

    def forward(self, seconds: float) -> None:
        self.seconds += seconds
        self.now += dt.timedelta(seconds=seconds)


class PlainVault:
    """Seals by writing the additional data in front, so that a mixed-up row is noticed."""

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        return hashlib.sha256(aad).digest() + plaintext

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        if sealed[:32] != hashlib.sha256(aad).digest():
            raise ValueError("sealed for another row")
        return sealed[32:]


_serial = itertools.count()


def coded(fingers: list[int], quality: int = 80, *, final: bool = True, salt: int | None = None) -> Frame:
    """A frame whose pixels say which fingers lie on the glass and how good they are."""
    pixels = np.full((60, 80), 230, np.uint8)
    pixels[0, 0] = len(fingers)
    for place, finger in enumerate(fingers):
        pixels[0, 1 + 2 * place] = finger
        pixels[0, 2 + 2 * place] = quality
        pixels[10:50, 4 + 19 * place : 20 + 19 * place] = 90
    number = next(_serial) if salt is None else salt
    pixels[59, :4] = np.frombuffer(int(number).to_bytes(4, "little"), np.uint8)
    return Frame(pixels, 500, INFO, 1.0, dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC), True, final, number)


class FakeReader:
    """A reader that obeys the lamps. `script` holds, per capture, a Frame, an error or a callable; empty: obey."""

    def __init__(self, info: ReaderInfo = INFO) -> None:
        self._info = info
        self.state = ReaderState.CLOSED
        self.script: list[object] = []
        self.requests: list[CaptureRequest] = []
        self.opened = 0
        self.open_error: Exception | None = None
        self.hold: threading.Event | None = None
        self.entered = threading.Event()

    @property
    def info(self) -> ReaderInfo:
        return self._info

    def open(self) -> None:
        if self.open_error:
            raise self.open_error
        self.opened += 1
        self.state = ReaderState.IDLE

    def close(self) -> None:
        self.state = ReaderState.CLOSED

    def capture(self, request, preview=None, cancelled=None) -> Frame:
        self.requests.append(request)
        fingers = self._seen(request)
        if preview:
            preview(coded(fingers, 50, final=False))
        self.entered.set()
        while self.hold is not None and not self.hold.wait(0.02):
            if preview:
                preview(coded(fingers, 50, final=False))
            if cancelled and cancelled():
                raise CaptureRetry("capture.cancelled", "the capture was cancelled", "start again")
        step = self.script.pop(0) if self.script else coded(fingers)
        if callable(step):
            step = step(request)
        if isinstance(step, Exception):
            raise step
        return step

    def _seen(self, request: CaptureRequest) -> list[int]:
        fingers = list(request.lamps)
        return fingers[::-1] if request.kind is CaptureKind.SLAP and 7 in fingers else fingers


def template_of(fingers: list[int]) -> MinutiaTemplate:
    """A template of coded fingers: one minutia per finger, its FGP in `angle`."""
    count = len(fingers)
    return MinutiaTemplate(
        80,
        60,
        500,
        np.array([12 + 19 * place for place in range(count)], np.float32),
        np.full(count, 30, np.float32),
        np.array(fingers, np.float32),
        np.ones(count, np.uint8),
        np.full(count, 50, np.uint8),
    )


@dataclass(frozen=True)
class FakeSequenceFinding:
    code: str
    message: str
    advice: str
    with_fgp: FGP


def _codes(pixels: np.ndarray) -> list[tuple[int, int]]:
    count = int(pixels[0, 0]) if pixels.shape[1] >= 10 and pixels[0, 0] <= 4 else 0
    return [(int(pixels[0, 1 + 2 * n]), int(pixels[0, 2 + 2 * n])) for n in range(count)]


def _assess(pixels: np.ndarray, ppi: int) -> QualityReport:
    codes = _codes(pixels)
    score = min((quality for _, quality in codes), default=70)
    causes = (QualityCause("too_dry", 0.8, "moisten the finger", (1, 1, 4, 4)),) if score < 40 else ()
    return QualityReport(score, "fake-1", causes)


def _segment(pixels: np.ndarray, ppi: int, fgp: FGP, missing: Collection[FGP]) -> SlapSegmentation:
    """As many fingers as the code says, under the names asked for, from left to right."""
    expected = [one for one in SLAP_FINGERS[fgp] if one not in missing]
    order = expected[::-1] if fgp == FGP.PLAIN_LEFT_FOUR else expected
    names = [*order, *expected[:1] * 9]
    return SlapSegmentation(
        fgp,
        tuple(finger_at(names[k], k) for k in range(len(_codes(pixels)))),
        len(expected),
        "unknown",
        0.0,
        0.0,
    )


def finger_at(fgp: FGP, place: int) -> SegmentedFinger:
    """A finger of a coded slap."""
    left = 4 + 19 * place
    corners = ((left, 10), (left + 16, 10), (left + 16, 50))
    return SegmentedFinger(fgp, (left, 10, 16, 40), corners, 0.0, 1.0)


def _wrong_finger(candidate, fgp, taken):
    shown = set(candidate.angle)
    agreeing = [at for at, templates in taken.items() if any(shown & set(one.angle) for one in templates)]
    other = next((at for at in agreeing if at != fgp), None) if fgp not in agreeing else None
    if other is None:
        return None
    return FakeSequenceFinding(
        "sequence.same_finger", f"this looks like {other.name}", "look at both pictures", other
    )


def fake_tools() -> Instruments:
    """Instruments that read coded pixels."""
    return Instruments(
        extract=lambda pixels, ppi: template_of([finger for finger, _ in _codes(pixels)]),
        assess=_assess,
        assess_preview=_assess,
        segment=_segment,
        match=lambda a, b: 90.0 if set(a.angle) & set(b.angle) else 3.0,
        wrong_finger=_wrong_finger,
        draw=lambda pixels, template, report: np.dstack([pixels] * 3),
    )


@dataclass(frozen=True)
class FakeEntry:
    submission_id: str
    tcn: str
    seq: int = 1
    tot: str = "CAR"
    state: str = "ready"
    size: int = 1000
    sha256: str = "00" * 32
    created_at: dt.datetime = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)
    attempts: int = 0
    last_error: str | None = None
    receipt_at: dt.datetime | None = None


@dataclass(frozen=True)
class FakeResponse:
    tcr: str
    content: bytes
    seq: int = 1
    tot: str = "SRE"
    kept_at: dt.datetime = dt.datetime(2026, 1, 2, 13, tzinfo=dt.UTC)


class FakeQueue:
    """The four reading methods of the queue over lists."""

    def __init__(self) -> None:
        self.rows: dict[str, FakeEntry] = {}
        self.answers: list[FakeResponse] = []

    def counts(self) -> dict[str, int]:
        states = [row.state for row in self.rows.values()]
        return {state: states.count(state) for state in set(states)}

    def entries(self, state=None) -> list[FakeEntry]:
        return list(self.rows.values())

    def entry(self, submission_id: str) -> FakeEntry:
        return self.rows[submission_id]

    def responses(self, after: int = 0) -> list[FakeResponse]:
        return self.answers


class Station:
    """A whole counter on fakes."""

    def __init__(self, folder, *, gateway: str = "simulated", info: ReaderInfo = INFO, store=None) -> None:
        from station.booking_store import BookingStore

        self.clock = FakeClock()
        self.reader = FakeReader(info)
        self.queue = FakeQueue()
        self.submitted: list[str] = []
        self.store = store or BookingStore.open(folder / "bookings.db", PlainVault())
        officers = {
            "avery": (Officer("avery", "Avery Officer", Role.OFFICER), PINS["avery"]),
            "morgan": (Officer("morgan", "Morgan Supervisor", Role.SUPERVISOR), PINS["morgan"]),
        }
        self.access = Access(officers, FailedTries(folder / "tries.db"), self.clock)
        self.desk = Desk(
            rules=DeskRules(gateway, CaptureRules(40), 3),
            store=self.store,
            access=self.access,
            reader=self.reader,
            submit=self._submit,
            tools=fake_tools(),
            clock=self.clock,
        )
        self.officer = officers["avery"][0]
        self.lines = [Health("reader", True, "✓", "Reader ready")]
        self.counter = Counter(
            desk=self.desk,
            outbox=Outbox(self.queue, lambda content: content.decode(), lambda text: [text]),
            sessions=Sessions(1800.0, self.clock),
            health=lambda: self.lines,
            simulated=lambda: "SIMULATED" if info.simulated or gateway == "simulated" else "",
            station="SIM-01",
            agency="Simulated County Jail",
        )

    def _submit(self, booking) -> SubmissionTicket:
        self.submitted.append(booking.id)
        ticket = SubmissionTicket(f"s-{booking.id}", f"TCN{len(self.queue.rows) + 1:04d}")
        self.queue.rows.setdefault(ticket.submission_id, FakeEntry(ticket.submission_id, ticket.tcn))
        return SubmissionTicket(ticket.submission_id, self.queue.rows[ticket.submission_id].tcn)

    def close(self) -> None:
        self.store.close()
        self.access.close()


PINS = {"avery": hash_pin("2468", b"a" * 16), "morgan": hash_pin("8642", b"m" * 16)}
