"""What can go wrong at a reader: ask the person again (CaptureRetry), or the machine failed (ReaderFault).

The two are never mixed: a retry keeps the reader as it is, a fault puts it in state FAULT until it is opened anew.
Every error has a stable `code` (docs/errors.md lists them) and an `advice` that says what to do next.
"""

from __future__ import annotations


class DriverError(Exception):
    """Base of everything a driver raises. `code` is stable, `advice` is for the person who reads it."""

    def __init__(self, code: str, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" ({self.advice})" if self.advice else "")


class CaptureRetry(DriverError):
    """The person should try again: moved, lifted too soon, no finger before the deadline, cancelled."""


class ReaderFault(DriverError):
    """The machine failed: cable, permission, protocol, power. Codes start with `reader.`"""


class LinkError(ReaderFault):
    """A link (USB, serial, socket) failed to carry bytes. Codes start with `link.`"""
