"""What the tests of retries share: a device that says nothing, and counts of what a device hears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from drivers.errors import ReaderFault
from drivers.reader import CaptureKind, CaptureRequest

REQUEST = CaptureRequest(CaptureKind.PLAIN, finger_s=60.0, lift_s=5.0)


class Mute:
    """A device that hears and says nothing."""

    def __init__(self) -> None:
        self.heard = bytearray()

    def hear(self, data: bytes, now: float) -> None:
        self.heard += data

    def speak(self, now: float) -> bytes:
        return b""

    def wakes_at(self) -> float | None:
        return None

    def set_baud(self, baud: int) -> None: ...


def code_of(capture: Callable[[], object]) -> str:
    with pytest.raises(ReaderFault) as caught:
        capture()
    return caught.value.code


def counted(device: Any, name: str, of: Callable[..., object]) -> Counter[object]:
    """Counts what a device's method is called with."""
    seen: Counter[object] = Counter()
    usual = getattr(device, name)

    def also(*arguments: Any) -> Any:
        seen[of(*arguments)] += 1
        return usual(*arguments)

    setattr(device, name, also)
    return seen
