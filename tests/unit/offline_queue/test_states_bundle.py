"""The bytes of a bundle typed from docs/queue-bundle.md, and every limit of them at its edge."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from types import SimpleNamespace
from typing import Any

import pytest

from offline_queue import bundle, cms
from offline_queue.bundle import Bundle, Header
from offline_queue.errors import BundleError
from tests.unit.offline_queue.kit import AT

FRAME = {"sha256": "0" * 64, "size": 1}
FACTS: dict[str, Any] = {
    "bundle_id": "a" * 32, "created_at": "2026-03-02T09:30:00.000Z", "frames": [FRAME], "recipient": "b" * 16,
    "schema": 2, "station_id": "ST-1",
}  # fmt: skip


def written(**changes: Any) -> bytes:
    return json.dumps(FACTS | changes, sort_keys=True, separators=(",", ":")).encode()


def test_a_header_is_one_line_of_canonical_json() -> None:
    header = Header("a" * 32, "ST-1", "b" * 16, AT, (("0" * 64, 1),))
    assert header.to_bytes() == written()
    assert Header.from_bytes(written()) == header


@pytest.mark.parametrize(
    "good",
    [
        {"schema": 1}, {"station_id": "S" * 40}, {"station_id": "._-"}, {"frames": []},
        {"frames": [FRAME] * 10_000}, {"frames": [FRAME | {"size": 64 * 2**20 + 512 * 1024}]},
    ],
)  # fmt: skip
def test_a_header_is_read_up_to_its_limits(good: dict[str, Any]) -> None:
    assert Header.from_bytes(written(**good)).to_bytes() == written(**good)


@pytest.mark.parametrize(
    "bad",
    [
        {"schema": 0}, {"schema": 3}, {"schema": True}, {"schema": "2"},
        {"bundle_id": "a" * 31}, {"bundle_id": "a" * 33}, {"bundle_id": "A" * 32}, {"bundle_id": 7},
        {"recipient": "b" * 15}, {"recipient": "b" * 17}, {"station_id": ""}, {"station_id": "S" * 41},
        {"frames": [FRAME] * 10_001}, {"frames": [FRAME | {"size": 0}]}, {"frames": [FRAME | {"size": True}]},
        {"frames": [FRAME | {"size": 64 * 2**20 + 512 * 1024 + 1}]}, {"frames": [FRAME | {"sha256": "0" * 63}]},
        {"frames": [FRAME | {"sha256": "0" * 65}]}, {"frames": [FRAME | {"sha256": "G" * 64}]}, {"frames": 7},
        {"created_at": "2026-03-02"}, {"more": 1},
    ],
)  # fmt: skip
def test_a_header_beyond_them_is_damage(bad: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=r"bundle\.damaged"):
        Header.from_bytes(written(**bad))


def file(
    magic: bytes = b"LSB2", header: bytes | None = None, signature: bytes = b"sig", **sizes: int
) -> io.BytesIO:
    head = written() if header is None else header
    return io.BytesIO(
        magic
        + struct.pack(">I", sizes.get("header_size", len(head)))
        + head
        + struct.pack(">I", sizes.get("signature_size", len(signature)))
        + signature
    )


def test_a_bundle_begins_with_its_mark_its_header_and_the_signature_of_it() -> None:
    assert bundle.start(written(), b"sig") == file().getvalue()
    assert Bundle(file()).header == Header.from_bytes(written())
    assert Bundle(file(b"LSB1", written(schema=1))).header.schema == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"magic": b"LSB3"}, "bundle.not_a_bundle"),
        ({"magic": b"LSB"}, "bundle.not_a_bundle"),
        ({"magic": b"LSB1"}, "bundle.damaged"),  # what follows is of schema 2
        ({"header": written(schema=1)}, "bundle.damaged"),
    ],
)
def test_what_begins_as_something_else_is_none(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(BundleError) as caught:
        Bundle(file(**changes))
    assert caught.value.code == code


@pytest.mark.parametrize(("part", "limit"), [("header", 4 * 2**20), ("signature", cms.LIMIT)])
def test_a_part_is_as_long_as_it_may_be_and_no_longer(part: str, limit: int) -> None:
    with pytest.raises(BundleError, match=f"its {part} is cut short$|its {part} is cut short \\("):
        Bundle(file(**{f"{part}_size": limit}))  # it is read, and is not all there
    with pytest.raises(BundleError, match=f"its {part} is cut short or too long"):
        Bundle(file(**{f"{part}_size": limit + 1}))


def test_a_bundle_cut_anywhere_before_its_frames_is_refused() -> None:
    whole = file().getvalue()
    for end in range(len(whole)):
        with pytest.raises(BundleError):
            Bundle(io.BytesIO(whole[:end]))


# the inside of a frame


def test_a_part_of_a_frame_is_its_length_and_as_many_bytes() -> None:
    assert bundle._cut(b"\0\0\0\2abc", 1) == (b"ab", b"c")
    assert bundle._cut(b"\0\0\0\0", 1) == (b"", b"")
    for short in (b"", b"\0\0\0", b"\0\0\0\1", b"\0\0\0\3ab"):
        with pytest.raises(BundleError, match="entry 7 is too short"):
            bundle._cut(short, 7)


def manifest(content: bytes) -> Any:
    return SimpleNamespace(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


@pytest.mark.parametrize(
    ("kind", "content", "right"),
    [
        (b"\x00", b"abc", True),
        (b"\x00", b"abd", False),
        (b"\x00", b"ab", False),
        (b"\x01", b"abc", False),  # no sealed bytes
        (b"\x02", b"abc", False),
        (b"", b"abc", False),
    ],
)
def test_a_frame_holds_the_transaction_of_its_manifest(kind: bytes, content: bytes, right: bool) -> None:
    assert bundle._right(kind, content, manifest(b"abc")) == right


def test_a_frame_is_bound_to_its_bundle_and_its_place() -> None:
    assert bundle._aad("a1", 3) == b"bundle:a1:3"
