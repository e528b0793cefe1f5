"""Submissions by mail: `smtp://host:port` with STARTTLS, or `smtps://host:port`; answers from a local Maildir.

In: options ca, sender, recipient, mailbox, receipt_ca; by choice client_cert, client_key, user, password_file,
pin_sha256, total_deadline_s, resend_after_s, crl_folder. TLS 1.2 or later, never without. A mail server's 250 is no
custody: the receipt is a message of its own, so `submit` ends in AwaitingReceipt until it is there
(docs/queue-network.md).
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from offline_queue import cms, mail, revocation, wire
from offline_queue.clock import Clock
from offline_queue.errors import (
    AwaitingReceipt,
    Certainty,
    CertificateError,
    CmsError,
    SignerError,
    TransportFault,
)
from offline_queue.keyfile import read_secret
from offline_queue.mail import Incoming
from offline_queue.mailbox import Letter, Mailbox
from offline_queue.receipts import require_not_revoked
from offline_queue.revocation import Revocation
from offline_queue.transports import Parcel, faults
from offline_queue.transports.budget import Budget, connect, pins_of, plain_socket, socket_class
from offline_queue.transports.https import client_context
from offline_queue.wire import BadItem, ResponsePage, SignedReceipt, WireResponse

NEEDED = {"ca", "sender", "recipient", "mailbox", "receipt_ca"}
OPTIONS = NEEDED | {
    *("client_cert", "client_key", "user", "password_file", "pin_sha256"),
    *("total_deadline_s", "resend_after_s", "crl_folder"),
}
DEADLINE_S, RESEND_AFTER_S = 120.0, 900.0
PORTS = {"smtp": 25, "smtps": 465}
NAME = "livescan.invalid"
"""What we say in EHLO: the station's own name is nobody's business."""


@dataclass(frozen=True)
class Route:
    """Where mail goes and as whom."""

    host: str
    port: int
    implicit: bool
    sender: str
    recipient: str
    user: str = ""
    password: str = ""


class SmtpTransport:
    """One gateway that is written to. Not for use by several threads at once."""

    def __init__(
        self, route: Route, context: ssl.SSLContext, mailbox: Mailbox, anchors: bytes, budget: Budget, clock: Clock,
        resend_after_s: float, revocation: Revocation | None = None,
    ) -> None:  # fmt: skip
        self._route = route
        self._context = context
        self._mailbox = mailbox
        self._anchors = anchors
        self._budget = budget
        self._clock = clock
        self._resend_after_s = resend_after_s
        self._revocation = revocation
        self._since: dict[str, float] = {}
        self._looked: Counter[str] = Counter()
        self._given: dict[int, Letter] = {}
        self._taken: dict[str, Letter] = {}

    def close(self) -> None:
        """Nothing is held between two exchanges."""

    def submit(self, parcel: Parcel) -> SignedReceipt:
        """The receipt if it is there already; otherwise send, and AwaitingReceipt. REFUSED only if signed."""
        known = self._receipt(parcel.submission_id)
        if known is not None:
            return known
        refusal = self._refusal(parcel.submission_id)
        if refusal is not None:
            self._mailbox.done(refusal[0])
            raise refusal[1]
        self._deliver(mail.outgoing(parcel, self._route.sender, self._route.recipient, self._clock))
        self._since[parcel.submission_id] = self._clock.monotonic()
        raise self._awaiting("handed to the mail server")

    def status(self, submission_id: str) -> SignedReceipt | None:
        """The receipt; None when there is a signed refusal, or none came for so long that it is sent again, which is
        harmless: the gateway keeps an id once."""
        known = self._receipt(submission_id)
        if known is not None or self._refusal(submission_id) is not None:
            return known
        now = self._clock.monotonic()
        waited_s = now - self._since.setdefault(submission_id, now)
        if waited_s < self._resend_after_s:
            raise self._awaiting(f"no receipt for {waited_s:.0f} s")
        del self._since[submission_id]
        return None

    def responses(self, after: int, limit: int) -> ResponsePage:
        """Messages in the order they came, numbered from `after` on: mail has no numbers. Those up to `after` are kept
        by the queue, so they are filed as seen."""
        self._file_receipts()
        for seq in [seq for seq in self._given if seq <= after]:
            self._mailbox.done(self._given.pop(seq))
        letters = self._mailbox.responses()
        self._given = dict(enumerate(letters[:limit], start=after + 1))
        return ResponsePage(
            tuple(_item(seq, letter) for seq, letter in self._given.items()), len(letters) > limit
        )

    def _receipt(self, submission_id: str) -> SignedReceipt | None:
        """Only under the receipt authority, since anybody can write to the mailbox. Asked again, the next one in turn:
        one that the queue does not believe must not hide another."""
        letters = [
            letter
            for letter in self._mailbox.about("receipt", submission_id)
            if letter.incoming and self._is_signed(letter.incoming)
        ]
        if not letters:
            return None
        letter = letters[self._looked[submission_id] % len(letters)]
        self._looked[submission_id] += 1
        found = letter.incoming
        assert found is not None
        self._taken[submission_id] = letter
        return SignedReceipt(found.content, found.signature)

    def _file_receipts(self) -> None:
        """Receipts that were given out need not be looked at again. Were the queue to fail just then, the submission
        would be sent once more, and the receipt come once more."""
        for letter in self._taken.values():
            self._mailbox.done(letter)
        self._taken.clear()

    def _is_signed(self, found: Incoming) -> bool:
        try:
            who = cms.verify_detached(found.content, found.signature, self._anchors, self._clock.utcnow())
            require_not_revoked(who, self._revocation)
        except (CmsError, CertificateError):
            return False
        return True

    def _refusal(self, submission_id: str) -> tuple[Letter, TransportFault] | None:
        """Mail has no authenticated channel, so a refusal counts only under the receipt authority's signature."""
        for letter in self._mailbox.about("refusal", submission_id):
            if letter.incoming is None or not self._is_signed(letter.incoming):
                continue
            with suppress(ValueError):
                code, message = wire.refusal(letter.incoming.content)
                return letter, TransportFault(
                    f"gateway.refused.{code}",
                    message,
                    "correct it and book again",
                    certainty=Certainty.REFUSED,
                )
        return None

    def _awaiting(self, what: str) -> AwaitingReceipt:
        return AwaitingReceipt(
            "gateway.awaiting_receipt",
            f"{what}; the receipt comes by mail",
            "nothing to do: it is looked for again",
        )

    def _deliver(self, message: bytes) -> None:
        self._budget.start()
        begun = False
        try:
            with _Client(self._route, self._context, self._budget) as client:
                client.ready()
                client.check_size(len(message))
                client.envelope()
                begun = True
                _expect(client.data(message), (250,))
        except smtplib.SMTPResponseException as error:
            raise _of_reply(error.smtp_code, error.smtp_error, begun) from error
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise faults.of_exchange(error, begun) from error


