"""The station's error tree. Every error has a stable code (docs/errors.md), a message and an advice.

`drivers.errors.DriverError` and `offline_queue.errors.QueueError` have the same three attributes, so that the
command line and the kiosk show all of them alike without a common package.
"""

from __future__ import annotations


class StationError(Exception):
    """Base of everything the station raises on purpose.

    code: stable dotted identifier, e.g. `image.unreadable`; message: what is wrong; advice: what to do.
    """

    exit_code = 1

    def __init__(self, code: str, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" ({self.advice})" if self.advice else "")


class ImageError(StationError):
    """An image cannot be used: unreadable, blank, wrong type, wrong size. Codes start with `image.`"""


class TemplateError(StationError):
    """Bytes are not a template of the standard they claim. Codes start with `template.`"""


class RecordError(StationError):
    """A record or transaction is malformed, or a value may not be written. Codes start with `record.`"""


class BookingError(StationError):
    """The booking does not allow this step now. Codes start with `booking.`"""


class PolicyError(StationError):
    """The agency's policy does not allow this. Codes start with `policy.`"""


class SettingsError(StationError):
    """The settings file is wrong; the station refuses to start. Codes start with `settings.`"""

    exit_code = 3


class EnvironmentFault(StationError):
    """Something outside is missing: disk, permission, process, package. Codes start with `environment.`"""

    exit_code = 3
