"""Whether what the gateway says may be believed: custody receipts and responses, under the gateway's
receipt authority.

A custody receipt counts only if its CMS verifies and it echoes id, TCN, digest and size of the very entry.
"""

from __future__ import annotations

from collections.abc import Sequence

from offline_queue import certificates, cms, wire
from offline_queue.clock import Clock, from_stamp
from offline_queue.errors import CertificateError, CmsError, ReceiptError, ResponseError
from offline_queue.models import Entry, Receipt
from offline_queue.wire import SignedReceipt, WireResponse

ADVICE = "it is asked for again; if it stays so, tell the gateway's operator"


class Verifier:
    """receipt_ca: PEM of the authority (or authorities) under which the gateway signs."""

    def __init__(self, receipt_ca: bytes | Sequence[bytes], clock: Clock) -> None:
        certificates.from_pem(receipt_ca)
        self._anchors = receipt_ca
        self._clock = clock

    def receipt(self, signed: SignedReceipt, entry: Entry) -> Receipt:
        """ReceiptError `receipt.signature`, `.malformed`, `.wrong_submission`, `.wrong_tcn`, `.wrong_digest`,
        `.wrong_size` or `.no_custody`: then nothing is known about the submission."""
        try:
            cms.verify_detached(signed.receipt, signed.signature, self._anchors, self._clock.utcnow())
        except (CmsError, CertificateError) as error:
            raise ReceiptError(
                "receipt.signature", f"the custody receipt is not signed well: {error}", ADVICE
            ) from error
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
        """ResponseError `response.signature` when the content is not signed by the gateway."""
        try:
            cms.verify_detached(response.content, response.signature, self._anchors, self._clock.utcnow())
        except (CmsError, CertificateError) as error:
            raise ResponseError("response.signature", f"response {response.seq}: {error}", ADVICE) from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 200 or not value.isprintable():
        raise ValueError("not a short text")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a count")
    return value
