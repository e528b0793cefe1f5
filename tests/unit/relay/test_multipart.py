"""The upload's parts: what requests writes is read, everything else is refused."""

from __future__ import annotations

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from offline_queue.relay.multipart import NEEDED, ONE_OF, PARTS, parts
from offline_queue.transports import Parcel
from station.sim.relay_world import BOUNDARY, body_of

KIND = f"multipart/form-data; boundary={BOUNDARY}"
MARK = b"--" + BOUNDARY.encode()
WHOLE = body_of(Parcel("x", b"transaction", b"manifest", b"signature"))


@given(
    st.sampled_from(sorted(ONE_OF)),
    st.dictionaries(st.sampled_from(sorted(PARTS - ONE_OF)), st.binary(max_size=100), min_size=2),
    st.binary(max_size=300),
)
def test_what_requests_writes_is_read_back_when_the_needed_parts_are_there(
    name: str, others: dict[str, bytes], transaction: bytes
) -> None:
    given = {name: transaction, **others}
    files = {name: (f"{name}.bin", content, "application/octet-stream") for name, content in given.items()}
    request = requests.Request("PUT", "https://localhost/", files=files).prepare()
    assert isinstance(request.body, bytes)
    if not given.keys() >= NEEDED:
        with pytest.raises(ValueError):
            parts(request.headers["Content-Type"], request.body)
        return
    assert parts(request.headers["Content-Type"], request.body) == given


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        parts(KIND, body)


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=0, max_size=3))
def test_a_damaged_upload_is_refused_or_has_three_parts(at: int, put: bytes) -> None:
    damaged = WHOLE[:at] + put + WHOLE[at + len(put) :]
    try:
        found = parts(KIND, damaged)
    except ValueError:
        return
    assert sorted(found) == ["manifest", "signature", "transaction"]


@pytest.mark.parametrize("end", range(0, len(WHOLE) - 2, 7))
def test_an_upload_cut_short_is_refused(end: int) -> None:
    with pytest.raises(ValueError):
        parts(KIND, WHOLE[:end])


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=x",
    ],
)
def test_another_content_type_is_refused(kind: str) -> None:
    with pytest.raises(ValueError):
        parts(kind, WHOLE)


def test_a_part_twice_one_too_few_or_a_stranger_is_refused() -> None:
    for body in (
        WHOLE.replace(b'"manifest"', b'"signature"'),
        WHOLE.replace(b'"manifest"', b'"other"'),
        WHOLE.replace(b'name="manifest"; ', b""),
        MARK.join(WHOLE.split(MARK)[:3]) + MARK + b"--\r\n",
        WHOLE + b"more",
        WHOLE.replace(b'"signature"', b'"transaction.sealed"'),
        WHOLE.replace(b'"transaction"', b'"counter_signature"'),
    ):
        with pytest.raises(ValueError):
            parts(KIND, body)
