"""Every limit of size, count and age in the queue at its edge, and which states wait, are open, or may be erased."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from offline_queue import audit_seal, envelope, statements, wire
from offline_queue.ballast import MIB
from offline_queue.cms import SignerIdentity
from offline_queue.crl import SLACK
from offline_queue.erasure import erase_due
from offline_queue.errors import CertificateError, QueueError, QueueFull, ReceiptError
from offline_queue.receipts import Verifier, require_not_revoked
from offline_queue.room import Limits
from offline_queue.signers import Signer
from offline_queue.states import State
from offline_queue.store import Queue
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import AT, receipt_bytes, sign, submission
from tests.unit.offline_queue.test_store import accepted, claimed

# what a submission may be called: the longest and the shortest, and what is one more or less
SHAPES = {
    "submission_id": ("a A1 a._- " + "x" * 64, " .a -a a/b a+b é " + "x" * 65),
    "tcn": ("! ~ " + "T" * 40, " " + "T" * 41 + " \x7f é"),
    "tot": ("A 9 " + "T" * 16, " a A- " + "T" * 17),
    "ori": ("A 9 " + "O" * 20, " a A- " + "O" * 21),
}


@pytest.mark.parametrize("field", SHAPES)
def test_an_id_is_as_long_as_it_may_be_and_no_longer(field: str) -> None:
    good, bad = SHAPES[field]
    for value in good.split():
        envelope.check(submission(**{field: value}), "ST-1")
    for value in ["", *bad.split(), "two words"]:
        with pytest.raises(QueueError, match=field):
            envelope.check(submission(**{field: value}), "ST-1")


@pytest.mark.parametrize(
    ("name", "good"), [("S" * 40, True), ("S" * 41, False), ("", False), ("S T", False), ("S._-", True)]
)
def test_a_station_has_a_name_of_1_to_40_letters(name: str, good: bool) -> None:
    if good:
        envelope.check(submission(), name)
    else:
        with pytest.raises(QueueError, match="station_id"):
            envelope.check(submission(), name)


class Sized:
    """Bytes of a size, without being them."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size


@pytest.mark.parametrize(("size", "good"), [(0, False), (1, True), (64 * MIB, True), (64 * MIB + 1, False)])
def test_a_payload_has_1_byte_to_64_mib(size: int, good: bool) -> None:
    given = submission(payload=Sized(size))  # type: ignore[arg-type]
    if good:
        envelope.check(given, "ST-1")
    else:
        with pytest.raises(QueueError, match=f"a payload of {size} bytes"):
            envelope.check(given, "ST-1")


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


@pytest.mark.parametrize(
    ("code", "good"),
    [("a", True), ("a.b_c.9", True), ("a" * 64, True), ("a" * 65, False), ("", False), ("A", False), ("a..b", False), ("a b", False)],
)  # fmt: skip
def test_a_refusals_code_is_64_small_letters_at_most(code: str, good: bool) -> None:
    body = json.dumps({"code": code, "message": "m" * 301}).encode()
    if good:
        assert wire.refusal(body) == (code, "m" * 300)
    else:
        with pytest.raises(ValueError):
            wire.refusal(body)


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


# signed heads of the chain


def test_the_head_is_signed_again_when_it_is_an_hour_old(
    queue: Queue, signer: Signer, clock: FrozenClock
) -> None:
    assert queue.seal_audit_when_due(signer) == "boot"
    clock.move(3599.999)
    assert queue.seal_audit_when_due(signer) is None
    clock.move(0.001)
    assert queue.seal_audit_when_due(signer) == "hourly"
    assert audit_seal.HOUR_MS == 3_600_000


def test_the_head_is_signed_again_when_its_time_lies_ahead(
    queue: Queue, signer: Signer, clock: FrozenClock
) -> None:
    queue.seal_audit_when_due(signer)
    clock.move(-0.001)
    assert queue.seal_audit_when_due(signer) == "hourly"


# erasure

# state: may its bytes go, once its receipt is old enough
ERASED = "ready no sending no unknown no asking no held no custody yes answered yes quarantined no".split()


@pytest.mark.parametrize(("state", "gone"), list(zip(ERASED[::2], ERASED[1::2], strict=True)))
def test_only_what_is_in_custody_is_erased(queue: Queue, signer: Signer, state: str, gone: str) -> None:
    queue.enqueue(submission(), signer)
    claim = claimed(queue)
    queue.settle(claim, accepted(claim))
    queue.database.sql(f"UPDATE submission SET state = '{state}'")
    assert bool(erase_due(queue.database, dt.timedelta(0))) == (gone == "yes")


def test_every_state_is_told_whether_it_may_be_erased() -> None:
    assert ERASED[::2] == [str(state) for state in State]


def test_bytes_are_erased_at_the_very_end_of_the_time_they_are_kept(
    queue: Queue, signer: Signer, clock: FrozenClock
) -> None:
    queue.enqueue(submission(), signer)
    claim = claimed(queue)
    queue.settle(claim, accepted(claim))
    keep = dt.timedelta(days=30)
    clock.move(30 * 86400 - 0.001)
    assert erase_due(queue.database, keep) == ()
    clock.move(0.001)
    assert erase_due(queue.database, keep) == ("sub-1",)
    assert erase_due(queue.database, keep) == ()


# room

# state: counts it as waiting
WAITING = (
    "ready yes sending yes unknown yes asking yes held yes custody no answered no quarantined no".split()
)


@pytest.mark.parametrize(("state", "waits"), list(zip(WAITING[::2], WAITING[1::2], strict=True)))
def test_what_the_gateway_does_not_have_yet_counts_as_waiting(
    queue: Queue, signer: Signer, state: str, waits: str
) -> None:
    queue.enqueue(submission(), signer)
    queue.database.sql(f"UPDATE submission SET state = '{state}'")
    assert statements.waiting(queue.database) == (waits == "yes")


def test_5000_may_wait_and_64_mib_stay_free_unless_somebody_says_otherwise() -> None:
    assert (Limits().open_entries, Limits().reserve_bytes) == (5000, 64 * MIB)
    assert (Limits().ballast_bytes, Limits().audit_bytes) == (0, 0)


def test_a_queue_is_full_with_as_many_as_may_wait(opened: Callable[..., Queue], signer: Signer) -> None:
    queue = opened(limits=Limits(open_entries=2))
    queue.enqueue(submission(1), signer)
    queue.check_room()
    queue.enqueue(submission(2), signer)
    with pytest.raises(QueueFull, match="2 submissions wait"):
        queue.check_room()


@pytest.mark.parametrize(("free", "good"), [(10 * MIB + 2000, True), (10 * MIB + 1999, False)])
def test_a_submission_needs_twice_its_size_beside_the_reserve(
    opened: Callable[..., Queue], free: int, good: bool
) -> None:
    queue = opened(limits=Limits(reserve_bytes=10 * MIB), free=lambda _: free)
    if good:
        queue.check_room(1000)
    else:
        with pytest.raises(QueueFull, match="10 MiB free, 10 MiB are kept"):
            queue.check_room(1000)


def test_the_log_is_written_back_when_a_minute_is_over(
    queue: Queue, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[float] = []
    monkeypatch.setattr(queue.room, "write_back", lambda: written.append(clock.monotonic()))
    for step in (59.999, 0.001, 59.999, 0.001):
        clock.move(step)
        queue.tidy()
    assert written == [1060.0, 1120.0]
