from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline_queue import wire
from offline_queue.errors import CertificateError, ReceiptError, ResponseError
from offline_queue.models import Entry
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer
from offline_queue.states import State
from offline_queue.wire import BadItem, SignedReceipt, WireResponse
from station.sim.pki import PkiPaths
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import AT, receipt_answer, receipt_bytes, sign

ENTRY = Entry("sub-1", "TCN1", "CAR", "ZZ", "ST-1", 1, State.SENDING, 9, "ab" * 32, AT, 1, None, None, None)


def refusal(verifier: Verifier, signed: SignedReceipt) -> str:
    with pytest.raises(ReceiptError) as error:
        verifier.receipt(signed, ENTRY)
    return error.value.code


def test_a_receipt_that_echoes_the_entry_is_believed(verifier: Verifier, gateway_signer: Signer) -> None:
    signed = sign(receipt_bytes(ENTRY), gateway_signer)
    receipt = verifier.receipt(signed, ENTRY)
    assert (receipt.raw, receipt.signature, receipt.received_at) == (signed.receipt, signed.signature, AT)


def test_another_order_of_keys_and_more_keys_are_read(verifier: Verifier, gateway_signer: Signer) -> None:
    value = {"more": 1.5} | dict(reversed(json.loads(receipt_bytes(ENTRY)).items()))
    assert verifier.receipt(sign(json.dumps(value, indent=1).encode(), gateway_signer), ENTRY).tcn == "TCN1"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"submission_id": "sub-2"}, "receipt.wrong_submission"),
        ({"tcn": "TCN2"}, "receipt.wrong_tcn"),
        ({"sha256": "AB" * 32}, "receipt.wrong_digest"),
        ({"size": 10}, "receipt.wrong_size"),
        ({"custody": "yes"}, "receipt.no_custody"),
        ({"schema": 2}, "receipt.no_custody"),
        ({"size": "9"}, "receipt.malformed"),
        ({"size": True}, "receipt.malformed"),
        ({"gateway": ""}, "receipt.malformed"),
        ({"gateway": "a\nb"}, "receipt.malformed"),
        ({"tcn": None}, "receipt.malformed"),
        ({"received_at": "now"}, "receipt.malformed"),
    ],
)
def test_a_signed_receipt_of_something_else_is_refused(
    verifier: Verifier, gateway_signer: Signer, changes: dict[str, object], code: str
) -> None:
    assert refusal(verifier, sign(receipt_bytes(ENTRY, **changes), gateway_signer)) == code


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"tcn":1,"tcn":2}', b"[" * 50_000])
def test_a_signed_receipt_that_cannot_be_read_is_refused(
    verifier: Verifier, gateway_signer: Signer, data: bytes
) -> None:
    assert refusal(verifier, sign(data, gateway_signer)) == "receipt.malformed"


def test_only_the_gateways_signing_key_counts(
    verifier: Verifier, signer: Signer, gateway_signer: Signer, clock: FrozenClock
) -> None:
    data = receipt_bytes(ENTRY)
    assert refusal(verifier, sign(data, signer)) == "receipt.signature"
    assert refusal(verifier, SignedReceipt(data, b"")) == "receipt.signature"
    assert (
        refusal(verifier, SignedReceipt(data + b" ", sign(data, gateway_signer).signature))
        == "receipt.signature"
    )
    clock.step_wall(86400 * 365)
    assert refusal(verifier, sign(data, gateway_signer)) == "receipt.signature"


def test_a_response_counts_only_when_the_gateway_signed_it(
    verifier: Verifier, signer: Signer, gateway_signer: Signer
) -> None:
    good = sign(b"sre", gateway_signer)
    verifier.response(WireResponse(1, "TCN1", "SRE", b"sre", good.signature))
    for content, signature in (
        (b"other", good.signature),
        (b"sre", sign(b"sre", signer).signature),
        (b"sre", b""),
    ):
        with pytest.raises(ResponseError) as error:
            verifier.response(WireResponse(1, "TCN1", "SRE", content, signature))
        assert error.value.code == "response.signature"


def test_a_verifier_without_an_authority_refuses_the_start(clock: FrozenClock, pki: PkiPaths) -> None:
    with pytest.raises(CertificateError):
        Verifier(b"nothing", clock)
    Verifier([pki.gateway_ca.read_bytes(), pki.station_ca.read_bytes()], clock)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["receipt", "signature", "code", "message", "responses", "more", "seq", "tcr", "content"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
PARSERS = [wire.signed_receipt, wire.refusal, wire.response_page, wire.unique_object]


@settings(max_examples=300)
@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_hostile_answers_are_a_value_error_or_the_right_shape(body: bytes) -> None:
    for parse in PARSERS:
        try:
            parse(body)
        except ValueError:
            continue


@settings(max_examples=200)
@given(st.lists(JSON, max_size=4))
def test_hostile_items_never_break_a_page(items: list[object]) -> None:
    page = wire.response_page(json.dumps({"responses": items, "more": False}).encode())
    assert len(page.items) == len(items)
    assert all(isinstance(item, BadItem) and item.reason for item in page.items)
    assert all(item.seq is None or 1 <= item.seq <= wire.LARGEST_SEQ for item in page.items)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_receipt_answer_survives(receipt: bytes, signature: bytes) -> None:
    signed = SignedReceipt(receipt, signature)
    assert wire.signed_receipt(receipt_answer(signed)) == signed


def test_base64_with_junk_between_is_refused() -> None:
    body = {"receipt": base64.b64encode(b"abc").decode() + "\n", "signature": ""}
    with pytest.raises(ValueError):
        wire.signed_receipt(json.dumps(body).encode())
