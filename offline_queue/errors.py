"""What can go wrong in the queue. Each error has a stable dotted `code`, a message and an `advice`.

The three attributes are those of the station's and the drivers' errors, so that one page shows all alike.
"""

from __future__ import annotations

from enum import StrEnum


class QueueError(Exception):
    """Base of everything the queue raises on purpose. `code` is stable, `advice` says what to do next."""

    exit_code = 1

    def __init__(self, code: str, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f" ({self.advice})" if self.advice else "")


class QueueConflict(QueueError):
    """The submission id or the TCN is already used by other bytes (`queue.conflict`)."""


class QueueFull(QueueError):
    """No room for a new submission: `queue.disk_low` or `queue.full`. Nothing was written."""

    exit_code = 3


class EntryUnknown(QueueError):
    """No entry has this id or TCN (`queue.no_such_entry`)."""


class StateError(QueueError):
    """The state table has no such transition (`queue.illegal_transition`)."""


class ClockUntrusted(QueueError):
    """Nobody vouches for the wall clock, so nothing may be dated or signed (`clock.untrusted`)."""

    exit_code = 3


class LeaseLost(QueueError):
    """The claim is no longer ours: the lease ran out and somebody else took it (`queue.lease_lost`)."""


class StoreFault(QueueError):
    """The database or its disk fails: full, read-only, corrupt, busy, unreachable. Codes start with
    `queue.`"""

    exit_code = 3


class DamagedEntry(QueueError):
    """The stored bytes of one entry are not those that were accepted (`queue.damaged`)."""


class VaultError(QueueError):
    """A key file is unfit, or sealed bytes do not open under this key. Codes start with `vault.`"""

    exit_code = 3


class SignerError(QueueError):
    """A signing key or its certificate cannot be used. Codes start with `signer.`"""

    exit_code = 3


class CmsError(QueueError):
    """A CMS signature is malformed or does not verify. Codes start with `cms.`"""


class CertificateError(QueueError):
    """A certificate is malformed, out of date, of the wrong use, or not issued by an anchor.
    `certificate.*`"""


class RevocationError(QueueError):
    """A revocation list cannot be had, read or believed, or is too old. Codes start with `revocation.`"""

    exit_code = 3


class ReceiptError(QueueError):
    """A custody receipt may not be believed. Codes start with `receipt.`"""


class ResponseError(QueueError):
    """A response pulled from the gateway may not be believed. Codes start with `response.`"""


class Certainty(StrEnum):
    """What a failed exchange tells about the submission."""

    NOT_SENT = "not_sent"  # not one byte of the request left
    UNKNOWN = "unknown"  # it may have arrived
    REFUSED = "refused"  # the gateway has decided against it


class TransportFault(QueueError):
    """An exchange with the gateway did not end in a definite acceptance. Codes start with `gateway.`

    retry_after_s: what the gateway asked for; gateway_wide: the next submission would fare no better now.
    """

    exit_code = 3

    def __init__(
        self,
        code: str,
        message: str,
        advice: str = "",
        *,
        certainty: Certainty = Certainty.UNKNOWN,
        retry_after_s: float | None = None,
        gateway_wide: bool = False,
    ) -> None:
        super().__init__(code, message, advice)
        self.certainty = certainty
        self.retry_after_s = retry_after_s
        self.gateway_wide = gateway_wide or certainty is Certainty.NOT_SENT


class AwaitingReceipt(TransportFault):
    """Handed on to somebody who does not answer at once (mail): the receipt comes later, by its own way. No failure of
    the gateway; the outcome is asked for again (`gateway.awaiting_receipt`)."""


class BundleError(QueueError):
    """A bundle cannot be written, read or believed. Codes start with `bundle.`"""


class EstError(QueueError):
    """The enrolment server gave no certificate that fits. Codes start with `est.`"""

    exit_code = 3
