"""Submissions and their answers as mail (RFC 5322, MIME): values to bytes and, distrusting, bytes to values.

What goes out: one message for each submission, `Subject: <TOT> <TCN>`, `Message-ID: <submission id@domain>`, with the
attachments transaction.an2 (transaction.sealed when it is sealed to the gateway), manifest.json, manifest.p7s and, when
that one's certificate has run out, manifest.counter.p7s. What comes in is known by its attachments: receipt.json
with receipt.p7s, refusal.json with refusal.p7s, response.an2 with response.p7s (`Subject: <TOT> <TCR>`). Nothing here
verifies a signature.
"""

from __future__ import annotations

import email
import email.message
import email.policy
import re
from dataclasses import dataclass
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from typing import Literal

from offline_queue import wire
from offline_queue.clock import Clock
from offline_queue.envelope import Manifest
from offline_queue.models import PART_NAME
from offline_queue.transports import COUNTER_NAME, SEALED_NAME, Parcel

LARGEST_MAIL = 96 * 1024 * 1024
DEEPEST = 6
TRANSACTION, MANIFEST, SIGNATURE = PART_NAME, "manifest.json", "manifest.p7s"
SEALED, COUNTER = SEALED_NAME, COUNTER_NAME
PAIRS: dict[str, tuple[str, str]] = {
    "receipt": ("receipt.json", "receipt.p7s"),
    "refusal": ("refusal.json", "refusal.p7s"),
    "response": ("response.an2", "response.p7s"),
}
ADDRESS = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,190}")
SUBJECT = re.compile(r"([A-Z0-9]{1,16}) ([\x21-\x7e]{1,40})")

Kind = Literal["receipt", "refusal", "response"]


@dataclass(frozen=True)
class Incoming:
    """One message that nobody has verified yet. about: a submission id (receipt, refusal) or the TCR (response)."""

    kind: Kind
    about: str
    tot: str
    content: bytes
    signature: bytes


def outgoing(parcel: Parcel, sender: str, recipient: str, clock: Clock) -> bytes:
    """The message for one submission; lines end in CRLF. QueueError `manifest.malformed` if the manifest is none."""
    said = Manifest.from_bytes(parcel.manifest)
    message = MIMEMultipart("mixed", policy=email.policy.SMTP)
    message["From"], message["To"] = sender, recipient
    message["Subject"] = f"{said.tot} {said.tcn}"
    message["Message-ID"] = message_id(parcel.submission_id, sender)
    message["Date"] = format_datetime(clock.utcnow())
    note = f"Control number {said.tcn}. Answers go to the sender, with this number.\r\n"
    message.attach(MIMEText(note, "plain", "us-ascii", policy=email.policy.SMTP))
    attach(message, parcel.name, parcel.transaction, "octet-stream")
    attach(message, MANIFEST, parcel.manifest, "json")
    attach(message, SIGNATURE, parcel.signature, "pkcs7-signature")
    if parcel.counter_signature:
        attach(message, COUNTER, parcel.counter_signature, "pkcs7-signature")
    return message.as_bytes()


def attach(message: MIMEMultipart, name: str, content: bytes, kind: str) -> None:
    """One attachment, base64."""
    part = MIMEApplication(content, kind, policy=email.policy.SMTP)
    part["Content-Disposition"] = f'attachment; filename="{name}"'
    message.attach(part)


def message_id(submission_id: str, sender: str) -> str:
    """Always the same for one submission, so that a mail server which knows it delivers it once."""
    return f"<{submission_id}@{sender.rpartition('@')[2]}>"


def attachments(raw: bytes) -> tuple[str, dict[str, bytes]]:
    """Subject, and file name → bytes. ValueError for what is not such a message: too large, too deep, a name twice."""
    if len(raw) > LARGEST_MAIL:
        raise ValueError(f"a message of {len(raw)} bytes")
    try:
        message = email.message_from_bytes(raw)
        found: dict[str, bytes] = {}
        _collect(message, found, 0)
        subject = " ".join(str(message.get("Subject", "")).split())
    except ValueError:
        raise
    except (
        Exception
    ) as error:  # the mail parser raises many unrelated types on hostile bytes; none may escape
        raise ValueError("not a readable message") from error
    return subject, found


def _collect(message: email.message.Message, found: dict[str, bytes], depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if message.is_multipart():
        for part in message.get_payload():
            if isinstance(part, email.message.Message):
                _collect(part, found, depth + 1)
        return
    name = message.get_filename()
    if name is None:
        return
    content = message.get_payload(decode=True)
    if name in found or not isinstance(content, bytes):
        raise ValueError("an attachment that appears twice or has no content")
    found[name] = content


def incoming(raw: bytes) -> Incoming:
    """What a message of the gateway holds. ValueError when it is none: then nothing is known by it."""
    subject, found = attachments(raw)
    kinds = [kind for kind, pair in PAIRS.items() if set(pair) <= found.keys()]
    if len(kinds) != 1:
        raise ValueError("neither a receipt, a refusal nor a response")
    content, signature = (found[name] for name in PAIRS[kinds[0]])
    if kinds[0] == "response":
        named = SUBJECT.fullmatch(subject)
        if named is None:
            raise ValueError("the subject of a response names its type and control number")
        return Incoming("response", named[2], named[1], content, signature)
    about = wire.unique_object(content).get("submission_id")
    if not isinstance(about, str) or not 0 < len(about) <= 64:
        raise ValueError(f"the {kinds[0]} names no submission")
    return Incoming("receipt" if kinds[0] == "receipt" else "refusal", about, "", content, signature)
