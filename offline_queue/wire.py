"""What the gateway writes, bytes to values: receipts, refusals, pages of responses. docs/gateway-protocol.md.

Everything here comes from outside: each function gives a value of the right shape or raises ValueError.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from offline_queue import canonical

LARGEST_SEQ = 2**53 - 1


@dataclass(frozen=True)
class SignedReceipt:
    """A receipt that nobody has verified yet: its JSON bytes and the CMS over them."""

    receipt: bytes
    signature: bytes


@dataclass(frozen=True)
class WireResponse:
    """One response that nobody has verified yet."""

    seq: int
    tcr: str
    tot: str
    content: bytes
    signature: bytes


@dataclass(frozen=True)
class BadItem:
    """An item of a page that has not the shape of a response. seq when at least that could be read."""

    seq: int | None
    reason: str
    raw: bytes


@dataclass(frozen=True)
class ResponsePage:
    """Items in the order the gateway gave them; more: there are others behind."""

    items: tuple[WireResponse | BadItem, ...]
    more: bool


class _Receipt(msgspec.Struct):
    receipt: str
    signature: str


class _Refusal(msgspec.Struct):
    code: Annotated[str, Meta(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$", max_length=64)]
    message: str = ""


class _Page(msgspec.Struct):
    responses: list[Any]
    more: bool


class _Item(msgspec.Struct):
    seq: Annotated[int, Meta(ge=1, le=LARGEST_SEQ)]
    tcr: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,40}$")]
    tot: Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,16}$")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    content: str
    signature: str


def signed_receipt(body: bytes) -> SignedReceipt:
    """{"receipt": base64, "signature": base64} to bytes."""
    value = _decode(body, _Receipt)
    return SignedReceipt(_unbase64(value.receipt), _unbase64(value.signature))


def refusal(body: bytes) -> tuple[str, str]:
    """{"code", "message"} to both, the message cut short."""
    value = _decode(body, _Refusal)
    return value.code, value.message[:300]


def response_page(body: bytes) -> ResponsePage:
    """A page of responses. An item that is malformed becomes a BadItem and leaves the others as they are."""
    page = _decode(body, _Page)
    return ResponsePage(tuple(_item(item) for item in page.responses), page.more)


def unique_object(data: bytes) -> dict[str, Any]:
    """Any JSON object without duplicate keys: two readers must not see two values."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=canonical.unique)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _item(value: Any) -> WireResponse | BadItem:
    try:
        item = msgspec.convert(value, _Item)
        content, signature = _unbase64(item.content), _unbase64(item.signature)
        if hashlib.sha256(content).hexdigest() != item.sha256:
            raise ValueError("the content does not have the digest it claims")
    except (ValueError, RecursionError) as error:
        seq = value.get("seq") if isinstance(value, dict) else None
        usable = isinstance(seq, int) and not isinstance(seq, bool) and 1 <= seq <= LARGEST_SEQ
        return BadItem(seq if usable else None, str(error)[:200], msgspec.json.encode(value))
    return WireResponse(item.seq, item.tcr, item.tot, content, signature)


def _decode(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _unbase64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
