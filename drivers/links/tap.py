"""A byte link that is written down: link and a text sink in, the same link out; each operation becomes a line of JSON.

The format (docs/readers/readers-verb.md) has times and both directions, so that drivers/sim/replay_serial.py can be
the device again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from drivers.clock import Clock
from drivers.links import ByteLink

FORMAT = "livescan-serial-recording"
VERSION = 1
Sink = Callable[[str], object]


def header(facts: Mapping[str, Any]) -> str:
    """The first line of a recording: the format and what is known of the unit and of what lies on it."""
    return json.dumps({"format": FORMAT, "version": VERSION, **facts}) + "\n"


class TapLink:
    """A ByteLink that tells sink what passes: one line each, `t` in seconds since the link was first used."""

    def __init__(self, link: ByteLink, clock: Clock, sink: Sink) -> None:
        self._link = link
        self._clock = clock
        self._sink = sink
        self._began: float | None = None

    def open(self) -> None:
        self._link.open()
        self._note("open")

    def close(self) -> None:
        self._link.close()
        self._note("close")

    def write(self, data: bytes, timeout_s: float) -> None:
        self._note("out", hex=data.hex())
        self._link.write(data, timeout_s)

    def read(self, limit: int, timeout_s: float) -> bytes:
        data = self._link.read(limit, timeout_s)
        self._note("in", hex=data.hex())
        return data

    def discard(self) -> None:
        self._link.discard()
        self._note("discard")

    def set_baud(self, baud: int) -> None:
        self._link.set_baud(baud)
        self._note("baud", baud=baud)

    def _note(self, what: str, **more: object) -> None:
        now = self._clock.monotonic()
        if self._began is None:
            self._began = now
        self._sink(json.dumps({"t": round(now - self._began, 6), "do": what, **more}) + "\n")
