"""Sneaker-net: several submissions in one file, sealed to the receiving site and signed by the station that wrote it.

Bytes in, values out, and back. Layout (docs/queue-bundle.md): `LSB2`, length and canonical JSON of the header, length
and DER of the detached CMS over the header, then the frames, whose sizes and digests the header names. A frame is
sealed to the site's public key (outward.py, aad `bundle:<id>:<n>`) and holds manifest, signature, counter-signature and
transaction as they are in the queue, the last perhaps sealed to the gateway. `LSB1` had neither counter-signature nor
sealed transactions, and is still read. Nothing in the clear names a person or a control number.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from offline_queue import canonical, cms, vouched
from offline_queue.clock import from_stamp, stamp
from offline_queue.envelope import LARGEST_PAYLOAD, Manifest
from offline_queue.errors import BundleError, CertificateError, CmsError, QueueError, VaultError
from offline_queue.outward import Opener, Recipient
from offline_queue.sealed import fits
from offline_queue.transports import Parcel

SCHEMA = 2
MAGICS = {b"LSB1": 1, b"LSB2": 2}
PLAIN, SEALED = b"\x00", b"\x01"
LENGTH = struct.Struct(">I")
LARGEST_HEADER = 4 * 1024 * 1024
LARGEST_FRAME = LARGEST_PAYLOAD + 512 * 1024
MOST = 10_000
SHAPES = {"bundle_id": r"[0-9a-f]{32}", "station_id": r"[A-Za-z0-9._-]{1,40}", "recipient": r"[0-9a-f]{16}"}
DAMAGED = "copy the bundle again from its medium, or export it again"


@dataclass(frozen=True)
class Header:
    """What is signed. recipient: the key id of the site; frames: (SHA-256 in hexadecimal digits, size) in order;
    schema: the layout of the frames."""

    bundle_id: str
    station_id: str
    recipient: str
    created_at: dt.datetime
    frames: tuple[tuple[str, int], ...]
    schema: int = SCHEMA

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical.dumps(
            {
                "schema": self.schema,
                "bundle_id": self.bundle_id,
                "station_id": self.station_id,
                "recipient": self.recipient,
                "created_at": stamp(self.created_at),
                "frames": [{"sha256": sha256, "size": size} for sha256, size in self.frames],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Header:
        """The reverse. BundleError `bundle.damaged` for bytes that `to_bytes` would not have written."""
        try:
            value = canonical.loads(data)
            header = cls(
                **{name: _shaped(name, value[name]) for name in SHAPES},
                created_at=from_stamp(value["created_at"]),
                frames=tuple(_frame(each) for each in value["frames"]),
                schema=value["schema"],
            )
            known = type(header.schema) is int and header.schema in MAGICS.values()
            same = known and header.to_bytes() == data and len(header.frames) <= MOST
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise _damaged("its header cannot be read") from error
        if not same:
            raise _damaged("its header is none of schema 1 or 2")
        return header


@dataclass(frozen=True)
class Item:
    """One frame: the submission it holds, or why it cannot be used."""

    number: int
    parcel: Parcel | None
    manifest: Manifest | None = None
    error: QueueError | None = None


def frame(parcel: Parcel, recipient: Recipient, bundle_id: str, number: int) -> bytes:
    """Manifest, signature, counter-signature and transaction, sealed to the site."""
    parts = [
        each
        for part in (parcel.manifest, parcel.signature, parcel.counter_signature)
        for each in (LENGTH.pack(len(part)), part)
    ]
    plain = b"".join([*parts, SEALED if parcel.sealed else PLAIN, parcel.transaction])
    return recipient.seal(plain, _aad(bundle_id, number))


def start(header: bytes, signature: bytes) -> bytes:
    """Everything before the frames."""
    return b"LSB2" + LENGTH.pack(len(header)) + header + LENGTH.pack(len(signature)) + signature


class Bundle:
    """A bundle that is being read. `verify` first: until then the header is only a claim."""

    def __init__(self, file: BinaryIO) -> None:
        """BundleError `bundle.not_a_bundle` or `bundle.damaged`."""
        schema = MAGICS.get(file.read(4))
        if schema is None:
            raise BundleError(
                "bundle.not_a_bundle", "this file is not a bundle", "name a file that export wrote"
            )
        self._signed = _block(file, LARGEST_HEADER, "header")
        self._signature = _block(file, cms.LIMIT, "signature")
        self.header = Header.from_bytes(self._signed)
        if self.header.schema != schema:
            raise _damaged("it begins as one of another schema")
        self._file = file

    def verify(self, anchors: bytes, at: dt.datetime) -> cms.SignerIdentity:
        """Who signed it. BundleError `bundle.foreign_signer`, `bundle.signature`."""
        try:
            return cms.verify_detached(self._signed, self._signature, anchors, at)
        except CertificateError as error:
            raise BundleError(
                "bundle.foreign_signer",
                f"not signed by a station of ours: {error.message}",
                "ask who brought it",
            ) from error
        except CmsError as error:
            raise BundleError("bundle.signature", f"not signed well: {error.message}", DAMAGED) from error

    def items(self, opener: Opener, anchors: bytes, at: dt.datetime) -> Iterator[Item]:
        """Every frame in order; one that is damaged says so and stops no other. BundleError `bundle.wrong_recipient`
        when all of it is for somebody else."""
        if opener.key_id.hex() != self.header.recipient:
            raise BundleError(
                "bundle.wrong_recipient",
                f"sealed to key {self.header.recipient}, this is {opener.key_id.hex()}",
                "take it to the site it was made for, or export it for this one",
            )
        for number, (sha256, size) in enumerate(self.header.frames, start=1):
            sealed = self._file.read(size)
            try:
                if len(sealed) != size or hashlib.sha256(sealed).hexdigest() != sha256:
                    raise _damaged(f"entry {number} is cut short or altered")
                yield self._item(
                    number, opener.open(sealed, _aad(self.header.bundle_id, number)), anchors, at
                )
            except (BundleError, VaultError, CmsError, CertificateError) as error:
                yield Item(number, None, error=error)
            except QueueError as error:
                yield Item(number, None, error=_damaged(f"entry {number}: {error.message}"))

    def _item(self, number: int, plain: bytes, anchors: bytes, at: dt.datetime) -> Item:
        manifest, rest = _cut(plain, number)
        signature, transaction = _cut(rest, number)
        counter, kind = b"", PLAIN
        if self.header.schema > 1:
            counter, rest = _cut(transaction, number)
            kind, transaction = rest[:1], rest[1:]
        said = Manifest.from_bytes(manifest)
        vouched.verify(manifest, signature, counter, anchors, at)
        if not _right(kind, transaction, said):
            raise _damaged(f"entry {number} is not the transaction that was signed")
        parcel = Parcel(said.submission_id, transaction, manifest, signature, counter, kind == SEALED)
        return Item(number, parcel, said)


def _right(kind: bytes, transaction: bytes, said: Manifest) -> bool:
    """These are the bytes of the manifest. Of what is sealed to a gateway only the size can be told; that gateway looks
    at the rest."""
    if kind == SEALED:
        return fits(transaction, said.size)
    return kind == PLAIN and (said.sha256, said.size) == (
        hashlib.sha256(transaction).hexdigest(),
        len(transaction),
    )


def _cut(data: bytes, number: int) -> tuple[bytes, bytes]:
    if len(data) < LENGTH.size:
        raise _damaged(f"entry {number} is too short")
    end = LENGTH.size + LENGTH.unpack_from(data)[0]
    if len(data) < end:
        raise _damaged(f"entry {number} is too short")
    return data[LENGTH.size : end], data[end:]


def _block(file: BinaryIO, limit: int, name: str) -> bytes:
    length = file.read(LENGTH.size)
    if len(length) != LENGTH.size or LENGTH.unpack(length)[0] > limit:
        raise _damaged(f"its {name} is cut short or too long")
    size = LENGTH.unpack(length)[0]
    data = file.read(size)
    if len(data) != size:
        raise _damaged(f"its {name} is cut short")
    return data


def _shaped(name: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(SHAPES[name], value):
        raise ValueError(f"{name} has not its shape")
    return value


def _frame(value: Any) -> tuple[str, int]:
    sha256, size = value["sha256"], value["size"]
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or type(size) is not int or not 0 < size <= LARGEST_FRAME:
        raise ValueError("a frame has not its shape")
    return sha256, size


def _aad(bundle_id: str, number: int) -> bytes:
    return f"bundle:{bundle_id}:{number}".encode()


def _damaged(what: str) -> BundleError:
    return BundleError("bundle.damaged", f"the bundle is damaged: {what}", DAMAGED)
