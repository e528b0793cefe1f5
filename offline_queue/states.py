"""The states of an entry and the only moves between them, as a literal table. What is not in it is refused.

An attempt whose outcome is not known leads to `unknown`: from there the gateway is asked for the entry's
status before
anything is sent again. A lease that runs out counts as unknown too, since the worker may have died after
sending.
"""

from __future__ import annotations

from enum import StrEnum

from offline_queue.errors import StateError


class State(StrEnum):
    READY = "ready"  # never sent, or known not to have arrived
    SENDING = "sending"  # claimed by a worker that sends it
    UNKNOWN = "unknown"  # may have arrived: ask before sending again
    ASKING = "asking"  # claimed by a worker that asks for its status
    HELD = "held"  # an officer or a rule stopped it
    CUSTODY = "custody"  # the gateway signed that it has it
    ANSWERED = "answered"  # in custody, and at least one response came
    QUARANTINED = "quarantined"  # definitely refused, or damaged here


class Event(StrEnum):
    CLAIM = "claim"
    ACCEPTED = "accepted"  # a verified custody receipt
    REFUSED = "refused"  # a definite refusal by the gateway
    NOT_SENT = "not_sent"  # certainly nothing reached the gateway
    UNSURE = "unsure"  # no definite answer
    ABSENT = "absent"  # the gateway says it does not have it
    LEASE_EXPIRED = "lease_expired"
    DAMAGED = "damaged"  # the stored bytes are not those that were accepted
    EXPIRED = "expired"  # the certificate it was signed under ran out or was revoked while it waited
    RESPONSE = "response"
    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"  # an officer takes it out of quarantine


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.READY, Event.CLAIM): State.SENDING,
    (State.READY, Event.HOLD): State.HELD,
    (State.READY, Event.DAMAGED): State.QUARANTINED,
    (State.SENDING, Event.ACCEPTED): State.CUSTODY,
    (State.SENDING, Event.REFUSED): State.QUARANTINED,
    (State.SENDING, Event.NOT_SENT): State.READY,
    (State.SENDING, Event.UNSURE): State.UNKNOWN,
    (State.SENDING, Event.LEASE_EXPIRED): State.UNKNOWN,
    (State.SENDING, Event.DAMAGED): State.QUARANTINED,
    (State.SENDING, Event.EXPIRED): State.HELD,  # for the certificate: counter-signed, then released
    (State.UNKNOWN, Event.CLAIM): State.ASKING,
    (State.UNKNOWN, Event.HOLD): State.HELD,
    (State.UNKNOWN, Event.DAMAGED): State.QUARANTINED,
    (State.ASKING, Event.ACCEPTED): State.CUSTODY,
    (State.ASKING, Event.ABSENT): State.READY,
    (State.ASKING, Event.NOT_SENT): State.UNKNOWN,
    (State.ASKING, Event.UNSURE): State.UNKNOWN,
    (State.ASKING, Event.LEASE_EXPIRED): State.UNKNOWN,
    (State.ASKING, Event.DAMAGED): State.QUARANTINED,
    (State.HELD, Event.RELEASE): State.UNKNOWN,  # it may have been sent before it was held
    (State.QUARANTINED, Event.RETRY): State.UNKNOWN,
    (State.CUSTODY, Event.RESPONSE): State.ANSWERED,
    (State.ANSWERED, Event.RESPONSE): State.ANSWERED,
}

DUE = (State.READY, State.UNKNOWN)
LEASED = (State.SENDING, State.ASKING)
OPEN = (*DUE, *LEASED, State.HELD)
"""States in which the gateway is not known to have the entry."""


def after(state: State, event: Event) -> State:
    """The state that follows. StateError `queue.illegal_transition` when the table has no such move."""
    try:
        return TRANSITIONS[(state, event)]
    except KeyError:
        raise StateError(
            "queue.illegal_transition",
            f"an entry that is {state} cannot take the step {event}",
            "look at the entry with: station queue show",
        ) from None
