"""The officer's operations as plain functions: what the pages and the JSON interface both call.

In: ids, values and an officer who has signed in. Out: Booking, Attempt, tickets, or a typed error. Only the reader,
the clock and `submit` are seams; everything is written to the store before the officer is told.
"""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from drivers.reader import Frame, Reader, ReaderInfo
from station import booking as bookings
from station import booking_plan, booking_subject, capture, policy
from station.access import Access, Officer
from station.booking import Attempt, Booking, BookingState, Event, Override, SubmissionTicket
from station.booking_store import BookingStore, Taken
from station.capture import CaptureRules, Instruments, Templates
from station.errors import BookingError
from station.friction_ridge import AMP, FGP, MinutiaTemplate
from station.kiosk.live import LiveView
from station.kiosk.reader_desk import ReaderDesk
from station.kiosk.room import CaptureRoom, Phase, Run
from station.kiosk.set_desk import SetCheck
from station.set_check import impressions_of

OVERRIDE_REASONS: dict[str, str] = {
    "skin_condition": "Skin condition: no better print can be had",
    "injury": "Injury or bandage",
    "checked_by_eye": "Fingers checked by eye, the alarm is wrong",
    "other": "Other, as written down in the case file",
}
"""Why an impression is kept although a check spoke against it."""


class Clock(Protocol):
    """Time, injected."""

    def monotonic(self) -> float: ...
    def utcnow(self) -> dt.datetime: ...


@dataclass(frozen=True)
class DeskRules:
    """From the settings. gateway: `simulated` or `production`; forgets: drafts are destroyed once they are queued."""

    gateway: str
    capture: CaptureRules = field(default_factory=CaptureRules)
    max_attempts: int = 3
    forgets: bool = False


