"""Canonical JSON: the same value always gives the same bytes, so that bytes can be signed and hashed.

Rules (a subset of RFC 8785): UTF-8, keys sorted by code point, no spaces, integers only, no floats, one line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def dumps(value: Mapping[str, Any]) -> bytes:
    """Value to canonical bytes. TypeError for a float: there is no one way to write it."""
    _refuse_floats(value)
    return _ENCODER.encode(value).encode("utf-8")


def loads(data: bytes) -> dict[str, Any]:
    """Canonical bytes to a JSON object. ValueError for other bytes, duplicate keys, floats, or another
    spelling."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=_no_constant)
        canonical = dumps(value) if isinstance(value, dict) else b""
    except (RecursionError, TypeError) as error:
        raise ValueError("not canonical JSON") from error
    if not isinstance(value, dict) or canonical != data:
        raise ValueError("not a canonical JSON object")
    return value


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object_pairs_hook that refuses duplicate keys with ValueError."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key appears twice")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _refuse_floats(value: object) -> None:
    if isinstance(value, (str, int)) or value is None:
        return
    if isinstance(value, float):
        raise TypeError("a float has no canonical form")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError("keys are strings")
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)
