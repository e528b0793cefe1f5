"""Detached CMS signatures by the hundred a second: what `cms.sign_detached` makes, from a template made by it once.

Between two signatures of one signer only three things differ: the digest, the time and the ECDSA value. The first two
have fixed lengths inside the signed attributes, so they are put in their places; the rest is wrapped around again.
"""

from __future__ import annotations

import datetime as dt
import hashlib

from asn1crypto import cms as asn1

from offline_queue import cms
from offline_queue.signers import Signer

SAMPLE = b"a sample that is never sent"
SET_OF, IMPLICIT_0, SEQUENCE, OCTETS = 0x31, 0xA0, 0x30, 0x04


class QuickSigner:
    """sign(content, time) → DER. Safe for several threads when the signer is."""

    def __init__(self, signer: Signer, now: dt.datetime) -> None:
        self._signer = signer
        outer = asn1.ContentInfo.load(cms.sign_detached(SAMPLE, signer, now))
        signed = outer["content"]
        info = signed["signer_infos"][0]
        names = ("version", "digest_algorithms", "encap_content_info", "certificates")
        self._kind = bytes(outer["content_type"].dump())
        self._head = b"".join(bytes(signed[name].dump()) for name in names)
        self._who = b"".join(bytes(info[name].dump()) for name in ("version", "sid", "digest_algorithm"))
        self._how = bytes(info["signature_algorithm"].dump())
        attributes = bytes(info["signed_attrs"].untag().dump())
        self._digest_at = attributes.index(hashlib.sha256(SAMPLE).digest())
        self._time_at = attributes.index(_utc_time(now))
        self._attributes = attributes

    def sign(self, content: bytes, signing_time: dt.datetime) -> bytes:
        """As `cms.sign_detached`. SignerError when the key cannot sign."""
        attributes = bytearray(self._attributes)
        attributes[self._digest_at : self._digest_at + 32] = hashlib.sha256(content).digest()
        attributes[self._time_at : self._time_at + 13] = _utc_time(signing_time)
        value = _tlv(OCTETS, self._signer.sign(bytes(attributes)))
        attributes[0] = IMPLICIT_0
        info = _tlv(SEQUENCE, self._who + bytes(attributes) + self._how + value)
        signed = _tlv(SEQUENCE, self._head + _tlv(SET_OF, info))
        return _tlv(SEQUENCE, self._kind + _tlv(IMPLICIT_0, signed))


def _utc_time(moment: dt.datetime) -> bytes:
    return moment.astimezone(dt.UTC).strftime("%y%m%d%H%M%SZ").encode()


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content