class Desk:
    """One station's counter. Any thread."""

    def __init__(
        self,
        *,
        rules: DeskRules,
        store: BookingStore,
        access: Access,
        reader: Reader,
        submit: Callable[[Booking], SubmissionTicket],
        tools: Instruments,
        clock: Clock,
        live: LiveView | None = None,
        sets: SetCheck | None = None,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.rules = rules
        self.store = store
        self.access = access
        self.tools = tools
        self.clock = clock
        self.live = live or LiveView()
        self.sets = sets or SetCheck(store)
        self.glass = ReaderDesk(reader, rules.capture, tools, self.live, lambda: self.room)
        self.room = CaptureRoom(clock, self.glass.show_phase)
        self._submit, self._ready = submit, ready
        self._lock = threading.RLock()

    # Bookings -----------------------------------------------------------------------------------------------------

    def new_booking(
        self,
        officer: Officer,
        subject: Mapping[str, Any],
        *,
        tot: str = "CAR",
        plan: str | None = None,
        missing: Mapping[FGP, AMP] | None = None,
        request_id: str | None = None,
    ) -> Booking:
        """Open a booking. The same request_id of the same officer gives the same booking, once.

        Raises SubjectInvalid; QueueError when the queue could not take it; BookingError `booking.tot_unknown`,
        `booking.plan_unknown`, `booking.not_a_finger`.
        """
        booking_id = _booking_id(officer, request_id)
        with self._lock:
            if request_id is not None and (known := self._known(booking_id)):
                return known
            self._ready()
            tidied = booking_subject.tidy(subject)
            now = self.clock.utcnow()
            booking_subject.require_valid(tidied, now.date())
            booking = Booking(booking_id, tot, plan or _plan_of(tot), tidied, officer.id, now, now)
            booking_plan.steps(booking.plan, {})
            booking = bookings.with_missing(booking, dict(missing or {}), now)
            self.store.save(booking)
        return booking

    def edit_subject(self, booking_id: str, subject: Mapping[str, Any]) -> Booking:
        """Replace the person's values while the booking is open. Raises as `new_booking`."""
        with self._lock:
            booking = self._open(booking_id)
            tidied = booking_subject.tidy(subject)
            now = self.clock.utcnow()
            booking_subject.require_valid(tidied, now.date())
            return self._keep(replace(booking, subject=tidied, updated_at=now))

    def mark_missing(self, booking_id: str, changes: Mapping[FGP, AMP | None]) -> Booking:
        """Mark fingers XX or UP, or take the mark away (None). Raises BookingError when it is too late."""
        with self._lock:
            return self._keep(bookings.with_missing(self._open(booking_id), changes, self.clock.utcnow()))

    def cancel_booking(self, booking_id: str) -> Booking:
        """Give a booking up; what was taken is kept until retention removes it."""
        with self._lock:
            booking = self.store.booking(booking_id)
            return self._keep(bookings.advance(booking, Event.CANCEL, self.clock.utcnow()))

    # Capture ------------------------------------------------------------------------------------------------------

    def start_capture(self, booking_id: str, fgp: FGP, officer: Officer) -> Run:
        """Begin to take one impression. Raises BookingError, PolicyError, ReaderFault before any finger moves."""
        step = self._open(booking_id).step(fgp)

        def job(run: Run) -> Attempt:
            self._require_allowed(self.store.booking(booking_id).tot, self.glass.ready())
            frame = self.glass.take(run, step)
            self.room.enter(run, Phase.EXAMINE)
            return self._record(booking_id, step, frame, officer)

        return self.room.start(booking_id, fgp, self.rules.capture.deadline_s, job)

    def capture(self, booking_id: str, fgp: FGP, officer: Officer) -> Attempt:
        """Take one impression and wait for the verdict. Raises also CaptureRetry and ReaderFault."""
        return self.room.wait(self.start_capture(booking_id, fgp, officer))

    def override(
        self, booking_id: str, fgp: FGP, reason: str, officer: Officer, second_officer: str, second_pin: str
    ) -> Booking:
        """Keep an impression that a check spoke against, with a reason and a supervisor.

        A wrong-finger alarm may be overridden at once; low quality only after `max_attempts`, and then the best
        attempt is kept. Raises BookingError `booking.nothing_to_override`, `booking.reason_unknown`, AccessError.
        """
        _require_reason(reason)
        second = self.access.second_person(officer.id, second_officer, second_pin)
        with self._lock:
            booking = self._open(booking_id)
            attempt = self.overridable(booking, fgp)
            if attempt is None:
                raise BookingError(
                    "booking.nothing_to_override",
                    "there is no attempt that could be kept",
                    f"take it again; after {self.rules.max_attempts} attempts the best may be kept",
                )
            now = self.clock.utcnow()
            check = attempt.finding.code if attempt.finding else "quality"
            kept = Override(fgp, attempt.number, reason, officer.id, second.id, now, check)
            return self._keep(bookings.with_override(booking, kept))

    def keep_set(
        self,
        booking_id: str,
        code: str,
        fgp: FGP,
        reason: str,
        officer: Officer,
        second_officer: str,
        second_pin: str,
    ) -> Booking:
        """Answer an alarm of the whole-set check about the contact `fgp`: it is kept, with a reason and a supervisor.

        Raises BookingError `booking.no_alarm`, `booking.reason_unknown`, AccessError.
        """
        _require_reason(reason)
        second = self.access.second_person(officer.id, second_officer, second_pin)
        with self._lock:
            booking, now = self._open(booking_id), self.clock.utcnow()
            kept = self.sets.answer(
                booking,
                code,
                fgp,
                lambda number, check: Override(fgp, number, reason, officer.id, second.id, now, check),
            )
            return self._keep(bookings.with_override(booking, kept))

    def overridable(self, booking: Booking, fgp: FGP) -> Attempt | None:
        """The attempt an override would keep now, or None."""
        tries = booking.attempts_of(fgp)
        if not tries or any(one.accepted for one in tries):
            return None
        if tries[-1].finding is not None:
            return tries[-1]
        if len(tries) < self.rules.max_attempts:
            return None
        whole = [one for one in tries if not any(cause.code == "slap_count" for cause in one.causes)]
        return max(whole or tries, key=lambda one: one.score)

    # Submission ---------------------------------------------------------------------------------------------------

    def problems(self, booking: Booking) -> tuple[str, ...]:
        """Why the booking may not be submitted now, one sentence each."""
        wrong = booking_subject.problems(booking.subject, self.clock.utcnow().date())
        fields = (f"{name} {text}" for name, text in wrong.items())
        return (*booking.problems(), *fields, *(one.message for one in self.sets.alarms(booking)))

    def submit(self, booking_id: str) -> SubmissionTicket:
        """Save a complete booking for sending; asked again, the same ticket. Raises BookingError, PolicyError."""
        with self._lock:
            booking = self.store.booking(booking_id)
            if booking.submission is not None:
                return booking.submission
            if booking.state is not BookingState.COMPLETE or self.problems(booking):
                why = "; ".join(self.problems(booking)[:3]) or f"it is {booking.state}"
                raise BookingError(
                    "booking.not_complete", f"the booking is not complete: {why}", "open Review"
                )
            for reader in self._readers_used(booking):
                self._require_allowed(booking.tot, reader)
            # A crash after this line and before the next save is healed by asking again: `submit` itself gives the
            # same ticket for the same booking.
            ticket = self._submit(booking)
            keep = self.store.forget if self.rules.forgets else self.store.save
            keep(bookings.with_submission(booking, ticket, self.clock.utcnow()))
        return ticket

    # Inside -------------------------------------------------------------------------------------------------------

    def _known(self, booking_id: str) -> Booking | None:
        try:
            return self.store.booking(booking_id)
        except BookingError:
            return None

    def _keep(self, booking: Booking) -> Booking:
        self.store.save(booking)
        return booking

    def _open(self, booking_id: str) -> Booking:
        booking = self.store.booking(booking_id)
        if not booking.is_open:
            raise BookingError(
                "booking.closed", f"the booking is {booking.state}", "open a new booking if prints are needed"
            )
        return booking

    def _require_allowed(self, tot: str, info: ReaderInfo) -> None:
        policy.require(
            policy.decide(
                tot,
                certification=info.certification,
                simulated=info.simulated,
                gateway=self.rules.gateway,
                fap=info.fap,
                limits=info.limits,
            )
        )

    def _readers_used(self, booking: Booking) -> list[ReaderInfo]:
        taken = self.store.accepted(booking).values()
        return list({one.impression.frame.reader.id: one.impression.frame.reader for one in taken}.values())

    def _record(self, booking_id: str, step: booking_plan.Step, frame: Frame, officer: Officer) -> Attempt:
        """Judge the frame, and write attempt and pixels before anybody is told."""
        booking = self._open(booking_id)
        number = len(booking.attempts_of(step.fgp)) + 1
        outcome = capture.examine(
            frame,
            step,
            self._templates(booking, step.fgp),
            self.tools,
            self.rules.capture,
            officer=officer.id,
            number=number,
        )
        attempt = outcome.attempt()
        with self._lock:
            booking = bookings.with_attempt(self._open(booking_id), attempt, self.clock.utcnow())
            self.store.save(booking, Taken(outcome.impression, outcome.template, outcome.report))
        self.sets.findings(booking)  # with the last impression: Review need not wait for it
        self.live.show("result", booking_id, int(step.fgp), frame)
        return attempt

    def _templates(self, booking: Booking, taking: FGP) -> Templates:
        """Templates of the accepted fingers, a slap's cut from it, for the sequence check; not of the contact that is
        being replaced, which may be the wrong finger of the two."""
        found: dict[FGP, list[MinutiaTemplate]] = {}
        for one in impressions_of(booking, self.store.accepted(booking)):
            if one.source != taking:
                found.setdefault(one.fgp, []).append(one.template)
        return found


def _booking_id(officer: Officer, request_id: str | None) -> str:
    """A fresh id, or the one that follows from a request that may come twice."""
    if request_id is None:
        return f"b-{uuid.uuid4().hex[:16]}"
    return f"b-{uuid.uuid5(uuid.NAMESPACE_OID, f'{officer.id}/{request_id}').hex[:16]}"


def _require_reason(reason: str) -> None:
    if reason not in OVERRIDE_REASONS:
        raise BookingError("booking.reason_unknown", f"no reason is called {reason!r}", "choose one listed")


def _plan_of(tot: str) -> str:
    if tot not in booking_plan.PLAN_OF_TOT:
        known = ", ".join(booking_plan.PLAN_OF_TOT)
        raise BookingError(
            "booking.tot_unknown", f"this station does not take prints for {tot!r}", f"one of {known}"
        )
    return booking_plan.PLAN_OF_TOT[tot]
