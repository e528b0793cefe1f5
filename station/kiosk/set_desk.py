"""The whole-set check at the counter: findings of a complete booking, remembered; keeping a set in spite of an alarm.

In: bookings and the store. Out: findings, open alarms, the next Booking, or a typed error. The check takes a second
or so on a small computer, so its result is kept as long as the same impressions are accepted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from station import set_check
from station.booking import Booking, Override
from station.booking_plan import LABELS
from station.booking_store import BookingStore
from station.errors import BookingError
from station.friction_ridge import FGP
from station.matching.sequence_types import OtherFinger, SequenceFinding
from station.set_check import answers, impressions_of, open_alarms

REMEMBERED = 4
"""Bookings whose findings are kept in memory."""
Checker = Callable[[Booking, Any, Sequence[OtherFinger]], tuple[SequenceFinding, ...]]


class SetCheck:
    """Findings of bookings. Any thread."""

    def __init__(
        self,
        store: BookingStore,
        others: Sequence[OtherFinger] = (),
        check: Checker = set_check.check_booking,
    ) -> None:
        self._store = store
        self._others = others
        self._check = check
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, ...], tuple[SequenceFinding, ...]] = OrderedDict()

    def findings(self, booking: Booking) -> tuple[SequenceFinding, ...]:
        """What speaks against a set of which every impression is accepted; () before that."""
        if booking.problems():
            return ()
        key = (booking.id, *(one.digest for one in booking.accepted.values()))
        with self._lock:
            if key not in self._known:
                self._known[key] = self._check(booking, self._store.accepted(booking), self._others)
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            return self._known[key]

    def alarms(self, booking: Booking) -> tuple[SequenceFinding, ...]:
        """Those that nobody has answered yet."""
        return open_alarms(booking, self.findings(booking))

    def answer(self, booking: Booking, code: str, fgp: FGP, make: Callable[[int, str], Override]) -> Override:
        """The override that answers the open alarm `code` about the contact `fgp`; make: from attempt number and code.

        Raises BookingError `booking.no_alarm` when there is none.
        """
        if not any(one.code == code and fgp in one.sources for one in self.alarms(booking)):
            raise BookingError(
                "booking.no_alarm",
                f"there is no open alarm {code} about {LABELS[fgp].lower()}",
                "open Review again; it may have been answered",
            )
        return make(booking.accepted[fgp].number, code)

    def view(self, booking: Booking) -> list[dict[str, Any]]:
        """All findings for the page and the JSON interface."""
        findings = self.findings(booking)
        if not findings:
            return []
        places = [one.source for one in impressions_of(booking, self._store.accepted(booking))]
        return [_view(booking, one, places) for one in findings]


def _view(booking: Booking, finding: SequenceFinding, places: Sequence[FGP]) -> dict[str, Any]:
    accepted = booking.accepted
    shown = [places[place] for place in finding.pair or () if place is not None]
    kept = next((one for one in booking.overrides if answers(booking, one, finding)), None)
    return {
        "code": finding.code,
        "message": finding.message,
        "advice": finding.advice,
        "alarm": finding.alarm,
        "score": finding.score,
        "own_score": finding.own_score,
        "false_match_rate": finding.false_match_rate,
        "pair": [{"fgp": int(fgp), "n": accepted[fgp].number, "label": LABELS[fgp]} for fgp in shown],
        "sources": [{"fgp": int(fgp), "label": LABELS[fgp]} for fgp in finding.sources if fgp in accepted],
        "kept": None if kept is None else {"reason": kept.reason, "officer": kept.officer},
    }
