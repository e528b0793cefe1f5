"""What went wrong in an HTTPS exchange, as a TransportFault: code, advice, and whether anything may have
arrived."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime

from urllib3.exceptions import TimeoutError as Urllib3Timeout

from offline_queue.backoff import LONGEST_S
from offline_queue.errors import Certainty, TransportFault
from offline_queue.transports.budget import PinMismatch, RevokedPeer

# OpenSSL's verify codes (openssl-verification-options(1)): 9 and 10 time, 62 to 64 name, the others trust
VERIFY_CODES = {
    9: (
        "gateway.certificate_not_yet_valid",
        "the gateway's certificate is not valid yet",
        "check the station's clock",
    ),
    10: (
        "gateway.certificate_expired",
        "the gateway's certificate has expired",
        "tell the gateway's operator",
    ),
    62: (
        "gateway.certificate_wrong_name",
        "the certificate is for another name",
        "check the address in station.toml",
    ),
    63: (
        "gateway.certificate_wrong_name",
        "the certificate is for another name",
        "check the address in station.toml",
    ),
    64: (
        "gateway.certificate_wrong_name",
        "the certificate is for another name",
        "check the address in station.toml",
    ),
}
UNTRUSTED = (
    "gateway.certificate_untrusted",
    "the gateway's certificate was issued by an unknown authority",
    "check gateway.ca in station.toml; something between may pretend to be the gateway",
)
PINNED = (
    "gateway.certificate_pin",
    "the gateway's certificate is trusted, but its key is not one that policy names",
    "ask the gateway's operator whether the key was changed, then change pin_sha256",
)
REVOKED = (
    "gateway.certificate_revoked",
    "the gateway's certificate is on its authority's revocation list: nothing is sent",
    "ask the gateway's operator; what waits keeps its place",
)
OWN_REFUSED = (
    "gateway.client_certificate_refused",
    "the gateway refused this station's certificate",
    "renew or register the station's certificate",
)


def of_exchange(error: BaseException, sent: bool) -> TransportFault:
    """An exception of the exchange to the fault it means. sent: whether a byte of the request had left."""
    chain = list(_causes(error))
    refused = next((e for e in chain if isinstance(e, ssl.SSLError) and _own_refused(e)), None)
    if refused is not None:
        return _fault(OWN_REFUSED, refused, Certainty.NOT_SENT)
    code, message, advice = _tls(chain) or _network(chain, sent)
    return _fault((code, message, advice), chain[-1], Certainty.UNKNOWN if sent else Certainty.NOT_SENT)


def of_status(status: int, headers: Mapping[str, str], now: dt.datetime) -> TransportFault:
    """An HTTP status that is no answer of ours, to the fault it means."""
    retry_after_s = retry_after(headers, now)
    if 300 <= status < 400 or "html" in headers.get("content-type", "").lower():
        return TransportFault(
            "gateway.portal",
            f"a web page or redirect (HTTP {status}) came instead of the gateway's answer",
            "a captive portal or proxy stands between; sign in to the network or ask its operator",
            gateway_wide=True,
        )
    if status in (429, 503):
        return TransportFault(
            "gateway.busy",
            f"the gateway asks to wait (HTTP {status})",
            "nothing to do: it is tried again",
            retry_after_s=retry_after_s,
            gateway_wide=True,
        )
    if status in (401, 403):
        return TransportFault(
            "gateway.not_permitted",
            f"the gateway does not accept this station (HTTP {status})",
            OWN_REFUSED[2],
            gateway_wide=True,
        )
    if status >= 500:
        return TransportFault(
            "gateway.server_error",
            f"the gateway failed (HTTP {status})",
            "it is tried again; tell its operator",
            retry_after_s=retry_after_s,
        )
    return not_understood(f"HTTP {status}")


def not_understood(what: str) -> TransportFault:
    """An answer came, and it is not one of the protocol's."""
    return TransportFault(
        "gateway.answer_not_understood",
        f"the gateway's answer is not one of its protocol: {what}",
        "check the address; it is asked again before anything is sent twice",
    )


def too_large(limit: int) -> TransportFault:
    return TransportFault(
        "gateway.answer_too_large",
        f"the gateway's answer is longer than {limit} bytes",
        "tell the gateway's operator",
    )


def retry_after(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Retry-After (RFC 9110 section 10.2.3) as seconds, 0 to LONGEST_S; None when absent or unreadable.

    A date is compared with the reply's own Date, because the station's clock may be wrong."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), LONGEST_S)
    when, base = _http_date(text), _http_date(headers.get("date", "")) or now
    if when is None:
        return None
    return min(max((when - base).total_seconds(), 0.0), LONGEST_S)


def _http_date(text: str) -> dt.datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything under it: these libraries hide the cause in several places."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        waiting += [item for item in inner if isinstance(item, BaseException)]


def _own_refused(error: ssl.SSLError) -> bool:
    reason = (getattr(error, "reason", None) or "").upper()
    return "ALERT" in reason and any(
        word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")
    )


def _tls(chain: list[BaseException]) -> tuple[str, str, str] | None:
    if any(isinstance(error, PinMismatch) for error in chain):
        return PINNED
    if any(isinstance(error, RevokedPeer) for error in chain):
        return REVOKED
    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError):
            return VERIFY_CODES.get(error.verify_code, UNTRUSTED)
    if any(isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError) for error in chain):
        return (
            "gateway.tls",
            "no secure connection to the gateway",
            "check the address, port and TLS version",
        )
    return None


def _network(chain: list[BaseException], sent: bool) -> tuple[str, str, str]:
    if any(isinstance(error, socket.gaierror) for error in chain):
        return (
            "gateway.name_not_resolved",
            "the gateway's name is not found",
            "check the network and the address",
        )
    if any(isinstance(error, (TimeoutError, Urllib3Timeout)) for error in chain):
        return ("gateway.deadline", "the gateway did not answer in time", "nothing to do: it is tried again")
    if sent:
        return (
            "gateway.connection_lost",
            "the connection broke before the answer",
            "nothing to do: it is tried again",
        )
    return ("gateway.unreachable", "the gateway cannot be reached", "check the network; it is tried again")


def _fault(texts: tuple[str, str, str], cause: BaseException, certainty: Certainty) -> TransportFault:
    code, message, advice = texts
    return TransportFault(
        code, f"{message} ({type(cause).__name__}: {cause})"[:400], advice, certainty=certainty
    )
