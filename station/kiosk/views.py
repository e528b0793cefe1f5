"""Bookings as the JSON interface and the pages show them: Booking in, plain dictionaries out. No decisions here."""

from __future__ import annotations

from typing import Any

from station.booking import Attempt, Booking
from station.booking_plan import Step


def booking_view(booking: Booking, problems: tuple[str, ...]) -> dict[str, Any]:
    """The whole booking: plan with status and attempts, what comes next, what is still wrong."""
    following = booking.next_step
    return {
        "id": booking.id,
        "state": str(booking.state),
        "tot": booking.tot,
        "officer": booking.officer,
        "subject": dict(booking.subject),
        "missing": {str(int(finger)): str(code) for finger, code in booking.missing.items()},
        "plan": [step_view(booking, step) for step in booking.steps],
        "next": int(following.fgp) if following else None,
        "problems": list(problems),
        "submission": None
        if booking.submission is None
        else {"submission_id": booking.submission.submission_id, "tcn": booking.submission.tcn},
        "created_at": booking.created_at.isoformat(),
        "updated_at": booking.updated_at.isoformat(),
    }


def summary_view(booking: Booking) -> dict[str, Any]:
    """One line of the worklist."""
    needed = [step for step in booking.steps if not step.skipped]
    return {
        "id": booking.id,
        "state": str(booking.state),
        "name": booking.subject.get("NAM", ""),
        "dob": booking.subject.get("DOB", ""),
        "tot": booking.tot,
        "done": len(booking.accepted),
        "needed": len(needed),
        "tcn": booking.submission.tcn if booking.submission else None,
        "created_at": booking.created_at.isoformat(),
    }


def step_view(booking: Booking, step: Step) -> dict[str, Any]:
    """One impression of the plan with its attempts."""
    attempts = booking.attempts_of(step.fgp)
    status = "skipped" if step.skipped else "done" if step.fgp in booking.accepted else "todo"
    return {
        "step": step.number,
        "fgp": int(step.fgp),
        "imp": int(step.imp),
        "kind": str(step.kind),
        "label": step.label,
        "fingers": [int(finger) for finger in step.fingers],
        "skipped": step.skipped,
        "status": status,
        "attempts": [attempt_view(attempt) for attempt in attempts],
        "overridden": any(kept.fgp == step.fgp for kept in booking.overrides),
    }


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    """One attempt as a line of the booking."""
    return {
        "n": attempt.number,
        "score": attempt.score,
        "causes": [{"code": cause.code, "advice": cause.advice} for cause in attempt.causes],
        "accepted": attempt.accepted,
        "finding": _finding(attempt),
        "minutiae": attempt.minutiae,
        "segments": [
            {
                "fgp": int(one.fgp),
                "box": list(one.box),
                "angle_deg": one.angle_deg,
                "roll_score": one.roll_score,
            }
            for one in attempt.segments
        ],
        "taken_at": attempt.taken_at.isoformat(),
        "simulated": attempt.simulated,
    }


def verdict_view(attempt: Attempt) -> dict[str, Any]:
    """The answer to a capture: accepted, retake with causes, or wrong finger with a finding."""
    view = attempt_view(attempt)
    result = "accepted" if attempt.accepted else "wrong_finger" if attempt.finding else "retake"
    return {
        "result": result,
        "attempt": attempt.number,
        "fgp": int(attempt.fgp),
        **{key: view[key] for key in ("score", "causes", "finding", "minutiae", "segments")},
    }


def _finding(attempt: Attempt) -> dict[str, Any] | None:
    found = attempt.finding
    if found is None:
        return None
    return {
        "code": found.code,
        "message": found.message,
        "advice": found.advice,
        "with_fgp": found.with_fgp,
    }
