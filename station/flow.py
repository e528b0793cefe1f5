"""The whole line on one screen: a complete booking becomes one signed entry of the offline queue, exactly once.

    impressions ── WSQ ──> images ── tot.build ──> Transaction ── validate, encode ──> bytes
    ── seal, sign, store ──> Entry

The policy is asked again here although it was asked before capture: settings may have changed since. So is the check of
the whole set (station/set_check.py): no page can leave it out.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from drivers.reader import ReaderInfo
from offline_queue.errors import EntryUnknown
from offline_queue.models import Submission
from offline_queue.signers import Signer
from offline_queue.store import Queue
from station import policy, set_check
from station.booking import Attempt, Booking, BookingState, SubmissionTicket
from station.booking import Segment as BookedSegment
from station.booking_store import BookingStore, Taken
from station.errors import BookingError, RecordError
from station.friction_ridge import FGP
from station.imaging import codecs
from station.imaging.quality import nfiq2
from station.matching.sequence_types import OtherFinger
from station.policy import certification
from station.records import encode, tot, validate
from station.records.header import Header
from station.records.prints import Nfiq2, Segment, TenprintImage
from station.records.transaction import Transaction
from station.settings import Settings

CODEC = "WSQ20"
PPI = 500


class Clock(Protocol):
    """The wall clock, injected."""

    def utcnow(self) -> dt.datetime: ...


@dataclass(frozen=True)
class Line:
    """What the line runs on: the station's settings, its two files, its signing key and its clock; others: fingers
    that must not be in a set, such as the officers'."""

    settings: Settings
    store: BookingStore
    queue: Queue
    signer: Callable[[], Signer]
    clock: Clock
    others: tuple[OtherFinger, ...] = ()


def submit_booking(line: Line, booking: Booking) -> SubmissionTicket:
    """Make, check, sign and store the submission of a complete booking; the same booking gives the same ticket.

    Raises BookingError (not complete, sequence alarm), PolicyError, RecordError (would be refused by the
    bureau), QueueError (not stored). After an error nothing is queued; after a return it is on disk, signed, with its
    audit row.
    """
    with contextlib.suppress(EntryUnknown):
        known = line.queue.entry(booking.id)
        return SubmissionTicket(known.submission_id, known.tcn)
    _require_complete(booking)
    taken = line.store.accepted(booking)
    _require_policy(line.settings, booking, taken)
    set_check.require_agreement(booking, taken, line.others)
    txn = _transaction(line, booking, taken)
    _require_valid(txn, line.clock.utcnow().astimezone().date())
    payload = encode.encode(txn)
    station = line.settings.station
    entry = line.queue.enqueue(
        Submission(booking.id, txn.tcn, booking.tot, station.ori, payload), line.signer()
    )
    return SubmissionTicket(entry.submission_id, entry.tcn)


def forget_queued(store: BookingStore, queue: Queue, at: dt.datetime) -> int:
    """Under `[queue] seal_to`: destroy the draft of everything that is in the queue already, also where a crash came
    between the two. Returns how many drafts there were."""
    count = 0
    for booking in store.bookings():
        with contextlib.suppress(EntryUnknown):
            entry = queue.entry(booking.id)
            if booking.submission is None:
                ticket = SubmissionTicket(entry.submission_id, entry.tcn)
                booking = replace(booking, state=BookingState.SUBMITTED, submission=ticket, updated_at=at)
            if booking.subject:
                store.forget(booking)
                count += 1
    return count


def control_number(station_id: str, booking_id: str) -> str:
    """TCN (1.009, 10 to 40 characters): the station and the booking, so that one booking can have only one."""
    return f"{station_id}-{booking_id.replace('-', '')[:19]}".upper()[:40]


def _require_complete(booking: Booking) -> None:
    problems = booking.problems()
    if problems:
        raise BookingError("booking.incomplete", "; ".join(problems), "take what is missing, then submit")


def _require_policy(settings: Settings, booking: Booking, taken: Mapping[FGP, Taken]) -> None:
    """Every impression on its own: one simulated or uncertified print stops a production submission."""
    for one in taken.values():
        reader = one.impression.frame.reader
        policy.require(
            policy.decide(
                booking.tot,
                certification=reader.certification,
                simulated=reader.simulated,
                gateway=settings.gateway.kind,
                fap=reader.fap,
                limits=reader.limits,
                kind=certification.kind_of(one.impression.fgp, one.impression.imp),
            )
        )


def _transaction(line: Line, booking: Booking, taken: Mapping[FGP, Taken]) -> Transaction:
    station, now = line.settings.station, line.clock.utcnow()  # DAT and FCD are local dates, GMT is not
    header = Header(
        tcn=control_number(station.id, booking.id),
        dai=station.dai,
        ori=station.ori,
        dat=now.astimezone().date(),
        gmt=now,
    )
    images = [_image(booking.accepted[fgp], one) for fgp, one in taken.items()]
    build = getattr(tot.by_tot(booking.tot), "build", None)
    if build is None:
        raise RecordError("record.unknown_tot", f"no submission of type {booking.tot}", "see docs/records.md")
    made: Transaction = build(header, _subject(booking, station.ori), images, booking.missing)
    return made


def _subject(booking: Booking, ori: str) -> dict[str, Any]:
    """Type-2 values: what the officer gave, and the booking agency (2.073 CRI) when it was not said."""
    return {"RET": "Y", "CRI": ori, **booking.subject}


def _image(attempt: Attempt, one: Taken) -> TenprintImage:
    frame = one.impression.frame
    if frame.ppi != PPI:
        raise RecordError(
            "record.ppi", f"{one.impression.fgp.name} is {frame.ppi} ppi", "a 500 ppi reader is needed"
        )
    height, width = frame.pixels.shape
    return TenprintImage(
        fgp=one.impression.fgp,
        imp=one.impression.imp,
        width=width,
        height=height,
        ppi=frame.ppi,
        cga=CODEC,
        data=codecs.by_name(CODEC).encode(frame.pixels, frame.ppi),
        make=frame.reader.make,
        model=frame.reader.model,
        serial=frame.reader.serial,
        simulated=frame.reader.simulated,
        quality=one.report,
        nfiq2=tuple(Nfiq2(FGP(fgp), score) for fgp, score in nfiq2.noted(one.report).items()),
        segments=tuple(_segment(each) for each in attempt.segments if len(attempt.segments) > 1),
        captured=frame.wall.astimezone().date(),
        fap=frame.reader.fap,
        dmm="CONTROLLED",  # an officer is signed in and takes the prints
        marks=_marks(frame.reader),
    )


def _marks(reader: ReaderInfo) -> tuple[str, ...]:
    return () if reader.simulated else certification.marks(reader.certification, reader.fap, reader.limits)


def _segment(one: BookedSegment) -> Segment:
    x, y, width, height = one.box
    return Segment(one.fgp, x, x + width - 1, y, y + height - 1, one.outline)


def _require_valid(txn: Transaction, today: dt.date) -> None:
    wrong = validate.errors(validate.validate(txn, today=today))
    if wrong:
        told = "; ".join(f"{finding.field}: {finding.message}" for finding in wrong[:5])
        raise RecordError("record.invalid", told, "correct the booking; nothing was queued")
