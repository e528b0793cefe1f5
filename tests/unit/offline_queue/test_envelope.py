from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue.envelope import LARGEST_PAYLOAD, Manifest, check
from offline_queue.errors import QueueError
from tests.unit.offline_queue.kit import AT, submission

SHA = "ab" * 32
MANIFEST = Manifest("sub-1", "TCN0000001", "CAR", "ZZ0000000", "ST-1", 7, AT, SHA, 600, "0" * 64)


def test_a_manifest_survives() -> None:
    assert Manifest.from_bytes(MANIFEST.to_bytes()) == MANIFEST


def test_a_manifest_is_one_line_that_names_the_part() -> None:
    text = MANIFEST.to_bytes().decode()
    assert "\n" not in text
    assert '"parts":[{"name":"transaction.an2","sha256":"' + SHA + '","size":600}]' in text
    assert '"created_at":"2026-03-02T09:30:00.000Z"' in text


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    st.from_regex(r"[\x21-\x7e]{1,40}", fullmatch=True),
    st.integers(0, 2**40),
    st.integers(0, 4 * 10**12).map(lambda ms: dt.datetime.fromtimestamp(ms / 1000, dt.UTC)),
)
def test_any_manifest_survives(name: str, tcn: str, number: int, at: dt.datetime) -> None:
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    manifest = dataclasses.replace(
        MANIFEST, submission_id=name, tcn=tcn, seq=number, size=number, created_at=at
    )
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


@given(st.binary(max_size=100), st.integers(0, 300))
def test_hostile_bytes_are_a_typed_refusal(junk: bytes, cut: int) -> None:
    good = MANIFEST.to_bytes()
    for bad in (junk, good[:cut] + junk + good[cut + len(junk) :]):
        try:
            manifest = Manifest.from_bytes(bad)
        except QueueError:
            continue
        assert manifest.to_bytes() == bad


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"schema":1', b'"schema":2'),
        (b'"seq":7', b'"seq":-7'),
        (b'"seq":7', b'"seq":true'),
        (b'"size":600', b'"size":"600"'),
        (SHA.encode(), b"xyz"),
        (b"sub-1", b"../x"),
        (b'"name":"transaction.an2"', b'"name":"other"'),
        (b"09:30:00.000Z", b"09:30:00.000+00:00"),
        (b"09:30:00.000Z", b"09:30:00Z"),
        (b'"parts":[{', b'"parts":[{"more":1,'),
        (b"ST-1", b"ST/1"),
    ],
)
def test_a_value_of_another_shape_is_refused(old: bytes, new: bytes) -> None:
    assert old in MANIFEST.to_bytes()
    with pytest.raises(QueueError):
        Manifest.from_bytes(MANIFEST.to_bytes().replace(old, new))


@pytest.mark.parametrize(
    "changes",
    [
        {"submission_id": ""},
        {"submission_id": "a/b"},
        {"submission_id": "x" * 65},
        {"tcn": "a b"},
        {"tcn": ""},
        {"tot": "car"},
        {"ori": ""},
        {"payload": b""},
        {"payload": bytes(LARGEST_PAYLOAD + 1)},
    ],
)
def test_a_submission_the_queue_cannot_carry_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(QueueError) as error:
        check(submission(**changes), "ST-1")
    assert error.value.code == "queue.bad_submission"


def test_a_good_submission_passes() -> None:
    check(submission(), "ST-1")
