"""Ways to the gateway, found by the scheme of its URI: `https://...` is `transports/https.py`.

A transport moves bytes and says what is certain about them; whether a receipt may be believed is decided
elsewhere.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from offline_queue.clock import Clock, SystemClock
from offline_queue.errors import TransportFault
from offline_queue.models import PART_NAME
from offline_queue.wire import ResponsePage, SignedReceipt

SEALED_NAME = "transaction.sealed"
COUNTER_NAME = "manifest.counter.p7s"


@dataclass(frozen=True)
class Parcel:
    """What is sent for one submission. counter_signature: over the signature, when its certificate has run out;
    sealed: `transaction` is sealed to the gateway, and only there becomes what the manifest names."""

    submission_id: str
    transaction: bytes
    manifest: bytes
    signature: bytes
    counter_signature: bytes = b""
    sealed: bool = False

    @property
    def name(self) -> str:
        """What the transaction is called on the way: `transaction.an2`, or `transaction.sealed`."""
        return SEALED_NAME if self.sealed else PART_NAME


class Transport(Protocol):
    """Every call ends within the total deadline and raises TransportFault with a certainty when it has no
    answer."""

    def submit(self, parcel: Parcel) -> SignedReceipt:
        """Hand over a submission; the same one again is harmless."""
        ...

    def status(self, submission_id: str) -> SignedReceipt | None:
        """The receipt of a submission the gateway has; None when it definitely has not."""
        ...

    def responses(self, after: int, limit: int) -> ResponsePage:
        """Responses numbered above `after`, at most `limit`."""
        ...

    def close(self) -> None: ...


def load_transport(uri: str, options: Mapping[str, str], clock: Clock | None = None) -> Transport:
    """`https://gateway:8443` and {ca, client_cert, client_key, total_deadline_s} → Transport.

    TransportFault `gateway.uri`, `gateway.unknown_scheme`, `gateway.own_certificate`, `gateway.own_ca`.
    """
    scheme = uri.partition(":")[0]
    if not re.fullmatch(r"[a-z][a-z0-9-]*", scheme):
        raise TransportFault("gateway.uri", f"{uri!r} is not a gateway address", "write https://host:port")
    name = f"{__name__}.{scheme.replace('-', '_')}"
    try:
        module = importlib.import_module(name)
        open_transport = module.open_transport
    except (ModuleNotFoundError, AttributeError):
        raise TransportFault(
            "gateway.unknown_scheme", f"no transport for {scheme}:", "write https://host:port"
        ) from None
    return cast(Transport, open_transport(uri, options, clock or SystemClock()))
