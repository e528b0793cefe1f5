"""One booking event as a frozen value, and the table of the steps it may make.

In: operations of the officer, already decided. Out: the next Booking, or BookingError
`booking.illegal_step`. Nothing here touches a disk, a clock or a reader: times are arguments, pixels live in
station/booking_store.py.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from station import booking_plan
from station.booking_plan import Step
from station.errors import BookingError
from station.friction_ridge import AMP, FGP, IMP, QualityCause

Subject = Mapping[str, Any]
"""Type-2 values of the person by mnemonic (upper case), in the shapes of station/records/type_2.py, for example
{"NAM": "EXAMPLE,ANNA", "DOB": "19800229", "ASL": {"AOL": "THEFT"}}."""


class BookingState(enum.StrEnum):
    """Where a booking is. draft: nothing taken yet; complete: every impression of the plan accepted."""

    DRAFT = "draft"
    CAPTURING = "capturing"
    COMPLETE = "complete"
    SUBMITTED = "submitted"
    CANCELLED = "cancelled"


class Event(enum.StrEnum):
    """What may happen to a booking. edit: fields changed, nothing taken yet; capture: taken, but not all
    accepted; fill: the plan is now complete; submit; cancel."""

    EDIT = "edit"
    CAPTURE = "capture"
    FILL = "fill"
    SUBMIT = "submit"
    CANCEL = "cancel"


_S, _E = BookingState, Event

TRANSITIONS: dict[tuple[BookingState, Event], BookingState] = {
    (_S.DRAFT, _E.EDIT): _S.DRAFT,
    (_S.DRAFT, _E.CAPTURE): _S.CAPTURING,
    (_S.DRAFT, _E.FILL): _S.COMPLETE,
    (_S.DRAFT, _E.CANCEL): _S.CANCELLED,
    (_S.CAPTURING, _E.CAPTURE): _S.CAPTURING,
    (_S.CAPTURING, _E.FILL): _S.COMPLETE,
    (_S.CAPTURING, _E.CANCEL): _S.CANCELLED,
    (_S.COMPLETE, _E.CAPTURE): _S.CAPTURING,
    (_S.COMPLETE, _E.FILL): _S.COMPLETE,
    (_S.COMPLETE, _E.SUBMIT): _S.SUBMITTED,
    (_S.COMPLETE, _E.CANCEL): _S.CANCELLED,
    (_S.SUBMITTED, _E.SUBMIT): _S.SUBMITTED,
}
"""Every legal step. A pair that is not here is refused with `booking.illegal_step`."""

OPEN_STATES = frozenset({_S.DRAFT, _S.CAPTURING, _S.COMPLETE})
"""States in which fingers may be marked and captured."""


@dataclass(frozen=True)
class Finding:
    """What the sequence check says about an impression, for the officer. A finding is a reason to look, never
    an identification. with_fgp: the position it agrees with, or None."""

    code: str
    message: str
    advice: str
    with_fgp: int | None = None


@dataclass(frozen=True)
class Segment:
    """One finger inside a slap. box: x, y, width, height in pixels of the frame; roll_score: how well it
    matches its roll, None where there is no roll to compare; outline: corners x, y in pixels of the frame."""

    fgp: FGP
    box: tuple[int, int, int, int]
    angle_deg: float
    roll_score: float | None = None
    outline: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Attempt:
    """One delivered frame. digest: SHA-256 of size and pixels, hexadecimal; minutiae: how many were found."""

    fgp: FGP
    imp: IMP
    number: int
    score: int
    causes: tuple[QualityCause, ...]
    finding: Finding | None
    accepted: bool
    minutiae: int
    digest: str
    officer: str
    taken_at: dt.datetime
    simulated: bool
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True)
class Override:
    """An impression kept although a check spoke against it: who, why, and the second person who agreed. check: the
    code of the finding overruled, `quality` for a low score, "" in bookings written before it was kept."""

    fgp: FGP
    attempt: int
    reason: str
    officer: str
    second_officer: str
    at: dt.datetime
    check: str = ""


@dataclass(frozen=True)
class SubmissionTicket:
    """What the officer is told when a booking is saved for sending."""

    submission_id: str
    tcn: str


@dataclass(frozen=True)
class Booking:
    """One complete or growing set of impressions of one person for one event."""

    id: str
    tot: str
    plan: str
    subject: Subject
    officer: str
    created_at: dt.datetime
    updated_at: dt.datetime
    state: BookingState = BookingState.DRAFT
    missing: Mapping[FGP, AMP] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    overrides: tuple[Override, ...] = ()
    submission: SubmissionTicket | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The plan with the missing fingers taken out."""
        return booking_plan.steps(self.plan, self.missing)

    @property
    def accepted(self) -> dict[FGP, Attempt]:
        """The accepted attempt of each position that still belongs to the plan."""
        wanted = {step.fgp for step in self.steps if not step.skipped}
        return {one.fgp: one for one in self.attempts if one.accepted and one.fgp in wanted}

    @property
    def next_step(self) -> Step | None:
        """The first step that is still to be taken."""
        done = self.accepted
        return next((step for step in self.steps if not step.skipped and step.fgp not in done), None)

    @property
    def is_open(self) -> bool:
        """True while fingers may be marked and captured."""
        return self.state in OPEN_STATES

    def step(self, fgp: FGP) -> Step:
        """The step of a position. Raises BookingError when it is not to be taken."""
        found = next((step for step in self.steps if step.fgp == fgp), None)
        if found is None:
            raise BookingError("booking.not_in_plan", f"position {int(fgp)} is not in the plan {self.plan}")
        if found.skipped:
            raise BookingError(
                "booking.finger_missing",
                f"{found.label} is marked {found.skipped}",
                "take the mark away first if the finger can be printed",
            )
        return found

    def attempts_of(self, fgp: FGP) -> tuple[Attempt, ...]:
        """All attempts at a position, oldest first."""
        return tuple(one for one in self.attempts if one.fgp == fgp)

    def problems(self) -> tuple[str, ...]:
        """Why this booking may not be submitted yet, one sentence each; empty when it may."""
        done = self.accepted
        open_ones = [step.label for step in self.steps if not step.skipped and step.fgp not in done]
        lines = [f"{label} is not accepted yet" for label in open_ones]
        if not done and not open_ones:
            lines.append("There is no impression to submit")
        if self.state is BookingState.CANCELLED:
            lines.append("The booking is cancelled")
        return tuple(lines)


