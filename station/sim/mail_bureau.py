"""The simulated bureau by mail: a submission comes in, receipts, refusals and answers go out, all as messages.

In: raw messages, as a mail server hands them over. Out: raw messages, given to `deliver`. It decides exactly as the
simulated gateway does (gateway_bureau) and keeps with the same store; only the way is another. SIMULATED: describes
nobody. It speaks no SMTP itself: whoever runs it has a mail server.
"""

from __future__ import annotations

import email.policy
import hashlib
import os
import time
from collections.abc import Callable
from email.mime.multipart import MIMEMultipart
from itertools import count
from pathlib import Path

from offline_queue import canonical, cms, mail
from offline_queue.envelope import Manifest
from offline_queue.errors import QueueError
from station.sim import gateway_bureau as bureau
from station.sim.gateway_app import Bureau, plan, receipted

ADDRESS = "bureau@sib.invalid"
_numbers = count(1)


class MailBureau:
    """One bureau with one station. deliver: takes each message for the station."""

    def __init__(self, state: Bureau, station: str, deliver: Callable[[bytes], None]) -> None:
        self.state = state
        self._station = station
        self._deliver = deliver
        self._published = 0

    def receive(self, raw: bytes) -> None:
        """Take a message in, and answer it. What is no submission is dropped, as mail systems do."""
        try:
            _, found = mail.attachments(raw)
            said = Manifest.from_bytes(found[mail.MANIFEST])
            content = found[mail.SEALED if mail.SEALED in found else mail.TRANSACTION]
            signature, counter = found[mail.SIGNATURE], found.get(mail.COUNTER, b"")
        except (ValueError, KeyError, QueueError):
            return
        try:
            if mail.SEALED in found:
                content = bureau.opened(self.state.openers, content, said.submission_id)
            upload = bureau.Upload(said.submission_id, content, found[mail.MANIFEST], signature, counter)
            self._receipt(upload, said)
        except bureau.Refusal as refusal:
            content = canonical.dumps(
                {"code": refusal.code, "message": refusal.message, "submission_id": said.submission_id}
            )
            self._send("refusal", f"REFUSED {said.tcn}", content, self._sign(content))

    def _receipt(self, upload: bureau.Upload, said: Manifest) -> None:
        store, now = self.state.store, self.state.clock.utcnow()
        known = store.submission(upload.submission_id)
        if known is None:
            manifest, signer = bureau.accept(upload, self.state.station_ca, now)
            if store.with_tcn(manifest.tcn) is not None:
                raise bureau.Refusal("tcn_reused", "this control number belongs to another submission")
            known = receipted(self.state, upload, manifest.tcn, signer, now)
            store.keep(known, plan(self.state, upload.transaction, now))
        elif known.sha256 != hashlib.sha256(upload.transaction).hexdigest():
            raise bureau.Refusal("conflict", "this submission id belongs to other bytes", 409)
        self._send("receipt", f"RECEIPT {said.tcn}", known.receipt, known.receipt_signature)

    def publish(self) -> int:
        """Send every answer that is due and was not sent. How many."""
        now = self.state.clock.utcnow()
        self.state.store.publish_due(
            now.timestamp(),
            lambda stage, stored, seq: bureau.compose(stage, stored.content, seq, now, self.state.rates),
        )
        answers = self.state.store.answers(self._published, 10_000)
        for answer in answers:
            self._send("response", f"{answer.tot} {answer.tcr}", answer.content, self._sign(answer.content))
            self._published = answer.seq
        return len(answers)

    def _sign(self, content: bytes) -> bytes:
        return cms.sign_detached(content, self.state.signer, self.state.clock.utcnow())

    def _send(self, kind: mail.Kind, subject: str, content: bytes, signature: bytes) -> None:
        self._deliver(message(kind, subject, content, signature, self._station))


def message(kind: mail.Kind, subject: str, content: bytes, signature: bytes, to: str) -> bytes:
    """A message of the bureau: subject and the two attachments of its kind."""
    whole = MIMEMultipart("mixed", policy=email.policy.SMTP)
    whole["From"], whole["To"], whole["Subject"] = ADDRESS, to, subject
    for name, data in zip(mail.PAIRS[kind], (content, signature), strict=True):
        mail.attach(whole, name, data, "octet-stream")
    return whole.as_bytes()


def make_maildir(folder: Path) -> Path:
    """An empty Maildir."""
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


def deliver_to(folder: Path, raw: bytes) -> Path:
    """Into a Maildir as a mail server does: written whole under tmp, then named in new."""
    name = f"{time.time_ns():020d}.{next(_numbers):06d}_{os.getpid()}.simulated"
    draft = folder / "tmp" / name
    draft.write_bytes(raw)
    return draft.rename(folder / "new" / name)
