"""What the capture screen shows beside the preview: booking and newest run in, one mode with its words out.

Modes: ready, running, retake, wrong_finger, error, complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from station.booking import Attempt, Booking
from station.booking_plan import LABELS, Step
from station.errors import BookingError
from station.friction_ridge import FGP
from station.imaging.quality import nfiq2
from station.kiosk import hands
from station.kiosk.desk import Desk
from station.kiosk.guard import is_typed, problem, unexpected
from station.kiosk.room import Run, hung
from station.kiosk.views import attempt_view, booking_view, verdict_view

HOW: dict[str, str] = {
    "roll": "Roll the {finger} from nail to nail, slowly, without pressing hard",
    "plain": "Lay the {finger} flat on the glass and keep it still",
    "slap": "Lay the {finger} flat on the glass together, slightly apart, and keep still",
}


def panel_view(desk: Desk, booking: Booking, wanted: FGP | None) -> dict[str, Any]:
    """The panel for the position asked for, else for the next one to take."""
    run, booking = _newest(desk, booking)
    if run is not None and run.running:
        view = _panel(desk, booking, booking.step(run.fgp), "running", run)
        return {**view, "mode": "error", "problem": problem(hung())} if desk.room.hung else view
    step = _step(booking, wanted)
    if step is None:
        return _panel(desk, booking, None, "complete", run)
    last = booking.attempts_of(step.fgp)[-1:]
    mode = "ready"
    if last and not last[0].accepted and step.fgp not in booking.accepted:
        mode = "wrong_finger" if last[0].finding else "retake"
    return _panel(desk, booking, step, mode, run)


def panel_view_after(desk: Desk, booking: Booking, wanted: FGP | None) -> dict[str, Any]:
    """The panel right after a run: its error, its bad news, or the next finger with its good news."""
    run, booking = _newest(desk, booking)
    if run is None or run.running:
        return panel_view(desk, booking, wanted)
    if run.error is not None:
        error = run.error if is_typed(run.error) else unexpected(run.error)
        view = _panel(desk, booking, _step(booking, run.fgp), "error", run)
        return {**view, "problem": problem(error)}
    attempt = run.attempt
    if attempt is None or not attempt.accepted:
        step = booking.step(run.fgp)
        mode = "wrong_finger" if attempt is not None and attempt.finding else "retake"
        return _panel(desk, booking, step, mode, run)
    view = panel_view(desk, booking, None)
    scores = nfiq2.noted(desk.store.taken(booking.id, attempt.fgp, attempt.number).report)
    accepted = {**verdict_view(attempt), "label": LABELS[attempt.fgp], "nfiq2": nfiq2_words(scores)}
    return {**view, "accepted": accepted}


def nfiq2_words(scores: Mapping[int, int]) -> str:
    """`NFIQ 2: 61`, a slap's fingers one after the other, or nothing where it was not computed."""
    told = [str(score) if score <= 100 else "failed" for score in scores.values()]
    return f"NFIQ 2: {', '.join(told)}" if told else ""


def _newest(desk: Desk, booking: Booking) -> tuple[Run | None, Booking]:
    """The run of this booking, and the booking as that run left it: it may have ended since the page asked."""
    run = desk.room.run
    if run is None or run.booking_id != booking.id:
        return None, booking
    return run, booking if run.running else desk.store.booking(booking.id)


def _step(booking: Booking, wanted: FGP | None) -> Step | None:
    if wanted is None:
        return booking.next_step
    try:
        return booking.step(wanted)
    except BookingError:
        return booking.next_step


def _panel(desk: Desk, booking: Booking, step: Step | None, mode: str, run: Run | None) -> dict[str, Any]:
    attempts = booking.attempts_of(step.fgp) if step else ()
    override = desk.overridable(booking, step.fgp) if step else None
    last = attempts[-1] if attempts else None
    return {
        "booking": booking_view(booking, desk.problems(booking)),
        "mode": mode,
        "step": step,
        "how": HOW[step.kind].format(finger=_spoken(step)) if step else "",
        "shapes": _shapes(booking, step),
        "attempts": [attempt_view(one) for one in attempts],
        "last": attempt_view(last) if last else None,
        "other": _other(booking, last) if mode == "wrong_finger" else None,
        "override": override.number if override else None,
        "max_attempts": desk.rules.max_attempts,
        "threshold": desk.rules.capture.quality_threshold,
        "deadline_s": desk.rules.capture.finger_s,
        "accepted": None,
        "override_problem": None,
        "run": run,
    }


def _spoken(step: Step) -> str:
    """`right index`, `right four fingers`, or the fingers that are there when some are missing."""
    if (
        step.kind == "slap"
        and len(step.fingers) < 4
        and step.fgp in (FGP.PLAIN_LEFT_FOUR, FGP.PLAIN_RIGHT_FOUR)
    ):
        names = [LABELS[finger].split(" ", 1)[1] for finger in step.fingers]
        hand = LABELS[step.fingers[0]].split(" ", 1)[0].lower()
        return f"{hand} {' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)}"
    name = step.label.lower().removesuffix(", plain")
    return name if step.kind == "slap" or name.endswith("thumb") else f"{name} finger"


def _shapes(booking: Booking, step: Step | None) -> list[hands.FingerShape]:
    done = {
        finger
        for one in booking.steps
        if one.fgp in booking.accepted and len(one.fingers) == 1
        for finger in one.fingers
    }
    return hands.shapes(now=step.fingers if step else (), done=done, missing=booking.missing)


def _other(booking: Booking, last: Attempt | None) -> dict[str, Any] | None:
    """The impression that the wrong finger agrees with, to be looked at side by side."""
    if last is None or last.finding is None or last.finding.with_fgp is None:
        return None
    fgp = FGP(last.finding.with_fgp)
    taken = booking.accepted.get(fgp)
    if taken is None:
        return None
    return {"fgp": int(fgp), "n": taken.number, "label": LABELS[fgp]}
