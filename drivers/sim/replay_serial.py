"""A recorded serial conversation as a device: lines of `station readers record` in, a `FarEnd` that answers as the
recorded module did out.

What the host sends is held against what was recorded; an answer comes as long after the bytes that it followed as it
did then. What was sent otherwise is in `mismatches`, and from there on the recording is silent.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drivers.links.tap import FORMAT, VERSION
from drivers.sim.replay import RecordingError


@dataclass(frozen=True)
class Step:
    """Bytes in one direction: out from the host, else to it; t: seconds since the recording began."""

    t: float
    out: bool
    data: bytes


def steps(text: str) -> Iterator[Step]:
    """The bytes of a recording, in order. Raises RecordingError for anything that is none."""
    lines = text.splitlines()
    head = _object(lines[0] if lines else "", 1)
    if head.get("format") != FORMAT or head.get("version") != VERSION:
        raise RecordingError(f"not a {FORMAT} of version {VERSION}")
    for number, line in enumerate(lines[1:], 2):
        one = _object(line, number)
        if one.get("do") not in {"in", "out"}:
            continue
        try:
            yield Step(float(str(one["t"])), one["do"] == "out", bytes.fromhex(str(one["hex"])))
        except (KeyError, ValueError) as error:
            raise RecordingError(f"line {number}: {error}") from error


def _object(line: str, number: int) -> dict[str, object]:
    try:
        one = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"line {number} is no JSON: {error}") from error
    if not isinstance(one, dict):
        raise RecordingError(f"line {number} is no object")
    return one


class SerialRecording:
    """The recorded module (links.memory.FarEnd)."""

    def __init__(self, recorded: Iterable[Step]) -> None:
        self.mismatches: list[str] = []
        self._left = deque(recorded)
        self._said = bytearray()
        self._heard: tuple[float, float] | None = None  # now and recorded time of the host's last bytes

    @property
    def finished(self) -> bool:
        """True when all that was recorded has been said, by both sides."""
        return not self._left

    def hear(self, data: bytes, now: float) -> None:
        """The host's bytes; answers that it did not wait for are passed over."""
        self._said += data
        while self._said and not self.mismatches:
            while self._left and not self._left[0].out:
                self._left.popleft()
            if not self._left or not self._agrees():
                self.mismatches.append(bytes(self._said).hex())
                return
            expected = self._left[0]
            if len(self._said) < len(expected.data):
                return
            del self._said[: len(expected.data)]
            self._left.popleft()
            self._heard = (now, expected.t)

    def _agrees(self) -> bool:
        count = min(len(self._said), len(self._left[0].data))
        return self._said[:count] == self._left[0].data[:count]

    def speak(self, now: float) -> bytes:
        data = b""
        while (due := self.wakes_at()) is not None and due <= now:
            data += self._left.popleft().data
        return data

    def wakes_at(self) -> float | None:
        if self.mismatches or not self._left or self._left[0].out:
            return None
        now, recorded = self._heard or (0.0, self._left[0].t)
        return now + max(0.0, self._left[0].t - recorded)

    def set_baud(self, baud: int) -> None:
        """The answers of another speed were recorded as well."""
