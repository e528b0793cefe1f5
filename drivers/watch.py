"""What the capture service asks of whoever knows the ports: events and presence out; drivers/hotplug.py answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from drivers.reader import Reader


@dataclass(frozen=True)
class Event:
    """code: reader.attached, reader.lost, reader.moved, reader.swapped, reader.reset; wall: UTC, ISO 8601."""

    code: str
    message: str
    wall: str


class Watch(Protocol):
    """Who knows whether a reader is attached, and how to free one that hangs."""

    def present(self) -> bool:
        """Whether the reader's device is attached; asks the kernel, never the device."""

    def lost(self) -> None:
        """It went away while nobody used it."""

    def doubt(self, code: str) -> None:
        """A capture ended with that fault."""

    def free(self, reader: Reader) -> None:
        """Its driver hangs: make it let go."""

    def events(self) -> tuple[Event, ...]:
        """The newest events, oldest first."""
