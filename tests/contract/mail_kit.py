"""A real mail server on loopback with TLS of the test authority, and the simulated bureau behind it."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from offline_queue.clock import SystemClock
from offline_queue.outward import Openers
from offline_queue.signers import load_signer
from station.sim.gateway_app import Bureau
from station.sim.gateway_faults import FaultScript
from station.sim.gateway_store import Store
from station.sim.mail_bureau import MailBureau, deliver_to, make_maildir
from station.sim.pki import PkiPaths
from tests.kit.waiting import PATIENCE_S

STATION, BUREAU = "st-1@county.invalid", "bureau@sib.invalid"


def mail_options(pki: PkiPaths, mailbox: Path) -> dict[str, str]:
    """What the station's mail transport is told."""
    own = {"ca": str(pki.gateway_ca), "receipt_ca": str(pki.gateway_ca), "mailbox": str(mailbox)}
    return own | {"sender": STATION, "recipient": BUREAU}


@dataclass
class Post:
    """bureau: who reads what arrives; replies: scripted answers of the mail server by verb, "" for the usual one."""

    bureau: MailBureau
    mailbox: Path
    url: str = ""
    replies: dict[str, str] = field(default_factory=dict)
    received: list[bytes] = field(default_factory=list)
    lose_answers: bool = False
    implicit: bool = False
    cut: bool = False

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if not session.ssl and not self.implicit:
            return "530 TLS first"
        envelope.mail_from = address
        return self.replies.get("MAIL", "250 ok")

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if "RCPT" not in self.replies:
            envelope.rcpt_tos.append(address)
        return self.replies.get("RCPT", "250 ok")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.cut:
            server.transport.abort()
        if "DATA" in self.replies:
            return self.replies["DATA"]
        self.received.append(bytes(envelope.content))
        if not self.lose_answers:
            self.bureau.receive(bytes(envelope.content))
        return "250 accepted"

    def deliver(self, raw: bytes) -> None:
        deliver_to(self.mailbox, raw)


class _Server:
    """aiosmtpd in a thread with a loop of its own. implicit: TLS from the first byte."""

    def __init__(self, post: Post, implicit: ssl.SSLContext | None, options: dict[str, Any]) -> None:
        self._post, self._implicit, self._options = post, implicit, options
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE_S), "the mail server did not start"

    async def _serve(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        server = await loop.create_server(
            lambda: SMTP(self._post, loop=loop, **self._options), "127.0.0.1", 0, ssl=self._implicit
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the mail server did not stop"


@contextmanager
def post_office(
    pki: PkiPaths, folder: Path, *, implicit: bool = False, cert: str = "gateway_server", tls: bool = True,
    clock: Any = None, **options: Any,
) -> Iterator[Post]:  # fmt: skip
    """A mail server in a thread, listening on loopback. cert: which certificate it shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(getattr(pki, f"{cert}_cert"), getattr(pki, f"{cert}_key"))
    state = Bureau(
        Store(folder / "bureau.sqlite"), FaultScript(None), load_signer(pki.receipt_signing_uri),
        pki.station_ca.read_bytes(), clock or SystemClock(),
        openers=Openers.load([pki.gateway_sealing_key]),
    )  # fmt: skip
    post = Post(MailBureau(state, STATION, lambda raw: post.deliver(raw)), make_maildir(folder / "mail"))
    given = {"data_size_limit": 2**25, "hostname": "mail.invalid"} | options
    if not implicit and tls:
        given |= {"tls_context": context, "require_starttls": True}
    server = _Server(post, context if implicit else None, given)
    try:
        post.implicit = implicit
        post.url = f"{'smtps' if implicit else 'smtp'}://localhost:{server.port}"
        yield post
    finally:
        server.stop()
