"""Whether what the gateway says may be believed: custody receipts and responses, under the gateway's
receipt authority.

A custody receipt counts only if its CMS verifies and it echoes id, TCN, digest and size of the very entry. What was
signed before its certificate was revoked stays good; what was signed later, or does not say when, is not believed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from offline_queue import certificates, cms, wire
from offline_queue.clock import Clock, from_stamp, stamp
from offline_queue.cms import SignerIdentity
from offline_queue.crl import SLACK
from offline_queue.errors import CertificateError, CmsError, ReceiptError, ResponseError
from offline_queue.models import Entry, Receipt
from offline_queue.revocation import Revocation
from offline_queue.wire import SignedReceipt, WireResponse

REVOKED = "certificate.revoked"
ADVICE = "it is asked for again; if it stays so, tell the gateway's operator"


class Verifier:
    """receipt_ca: PEM of the authority (or authorities) under which the gateway signs; revocation: lists under them."""

    def __init__(
        self, receipt_ca: bytes | Sequence[bytes], clock: Clock, revocation: Revocation | None = None
    ) -> None:
        certificates.from_pem(receipt_ca)
        self._anchors = receipt_ca
        self._clock = clock
        self._revocation = revocation

    def receipt(self, signed: SignedReceipt, entry: Entry) -> Receipt:
        """ReceiptError `receipt.signature`, `.revoked`, `.malformed`, `.wrong_submission`, `.wrong_tcn`,
        `.wrong_digest`, `.wrong_size` or `.no_custody`: then nothing is known about the submission."""
        try:
            self._signed(signed.receipt, signed.signature, entry.created_at)
        except (CmsError, CertificateError) as error:
            code = "receipt.revoked" if error.code == REVOKED else "receipt.signature"
            raise ReceiptError(code, f"the custody receipt is not signed well: {error}", ADVICE) from error
        try:
            value = wire.unique_object(signed.receipt)
            receipt = Receipt(
                raw=signed.receipt,
                signature=signed.signature,
                gateway=_text(value["gateway"]),
                submission_id=_text(value["submission_id"]),
                tcn=_text(value["tcn"]),
                sha256=_text(value["sha256"]),
                size=_count(value["size"]),
                received_at=from_stamp(_text(value["received_at"])),
            )
        except (KeyError, ValueError, OverflowError) as error:
            raise ReceiptError(
                "receipt.malformed", f"the custody receipt cannot be read: {error!r}", ADVICE
            ) from error
        self._compare(receipt, entry)
        if value.get("schema") != 1 or value.get("custody") is not True:
            raise ReceiptError(
                "receipt.no_custody", "the receipt does not say that custody was taken", ADVICE
            )
        return receipt

    def _compare(self, receipt: Receipt, entry: Entry) -> None:
        pairs = {
            "wrong_submission": (receipt.submission_id, entry.submission_id),
            "wrong_tcn": (receipt.tcn, entry.tcn),
            "wrong_digest": (receipt.sha256, entry.sha256),
            "wrong_size": (receipt.size, entry.size),
        }
        for code, (said, wanted) in pairs.items():
            if said != wanted:
                raise ReceiptError(
                    f"receipt.{code}", f"the receipt says {said!r}, the entry is {wanted!r}"[:300], ADVICE
                )

    def response(self, response: WireResponse) -> None:
        """ResponseError `response.signature` when the content is not signed by the gateway, `response.revoked` when its
        certificate was revoked before."""
        try:
            self._signed(response.content, response.signature)
        except (CmsError, CertificateError) as error:
            code = "response.revoked" if error.code == REVOKED else "response.signature"
            raise ResponseError(code, f"response {response.seq}: {error}", ADVICE) from error

    def _signed(self, content: bytes, signature: bytes, earliest: dt.datetime | None = None) -> None:
        identity = cms.verify_detached(content, signature, self._anchors, self._clock.utcnow())
        require_not_revoked(identity, self._revocation, earliest)


def require_not_revoked(
    identity: SignerIdentity, revocation: Revocation | None, earliest: dt.datetime | None = None
) -> None:
    """CertificateError `certificate.revoked` when this was signed once its certificate was revoked, or does not say
    when. Whoever has the key may write an earlier time, but none before `earliest`: then there was nothing to sign."""
    entry = revocation.of_path(identity.path) if revocation is not None else None
    if entry is None:
        return
    at = identity.signing_time
    if at is not None and at < entry.since and (earliest is None or at >= earliest - SLACK):
        return
    raise CertificateError(
        REVOKED, f"{entry}; signed {'at no time' if at is None else stamp(at)}", "tell the gateway's operator"
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 200 or not value.isprintable():
        raise ValueError("not a short text")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a count")
    return value