class _Client(smtplib.SMTP):
    """smtplib on sockets that keep the budget. Every step that the server does not grant raises."""

    def __init__(self, route: Route, context: ssl.SSLContext, budget: Budget) -> None:
        super().__init__(local_hostname=NAME, timeout=budget.total_s)
        self._route = route
        self._budget = budget
        self._context = context

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        del timeout
        line = connect(host, port, self._budget)
        if not self._route.implicit:
            return plain_socket(line, self._budget)
        return self._context.wrap_socket(line, server_hostname=host)

    def ready(self) -> None:
        """Greeting, TLS, and who we are."""
        self._host = self._route.host  # smtplib checks the certificate against it
        _expect(self.connect(self._route.host, self._route.port), (220,))
        _expect(self.ehlo(), (250,))
        if not self._route.implicit:
            if not self.has_extn("starttls"):
                raise TransportFault(
                    "gateway.tls",
                    "the mail server offers no TLS",
                    "nothing is ever sent without",
                    certainty=Certainty.NOT_SENT,
                )
            _expect(self.starttls(context=self._context), (220,))
            _expect(self.ehlo(), (250,))
        if self._route.user:
            self.login(self._route.user, self._route.password)

    def check_size(self, size: int) -> None:
        """RFC 1870: what is too large is not even begun."""
        most = self.esmtp_features.get("size", "")
        if most.isdigit() and 0 < int(most) < size:
            raise smtplib.SMTPResponseException(552, f"a message of {size} bytes, at most {most}".encode())

    def envelope(self) -> None:
        _expect(self.mail(self._route.sender), (250,))
        _expect(self.rcpt(self._route.recipient), (250, 251))

    def __exit__(self, *_: object) -> None:
        """No QUIT: the budget may be gone, and nobody waits for its answer."""
        self.close()


