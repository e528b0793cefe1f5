"""HTTPS to the gateway: mutual TLS 1.2 or later, one total deadline per exchange, no redirects, no proxies,
size caps.

In: `https://host:port` and options ca, client_cert, client_key (PEM paths), total_deadline_s, pin_sha256, crl_folder.
The protocol is docs/gateway-protocol.md. Everything that is not an answer of that protocol raises TransportFault.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from offline_queue import revocation, wire
from offline_queue.clock import Clock
from offline_queue.errors import Certainty, TransportFault
from offline_queue.transports import COUNTER_NAME, SEALED_NAME, Parcel, faults
from offline_queue.transports.budget import Budget, pins_of, pool_class, socket_class
from offline_queue.wire import ResponsePage, SignedReceipt

T = TypeVar("T")

DEADLINE_S = 60.0
RECEIPT_LIMIT = 256 * 1024
PAGE_LIMIT = 16 * 1024 * 1024
CHUNK = 64 * 1024
OPTIONS = {"ca", "client_cert", "client_key", "total_deadline_s", "pin_sha256", "crl_folder"}


@dataclass(frozen=True)
class Answer:
    """A whole HTTP reply; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpsTransport:
    """One gateway. Not for use by several threads at once: the budget is per exchange."""

    def __init__(
        self,
        base: str,
        context: ssl.SSLContext,
        ca: str,
        budget: Budget,
        clock: Clock,
        sockets: type[ssl.SSLSocket] | None = None,
        renewed: Callable[[], None] = lambda: None,
    ) -> None:
        self._base = base
        self._renewed = renewed
        self._budget = budget
        self._clock = clock
        context.sslsocket_class = sockets or socket_class(budget)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca
        self._session.headers.update(
            {"Accept": "application/json", "Accept-Encoding": "identity", "Connection": "close"}
        )
        self._session.adapters.clear()
        self._adapter = _Adapter(context, budget)
        self._session.mount("https://", self._adapter)

    def close(self) -> None:
        self._session.close()

    def submit(self, parcel: Parcel) -> SignedReceipt:
        """PUT /v1/submissions/{id}. The fault is REFUSED only for 409 and 422 in the protocol's own words."""
        files = {
            SEALED_NAME if parcel.sealed else "transaction": (
                parcel.name,
                parcel.transaction,
                "application/octet-stream",
            ),
            "manifest": ("manifest.json", parcel.manifest, "application/json"),
            "signature": ("manifest.p7s", parcel.signature, "application/pkcs7-signature"),
        }
        if parcel.counter_signature:
            counter = (COUNTER_NAME, parcel.counter_signature, "application/pkcs7-signature")
            files["counter_signature"] = counter
        answer = self._exchange(
            "PUT",
            f"/v1/submissions/{quote(parcel.submission_id, safe='')}",
            RECEIPT_LIMIT,
            files=files,
            headers={"Idempotency-Key": parcel.submission_id},
        )
        if answer.status in (409, 422) and _is_json(answer):
            code, message = self._understood(wire.refusal, answer)
            raise TransportFault(
                f"gateway.refused.{code}", message, "correct it and book again", certainty=Certainty.REFUSED
            )
        return self._receipt(answer, (200, 201))

    def status(self, submission_id: str) -> SignedReceipt | None:
        """GET /v1/submissions/{id}. None only for a 404 in JSON: a portal's 404 page says nothing."""
        answer = self._exchange("GET", f"/v1/submissions/{quote(submission_id, safe='')}", RECEIPT_LIMIT)
        if answer.status == 404 and _is_json(answer):
            return None
        return self._receipt(answer, (200,))

    def responses(self, after: int, limit: int) -> ResponsePage:
        """GET /v1/responses?after=&limit="""
        answer = self._exchange("GET", f"/v1/responses?after={after}&limit={limit}", PAGE_LIMIT)
        if answer.status != 200 or not _is_json(answer):
            raise faults.of_status(answer.status, answer.headers, self._clock.utcnow())
        return self._understood(wire.response_page, answer)

    def _receipt(self, answer: Answer, good: tuple[int, ...]) -> SignedReceipt:
        if answer.status not in good or not _is_json(answer):
            raise faults.of_status(answer.status, answer.headers, self._clock.utcnow())
        return self._understood(wire.signed_receipt, answer)

    def _understood(self, parse: Callable[[bytes], T], answer: Answer) -> T:
        try:
            return parse(answer.body)
        except ValueError as error:
            raise faults.not_understood(f"HTTP {answer.status}, {error}"[:200]) from error

    def _exchange(self, method: str, path: str, limit: int, **body: Any) -> Answer:
        self._renewed()
        self._budget.start()
        try:
            with self._session.request(
                method,
                self._base + path,
                stream=True,
                allow_redirects=False,
                timeout=self._budget.total_s,
                **body,
            ) as reply:
                headers = {name.lower(): value for name, value in reply.headers.items()}
                return Answer(reply.status_code, headers, _read(reply, limit))
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise faults.of_exchange(error, self._budget.sent) from error
        finally:
            self._adapter.close()  # a connection kept idle may be closed by the peer: that would look like a lost one


