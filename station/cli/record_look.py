"""`station record diff|extract` and `show --html`: look into files. Out: text, JSON, image files, a page."""

from __future__ import annotations

import argparse
import base64
import hashlib
import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from station.errors import EnvironmentFault, ImageError
from station.imaging import codecs
from station.records.fields import CGA_BY_NUMBER
from station.records.reading import read
from station.records.transaction import BinaryRecord, Record, TaggedRecord, Transaction, type_four

SUFFIX = {
    "WSQ20": "wsq",
    "PNG": "png",
    "JP2": "jp2",
    "JP2L": "jp2",
    "JPEGB": "jpg",
    "JPEGL": "jpg",
    "NONE": "raw",
}
SAFE = 200


def add_arguments(actions: Any) -> None:
    """The two sub-commands' arguments."""
    diff = actions.add_parser("diff", help="field by field, what differs between two files")
    diff.add_argument("a", type=Path)
    diff.add_argument("b", type=Path)
    diff.add_argument("--json", action="store_true", help="for a program")
    out = actions.add_parser("extract", help="write the images and minutiae records of a file into a folder")
    out.add_argument("file", type=Path)
    out.add_argument("folder", type=Path)
    out.add_argument("--png", action="store_true", help="decode the images to PNG as well")
    out.add_argument("--json", action="store_true", help="for a program")


def diff(a: bytes, b: bytes) -> list[dict[str, Any]]:
    """One entry a difference: record position, field, the two values (None where absent, digests for images)."""
    first, second = _described(a), _described(b)
    found = []
    for key in sorted(first.keys() | second.keys()):
        if first.get(key) != second.get(key):
            found.append({"record": key[0], "field": key[1], "a": first.get(key), "b": second.get(key)})
    return found


def run_diff(args: argparse.Namespace, a: bytes, b: bytes) -> int:
    """0 when the files are the same byte for byte, else 1."""
    found = diff(a, b)
    if a != b and not found:
        found = [{"record": 0, "field": "", "a": "bytes differ", "b": "only in how fields are written"}]
    if args.json:
        print(json.dumps({"same": a == b, "differences": found}))
        return 0 if a == b else 1
    for each in found:
        print(f"record {each['record']:<2}  {each['field']:8}  {_short(each['a'])}  →  {_short(each['b'])}")
    print("the same, byte for byte" if a == b else f"{len(found)} differences")
    return 0 if a == b else 1


def run_extract(args: argparse.Namespace, content: bytes) -> int:
    """0 when every image was written, and decoded with --png; 1 when one could not be, or the file is damaged."""
    reading, wrong, written = read(content), [], []
    wrong += [f"{each.code}: {each.message}" for each in reading.findings]
    try:
        args.folder.mkdir(parents=True, exist_ok=True)
        for name, data, cga, size in _parts(reading.transaction):
            path = args.folder / f"{name}.{SUFFIX.get(cga, 'bin')}"
            path.write_bytes(data)
            written.append(str(path))
            if args.png and cga in codecs.NAMES and cga != "PNG":
                written += _png(args.folder / f"{name}.png", data, cga, size, wrong)
    except OSError as failure:
        raise EnvironmentFault(
            "environment.file", f"{args.folder}: {failure.strerror}", "check the path"
        ) from failure
    if args.json:
        print(json.dumps({"written": written, "problems": wrong}))
    else:
        print("\n".join([*written, *(f"problem: {each}" for each in wrong)]) or "nothing in it")
    return 1 if wrong else 0