def _expect(reply: tuple[int, bytes], good: tuple[int, ...]) -> None:
    if reply[0] not in good:
        raise smtplib.SMTPResponseException(*reply)


def _of_reply(code: int, text: bytes | str, begun: bool) -> TransportFault:
    """RFC 5321, 4.2.1: 4yz may pass, 5yz will not. None of them is the gateway's decision on a submission."""
    said = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
    words = f"the mail server says {code} {said}"[:300]
    if code in (530, 534, 535, 538):
        return TransportFault(
            "gateway.not_permitted",
            words,
            "check gateway.options.user and the password file",
            certainty=Certainty.NOT_SENT,
        )
    if 400 <= code < 500:
        return TransportFault(
            "gateway.busy", words, "nothing to do: it is tried again", certainty=Certainty.NOT_SENT
        )
    if begun or code == 552:
        return TransportFault(
            "gateway.mail_rejected",
            words,
            "ask the mail server's operator; the others are sent",
            certainty=Certainty.UNKNOWN,
        )
    return TransportFault(
        "gateway.mail_refused",
        words,
        "check sender and recipient in station.toml",
        certainty=Certainty.NOT_SENT,
    )


def _item(seq: int, letter: Letter) -> WireResponse | BadItem:
    found = letter.incoming
    if found is None:
        return BadItem(seq, letter.reason, letter.path.name.encode())
    return WireResponse(seq, found.about, found.tot, found.content, found.signature)


def open_transport(uri: str, options: Mapping[str, str], clock: Clock) -> SmtpTransport:
    """TransportFault `gateway.uri`, `.options`, `.own_ca`, `.own_certificate`, `.mailbox`."""
    parts = urlsplit(uri)
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise TransportFault("gateway.uri", f"{uri!r} is not a mail server", "write smtp://host:port")
    try:
        port = parts.port or PORTS[parts.scheme]
        budget, resend_s, pins = _checked(options, clock)
        anchors = Path(options["receipt_ca"]).read_bytes()
        password = _password(options)
    except (ValueError, OSError, SignerError) as error:
        raise TransportFault("gateway.options", str(error), "see docs/queue-network.md") from error
    context = client_context(options)
    context.sslsocket_class = socket_class(budget, pins, revocation.of_peer(options))
    route = Route(
        parts.hostname, port, parts.scheme == "smtps", options["sender"], options["recipient"],
        options.get("user", ""), password,
    )  # fmt: skip
    revoked = revocation.of_folder(options, anchors)
    return SmtpTransport(
        route, context, Mailbox(Path(options["mailbox"])), anchors, budget, clock, resend_s, revoked
    )


def _checked(options: Mapping[str, str], clock: Clock) -> tuple[Budget, float, frozenset[str]]:
    if set(options) - OPTIONS or not set(options) >= NEEDED:
        raise ValueError(f"options are {sorted(OPTIONS)}, of which {sorted(NEEDED)} are needed")
    for name in ("sender", "recipient"):
        if not mail.ADDRESS.fullmatch(options[name]):
            raise ValueError(f"{name} is not a mail address")
    budget = Budget(clock, float(options.get("total_deadline_s", DEADLINE_S)))
    return (
        budget,
        float(options.get("resend_after_s", RESEND_AFTER_S)),
        pins_of(options.get("pin_sha256", "")),
    )


def _password(options: Mapping[str, str]) -> str:
    if "user" not in options:
        return ""
    if "password_file" not in options:
        raise ValueError("user without password_file")
    return read_secret(Path(options["password_file"]), SignerError, "signer").decode().strip()
