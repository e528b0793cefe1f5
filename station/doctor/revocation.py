"""Check of the revocation lists: there, current, by authorities of ours, and none of our certificates on one."""

from __future__ import annotations

from offline_queue.clock import SystemClock
from offline_queue.errors import RevocationError
from station.doctor.check import Check, fail, ok, warn
from station.revocation import Watch, trusted_now, watch
from station.settings import Settings

NAME = "revocation"
SEE = "see: station keys crl"


def check_revocation(settings: Settings) -> Check:
    """Nothing configured is a warning where real submissions are sent."""
    seen = watch(settings)
    if seen is not None:
        return _looked_at(settings, seen)
    if settings.gateway.kind == "production":
        return warn(NAME, "revocation lists are not looked at", "add [revocation]; see docs/queue-keys.md")
    return ok(NAME, "not looked at: no [revocation] in station.toml")


def _looked_at(settings: Settings, seen: Watch) -> Check:
    ours, unfit, unjudged = seen.ours(), seen.own.lists.unfit(), seen.unjudged()
    if ours:
        facts = "; ".join(f"{name}: {entry}" for name, entry in ours.items())
        return fail(NAME, facts, "enrol new certificates (docs/queue-keys.md); bookings are kept")
    try:
        seen.require_current(trusted_now(settings, SystemClock()))
    except RevocationError as error:
        held = "nothing is sent until it is there; " if seen.section.required else ""
        return (fail if held else warn)(NAME, error.message, held + error.advice)
    if unfit:
        return warn(NAME, "; ".join(str(error) for error in unfit.values())[:300], SEE)
    if unjudged:
        return warn(
            NAME, f"no authority is known for: {', '.join(unjudged)}", "name it: [revocation] authorities"
        )
    return ok(NAME, f"{len(seen.own.lists.all())} lists, none of ours on one")