def advance(booking: Booking, event: Event, at: dt.datetime) -> Booking:
    """The booking after `event`. Raises BookingError `booking.illegal_step` where TRANSITIONS has no cell."""
    following = TRANSITIONS.get((booking.state, event))
    if following is None:
        raise BookingError(
            "booking.illegal_step",
            f"a booking that is {booking.state} does not allow {event}",
            "open the worklist and look at its state",
        )
    return replace(booking, state=following, updated_at=at)


def settle(booking: Booking, at: dt.datetime) -> Booking:
    """Move an open booking to the state its attempts and marks put it in."""
    if not booking.attempts:
        return advance(booking, Event.EDIT, at)
    return advance(booking, Event.CAPTURE if booking.problems() else Event.FILL, at)


def with_attempt(booking: Booking, attempt: Attempt, at: dt.datetime) -> Booking:
    """The booking after one more attempt; an accepted one takes the place of the accepted one before it."""
    kept = booking.attempts
    if attempt.accepted:
        kept = tuple(replace(one, accepted=False) if one.fgp == attempt.fgp else one for one in kept)
    return settle(replace(booking, attempts=(*kept, attempt)), at)


def with_override(booking: Booking, override: Override) -> Booking:
    """The booking after the officer and a second person kept an attempt that a check spoke against."""
    changed = tuple(
        replace(one, accepted=one.number == override.attempt) if one.fgp == override.fgp else one
        for one in booking.attempts
    )
    return settle(replace(booking, attempts=changed, overrides=(*booking.overrides, override)), override.at)


def with_missing(booking: Booking, changes: Mapping[FGP, AMP | None], at: dt.datetime) -> Booking:
    """The booking after fingers were marked XX or UP, or unmarked (None). Only FGP 1 to 10 can be marked."""
    bad = [int(finger) for finger in changes if finger not in booking_plan.FINGERS]
    if bad:
        raise BookingError("booking.not_a_finger", f"position {bad[0]} is not one of the ten fingers")
    merged = {finger: code for finger, code in {**booking.missing, **changes}.items() if code is not None}
    kept = tuple(_after_marks(one, set(changes)) for one in booking.attempts)
    return settle(replace(booking, missing=dict(sorted(merged.items())), attempts=kept), at)


def _after_marks(attempt: Attempt, marked: set[FGP]) -> Attempt:
    """A slap was counted against the plan of its time: when one of its fingers changes, it is retaken."""
    fingers = booking_plan.fingers_of(attempt.fgp)
    return replace(attempt, accepted=False) if len(fingers) > 1 and marked & set(fingers) else attempt


def with_submission(booking: Booking, ticket: SubmissionTicket, at: dt.datetime) -> Booking:
    """The booking after it was saved for sending."""
    return replace(advance(booking, Event.SUBMIT, at), submission=ticket)
