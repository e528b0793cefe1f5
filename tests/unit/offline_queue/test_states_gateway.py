"""Every limit of what the gateway may write at its edge: responses, refusals, receipts, and when they were signed."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from types import SimpleNamespace
from typing import Any

import pytest

from offline_queue import wire
from offline_queue.cms import SignerIdentity
from offline_queue.crl import SLACK
from offline_queue.errors import CertificateError, ReceiptError
from offline_queue.receipts import Verifier, require_not_revoked
from offline_queue.signers import Signer
from tests.unit.offline_queue.kit import AT, receipt_bytes, sign

# what the gateway writes


def item(**changes: Any) -> dict[str, Any]:
    content = base64.b64encode(b"x").decode()
    values = {"seq": 1, "tcr": "T", "tot": "SRE", "content": content, "signature": content}
    return values | {"sha256": hashlib.sha256(b"x").hexdigest()} | changes


def first(**changes: Any) -> wire.WireResponse | wire.BadItem:
    page = wire.response_page(json.dumps({"responses": [item(**changes)], "more": False}).encode())
    return page.items[0]


@pytest.mark.parametrize(
    "good",
    [
        {"seq": 1}, {"seq": 2**53 - 1}, {"tcr": "!"}, {"tcr": "~" * 40}, {"tot": "A"}, {"tot": "Z9" * 8},
    ],
)  # fmt: skip
def test_a_response_is_taken_up_to_its_limits(good: dict[str, Any]) -> None:
    assert isinstance(first(**good), wire.WireResponse)


@pytest.mark.parametrize(
    ("bad", "seq"),
    [
        ({"seq": 0}, None), ({"seq": 2**53}, None), ({"seq": -1}, None), ({"seq": True}, None), ({"seq": "1"}, None),
        ({"seq": 7, "tcr": ""}, 7), ({"seq": 1, "tcr": "T" * 41}, 1), ({"seq": 2**53 - 1, "tot": "a"}, 2**53 - 1),
        ({"tot": "T" * 17}, 1), ({"tot": ""}, 1), ({"tcr": "a b"}, 1), ({"tcr": "\x7f"}, 1),
        ({"sha256": "0" * 63}, 1), ({"sha256": "0" * 64}, 1), ({"content": "eA="}, 1), ({"signature": "?"}, 1),
    ],
)  # fmt: skip
def test_a_response_beyond_them_is_put_aside_with_its_number_if_it_has_one(
    bad: dict[str, Any], seq: int | None
) -> None:
    found = first(**bad)
    assert isinstance(found, wire.BadItem)
    assert found.seq == seq
    assert found.reason


def test_a_reason_to_put_aside_has_200_letters() -> None:
    found = first(tcr="T" * 1000, tot={"deep": ["x" * 1000]})
    assert isinstance(found, wire.BadItem)
    assert len(found.reason) <= 200


@pytest.mark.parametrize("code", ["a", "a.b_c.9", "a" * 64])
def test_a_refusals_code_is_64_small_letters_at_most(code: str) -> None:
    assert wire.refusal(json.dumps({"code": code, "message": "m" * 301}).encode()) == (code, "m" * 300)


@pytest.mark.parametrize("code", ["a" * 65, "", "A", "a..b", "a b"])
def test_a_refusal_with_another_code_is_none(code: str) -> None:
    with pytest.raises(ValueError):
        wire.refusal(json.dumps({"code": code}).encode())


def test_a_refusal_needs_no_message() -> None:
    assert wire.refusal(b'{"code":"a"}') == ("a", "")


def claim_of(size: int = 3) -> Any:
    return SimpleNamespace(
        submission_id="s", tcn="t", sha256="0" * 64, size=size, created_at=AT - dt.timedelta(minutes=1)
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ""),
        ({"gateway": "g" * 200}, ""),
        ({"gateway": "g" * 201}, "receipt.malformed"),
        ({"gateway": ""}, "receipt.malformed"),
        ({"gateway": "a\x07b"}, "receipt.malformed"),
        ({"gateway": 7}, "receipt.malformed"),
        ({"size": -1}, "receipt.malformed"),
        ({"size": True}, "receipt.malformed"),
        ({"size": 4}, "receipt.wrong_size"),
        ({"received_at": "2026-03-02T09:30:00.000"}, "receipt.malformed"),
        ({"schema": 2}, "receipt.no_custody"),
        ({"custody": 1}, "receipt.no_custody"),
        ({"custody": False}, "receipt.no_custody"),
    ],
)
def test_a_receipt_is_believed_within_its_limits(
    verifier: Verifier, gateway_signer: Signer, changes: dict[str, Any], code: str
) -> None:
    entry = claim_of()
    signed = sign(receipt_bytes(entry, **changes), gateway_signer)
    if not code:
        assert verifier.receipt(signed, entry).size == 3
        return
    with pytest.raises(ReceiptError) as caught:
        verifier.receipt(signed, entry)
    assert caught.value.code == code


def test_a_difference_is_told_in_300_letters(verifier: Verifier, gateway_signer: Signer) -> None:
    entry = claim_of()
    entry.tcn = "x" * 400
    with pytest.raises(ReceiptError) as caught:
        verifier.receipt(sign(receipt_bytes(entry, tcn="y"), gateway_signer), entry)
    assert (caught.value.code, len(caught.value.message)) == ("receipt.wrong_tcn", 300)


def test_an_empty_submission_has_a_receipt_too(verifier: Verifier, gateway_signer: Signer) -> None:
    entry = claim_of(size=0)
    assert verifier.receipt(sign(receipt_bytes(entry), gateway_signer), entry).size == 0


# what was signed before its certificate was revoked

SINCE = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
TICK = dt.timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("signed_at", "earliest", "good"),
    [
        (SINCE - TICK, None, True),
        (SINCE, None, False),
        (SINCE + TICK, None, False),
        (None, None, False),
        (SINCE - TICK, SINCE - TICK + SLACK, True),  # as early as anybody may have signed it
        (SINCE - TICK, SINCE + SLACK, False),
    ],
)
def test_what_was_signed_before_the_revocation_stays_good(
    signed_at: dt.datetime | None, earliest: dt.datetime | None, good: bool
) -> None:
    identity = SimpleNamespace(path=[b""], signing_time=signed_at)
    lists: Any = SimpleNamespace(of_path=lambda _: SimpleNamespace(since=SINCE))
    checked: SignerIdentity = identity  # type: ignore[assignment]
    if good:
        require_not_revoked(checked, lists, earliest)
    else:
        with pytest.raises(CertificateError) as caught:
            require_not_revoked(checked, lists, earliest)
        assert caught.value.code == "certificate.revoked"


def test_what_stands_on_no_list_is_good_whenever_it_was_signed() -> None:
    identity: Any = SimpleNamespace(path=[b""], signing_time=None)
    nothing: Any = SimpleNamespace(of_path=lambda _: None)
    require_not_revoked(identity, nothing)
    require_not_revoked(identity, None)