def open_transport(uri: str, options: Mapping[str, str], clock: Clock) -> HttpsTransport:
    """Read keys and authority now, so that a wrong path refuses the start. TransportFault `gateway.uri`,
    `gateway.options`, `gateway.own_certificate`, `gateway.own_ca`."""
    parts = urlsplit(uri)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise TransportFault("gateway.uri", f"{uri!r} is not a gateway address", "write https://host:port")
    if set(options) - OPTIONS or not {"ca", "client_cert", "client_key"} <= set(options):
        raise TransportFault("gateway.options", f"options are {sorted(OPTIONS)}", "see docs/queue.md")
    try:
        budget = Budget(clock, float(options.get("total_deadline_s", DEADLINE_S)))
        pins = pins_of(options.get("pin_sha256", ""))
    except ValueError as error:
        raise TransportFault("gateway.options", str(error), "see docs/queue-network.md") from error
    context = client_context(options)
    renewed = Renewed(context, options)
    sockets = socket_class(budget, pins, revocation.of_peer(options))
    return HttpsTransport(uri.rstrip("/"), context, options["ca"], budget, clock, sockets, renewed)


class Renewed:
    """Looks before each exchange whether our certificate's file is another one, and takes it; a file that is unfit
    leaves the one that is in use."""

    def __init__(self, context: ssl.SSLContext, options: Mapping[str, str]) -> None:
        self._context, self._options = context, options
        self._seen = self._look()

    def __call__(self) -> None:
        now = self._look()
        if now != self._seen:
            self._seen = now
            with contextlib.suppress(TransportFault):
                _show(self._context, self._options)

    def _look(self) -> tuple[int, int]:
        try:
            status = Path(self._options["client_cert"]).stat()
        except OSError:
            return 0, 0
        return status.st_ino, status.st_mtime_ns


def client_context(options: Mapping[str, str]) -> ssl.SSLContext:
    """TLS 1.2 or later with our certificate and their authority. TransportFault `gateway.own_ca`,
    `gateway.own_certificate`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(options["ca"])
    except (OSError, ssl.SSLError) as error:
        raise TransportFault(
            "gateway.own_ca", f"{options['ca']}: {error}", "check gateway.ca in station.toml"
        ) from error
    if "client_cert" in options:
        _show(context, options)
    return context


def _show(context: ssl.SSLContext, options: Mapping[str, str]) -> None:
    """The certificate that new connections show."""
    try:
        context.load_cert_chain(options["client_cert"], options.get("client_key"), password=_no_password)
    except (OSError, ssl.SSLError) as error:
        raise TransportFault(
            "gateway.own_certificate",
            f"{options['client_cert']} with {options.get('client_key')}: {error}",
            "check gateway.client_cert and gateway.client_key in station.toml",
        ) from error


def _no_password() -> str:
    """An encrypted key must fail, not ask on the terminal."""
    return ""


class _Adapter(HTTPAdapter):
    """Our TLS context and our connections; a scheme other than https has no pool."""

    def __init__(self, context: ssl.SSLContext, budget: Budget) -> None:
        self._context = context
        self._pool = pool_class(budget)
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **more)
        self.poolmanager.pool_classes_by_scheme = {"https": self._pool}


def _is_json(answer: Answer) -> bool:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" and "content-encoding" not in answer.headers


def _read(reply: requests.Response, limit: int) -> bytes:
    body = bytearray()
    while chunk := reply.raw.read(CHUNK, decode_content=False):
        body += chunk
        if len(body) > limit:
            raise faults.too_large(limit)
    return bytes(body)
