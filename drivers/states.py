"""The states of a reader in one capture and the steps between them, as literal data: state and event in, state out."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

from drivers.errors import ReaderFault


class ReaderState(enum.StrEnum):
    """Where a reader is in one capture; STEPS has the allowed steps."""

    CLOSED = "closed"
    IDLE = "idle"
    AWAIT_FINGER = "await_finger"
    CAPTURE = "capture"
    AWAIT_LIFT = "await_lift"
    FAULT = "fault"


class Event(enum.StrEnum):
    """What moves a reader from one state to the next."""

    OPENED = "opened"
    ARMED = "armed"
    FINGER_ON = "finger_on"
    NOTHING_TAKEN = "nothing_taken"
    IMAGE_TAKEN = "image_taken"
    LIFTED = "lifted"
    GIVEN_UP = "given_up"
    FAILED = "failed"
    CLOSED = "closed"


_S, _E = ReaderState, Event

# Every allowed step; what is not here is refused (after libfprint's transition table, fpi-image-device.c, in idea).
STEPS: Mapping[tuple[ReaderState, Event], ReaderState] = MappingProxyType(
    {
        (_S.CLOSED, _E.OPENED): _S.IDLE,
        (_S.CLOSED, _E.FAILED): _S.FAULT,
        (_S.CLOSED, _E.CLOSED): _S.CLOSED,
        (_S.IDLE, _E.ARMED): _S.AWAIT_FINGER,
        (_S.IDLE, _E.FAILED): _S.FAULT,
        (_S.IDLE, _E.CLOSED): _S.CLOSED,
        (_S.AWAIT_FINGER, _E.FINGER_ON): _S.CAPTURE,
        (_S.AWAIT_FINGER, _E.GIVEN_UP): _S.IDLE,
        (_S.AWAIT_FINGER, _E.FAILED): _S.FAULT,
        (_S.CAPTURE, _E.IMAGE_TAKEN): _S.AWAIT_LIFT,
        (_S.CAPTURE, _E.NOTHING_TAKEN): _S.AWAIT_FINGER,
        (_S.CAPTURE, _E.GIVEN_UP): _S.IDLE,
        (_S.CAPTURE, _E.FAILED): _S.FAULT,
        (_S.AWAIT_LIFT, _E.LIFTED): _S.IDLE,
        (_S.AWAIT_LIFT, _E.GIVEN_UP): _S.IDLE,
        (_S.AWAIT_LIFT, _E.FAILED): _S.FAULT,
        (_S.FAULT, _E.FAILED): _S.FAULT,
        (_S.FAULT, _E.OPENED): _S.IDLE,
        (_S.FAULT, _E.CLOSED): _S.CLOSED,
    }
)


def next_state(state: ReaderState, event: Event) -> ReaderState:
    """The state after event. Raises ReaderFault reader.illegal_step for a cell that is not in STEPS."""
    try:
        return STEPS[state, event]
    except KeyError:
        raise ReaderFault("reader.illegal_step", f"{event} is not possible while {state}") from None
