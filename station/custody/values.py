"""Values of a custody bundle, read strictly: JSON objects in their one spelling, base64, digests, times.

In: text or bytes as they stand in the document. Out: the value; `Broken` or ValueError when it is not one.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

from station.custody.proof import Broken


def read_object(data: bytes, link: str, row: int | None = None, *, strict: bool = True) -> dict[str, Any]:
    """A JSON object; strict: in the one canonical spelling (sorted keys, no spaces, no floats)."""
    try:
        value = json.loads(data)
        if not isinstance(value, dict):
            raise ValueError("not an object")
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except ValueError as error:
        raise Broken(link, "not JSON", row) from error
    if strict and text.encode("utf-8", "surrogatepass") != data:
        raise Broken(link, "not in canonical form", row)
    return value


def read_bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def read_hex(text: str) -> str:
    if len(text) != 64:
        raise ValueError("not a SHA-256")
    return text


def read_time(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment
