"""The upload of one submission, `multipart/form-data` bytes to its parts (docs/gateway-protocol.md).

Strict and whole: the body is in memory already, and everything but the known parts, once each, is refused.
"""

from __future__ import annotations

import re

NEEDED = frozenset({"manifest", "signature"})
ONE_OF = frozenset({"transaction", "transaction.sealed"})
PARTS = NEEDED | ONE_OF | {"counter_signature"}
LARGEST_HEAD = 2048
BOUNDARY = re.compile(r"multipart/form-data\s*;\s*boundary=\"?([0-9A-Za-z'()+_,./:=?-]{1,70})\"?\s*", re.I)
NAME = re.compile(rb"(?i)(?:^|\r\n)content-disposition:\s*form-data\b[^\r\n]*?;\s*name=\"([a-z_.]{1,20})\"")


def parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """{"transaction" or "transaction.sealed", "manifest", "signature", perhaps "counter_signature"} to bytes.
    ValueError for anything else."""
    found = BOUNDARY.fullmatch(content_type.strip())
    if found is None:
        raise ValueError("the upload is not multipart/form-data with a boundary")
    mark = b"--" + found[1].encode()
    if not body.startswith(mark + b"\r\n"):
        raise ValueError("the upload does not begin with its boundary")
    result: dict[str, bytes] = {}
    at = len(mark) + 2
    while True:
        name, content, at = _part(body, at, b"\r\n" + mark)
        if name in result or name not in PARTS:
            raise ValueError(f"the part {name} is not expected")
        result[name] = content
        if body[at : at + 2] != b"\r\n":
            break
        at += 2
    if body[at : at + 2] != b"--" or body[at + 2 :] not in (b"", b"\r\n"):
        raise ValueError("the upload does not end with its boundary")
    if not result.keys() >= NEEDED or len(result.keys() & ONE_OF) != 1:
        raise ValueError(f"the parts are {', '.join(sorted(NEEDED))} and one of {', '.join(sorted(ONE_OF))}")
    return result


def _part(body: bytes, at: int, mark: bytes) -> tuple[str, bytes, int]:
    """Name and content of the part that begins at `at`, and where its closing boundary ends."""
    start = body.find(b"\r\n\r\n", at, at + LARGEST_HEAD)
    if start < 0:
        raise ValueError("a part has no end of its head")
    name = NAME.search(body[at:start])
    end = body.find(mark, start + 4)
    if name is None or end < 0:
        raise ValueError("a part has no name or no end")
    return name[1].decode(), body[start + 4 : end], end + len(mark)