def page(txn: Transaction, lines: list[str]) -> str:
    """A readable card with the pictures, one file, nothing loaded from elsewhere."""
    pictures = []
    for name, data, cga, size in _parts(txn):
        try:
            pixels = _decoded(data, cga, size)
            coded = base64.b64encode(cv2.imencode(".png", pixels)[1].tobytes()).decode()
            pictures.append(
                f'<figure><img alt="{html.escape(name)}" src="data:image/png;base64,{coded}">'
                f"<figcaption>{html.escape(name)} · {pixels.shape[1]}×{pixels.shape[0]} · {cga}</figcaption></figure>"
            )
        except (ImageError, KeyError, cv2.error) as error:
            pictures.append(f"<figure><p>{html.escape(name)}: {html.escape(str(error))}</p></figure>")
    rows = "\n".join(html.escape(line) for line in lines)
    title = html.escape(f"{txn.tot} {txn.tcn}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><section>{''.join(pictures)}</section><pre>{rows}</pre></html>"
    )


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1b1f24}"
    "section{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:1rem}"
    "figure{margin:0;border:1px solid #d0d7de;border-radius:6px;padding:.5rem;background:#fff}"
    "img{width:100%;height:11rem;object-fit:contain}figcaption{font-size:.8rem;color:#57606a}"
    "pre{white-space:pre-wrap;background:#f6f8fa;border-radius:6px;padding:1rem;font-size:.85rem}"
)


def _described(content: bytes) -> dict[tuple[int, str], str]:
    """(record, field) → value as text, images as their digest and size."""
    txn = read(content).transaction
    found: dict[tuple[int, str], str] = {}
    for position, record in enumerate(txn.records if txn else ()):
        if isinstance(record, BinaryRecord):
            found[position, f"{record.type}."] = _digest(record.content)
            continue
        for each in record.fields:
            text = _digest(each.value) if each.number == 999 else each.text
            found[position, f"{record.type}.{each.number:03d}"] = text
    return found


def _digest(content: bytes) -> str:
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"


def _short(value: str | None) -> str:
    if value is None:
        return "(absent)"
    safe = "".join(each if each.isprintable() else " " for each in value)
    return safe if len(safe) <= SAFE else f"{safe[:SAFE]} …"


def _parts(txn: Transaction | None) -> Iterator[tuple[str, bytes, str, tuple[int, int]]]:
    """Name, data, compression and size of every image; minutiae records as they stand."""
    for position, record in enumerate(txn.records if txn else ()):
        part = _part(record)
        if part is not None:
            what, data, cga, size = part
            yield f"{position:02d}-type{record.type}{what}", data, cga, size


def _part(record: Record) -> tuple[str, bytes, str, tuple[int, int]] | None:
    if isinstance(record, BinaryRecord):
        if record.type != 4:
            return "", record.content, "", (0, 0)
        four = type_four(record)
        fgp = f"-fgp{four.fgp[0]:02d}" if four.fgp else ""
        return fgp, four.data, CGA_BY_NUMBER.get(four.cga, ""), (four.width, four.height)
    if record.type == 9:
        return "-minutiae", "\n".join(f"{e.number}: {e.text}" for e in record.fields).encode(), "", (0, 0)
    return _tagged_part(record)


def _tagged_part(record: TaggedRecord) -> tuple[str, bytes, str, tuple[int, int]] | None:
    if record.data is None:
        return None
    fgp = record.text(13) if record.type in (13, 14, 15) else None
    named = f"-fgp{int(fgp):02d}" if fgp and fgp.isascii() and fgp.isdigit() and len(fgp) < 4 else ""
    sides = [record.text(number) or "" for number in (6, 7)]
    width, height = (
        int(side) if side.isascii() and side.isdigit() and len(side) < 7 else 0 for side in sides
    )
    return named, record.data, record.text(11) or "", (width, height)


def _decoded(data: bytes, cga: str, size: tuple[int, int]) -> Any:
    if cga == "NONE":
        if len(data) != size[0] * size[1] or not data:
            raise ImageError("image.size_needed", f"{len(data)} bytes are not {size[0]}×{size[1]} pixels")
        return np.frombuffer(data, np.uint8).reshape(size[1], size[0])
    return codecs.by_name(cga).decode(data)


def _png(path: Path, data: bytes, cga: str, size: tuple[int, int], wrong: list[str]) -> list[str]:
    try:
        path.write_bytes(cv2.imencode(".png", _decoded(data, cga, size))[1].tobytes())
    except (ImageError, cv2.error) as error:
        wrong.append(f"{path.stem}: {error}")
        return []
    return [str(path)]
