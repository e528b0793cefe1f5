"""Image records (4, 13, 14, 15): each against its own image, and the fingerprints of a set against one another.

In: records with their position in the file. Out: findings. Sizes are compared with what the image's own header
states; with decoders given, images are decoded whole as well. Sources: `fields.py`; EBTS 9.1 for AMP.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import FGP, SLAP_FINGERS
from station.records.fields import CGA_BY_NUMBER, MAX_PIXELS
from station.records.findings import Finding, Severity
from station.records.images import readable, size_of, truncated
from station.records.transaction import BinaryRecord, TaggedRecord, Transaction, to_number, type_four

Decoders = Mapping[str, Callable[[bytes], NDArray[np.uint8]]]
"""CGA → decoder; a decoder raises when the image is damaged."""

_SECOND_DATA = re.compile(rb"[0-9]{1,20}\x1d14\.999:")
"""A number in a first field 999, then a second one: seen in real files."""

ROLLED_IMP = frozenset({1, 3, 21, 23, 25, 27, 41})
PLAIN_IMP = frozenset({0, 2, 20, 22, 24, 26, 42})


@dataclass(frozen=True)
class Image:
    """What the checks need of one image record, from either record type. Numbers are None when unreadable."""

    record_type: int
    position: int
    fgp: int | None
    imp: int | None
    width: int | None
    height: int | None
    ppi: int | None
    cga: str
    data: bytes | None
    amp: tuple[tuple[str, ...], ...] = ()
    seg: tuple[tuple[str, ...], ...] = ()

    def finding(self, code: str, what: str, message: str, severity: Severity = Severity.ERROR) -> Finding:
        """A finding at a field of this record: `what` is a key of `_TAGS`."""
        number = _TAGS[what][self.record_type == 4]
        tag = f"{self.record_type}.{number:03d}"
        return Finding(code, tag, f"FGP {self.fgp}: {message}", severity, self.position)


_TAGS = {
    "imp": (3, 3),
    "size": (6, 6),
    "ppi": (9, 5),
    "cga": (11, 8),
    "fgp": (13, 4),
    "amp": (18, 4),
    "seg": (21, 4),
    "has": (996, 9),
    "data": (999, 9),
}
"""Field numbers of what a finding is about: in tagged records, and in a Type-4."""


def images_of(txn: Transaction, types: Container[int] = (4, 14)) -> tuple[Image, ...]:
    """The image records of these types (of 4, 13, 14, 15), in file order."""
    found = []
    for position, record in enumerate(txn.records):
        if record.type not in types:
            continue
        if isinstance(record, BinaryRecord):
            found.append(_from_type_4(record, position))
        else:
            found.append(_from_tagged(record, position))
    return tuple(found)


def check_images(txn: Transaction, decoders: Decoders) -> Iterator[Finding]:
    """Every image record by itself."""
    for image in images_of(txn, (4, 13, 14, 15)):
        yield from _check_position(image)
        yield from _check_resolution(image)
        yield from _check_data(image, decoders)
        yield from _check_segments(image)
        record = txn.records[image.position]
        if isinstance(record, TaggedRecord):
            yield from _check_presence(record, image)


def check_set(txn: Transaction, whole: bool = True) -> Iterator[Finding]:
    """The images together, and with 2.084 AMP: duplicates, missing fingers, marks that contradict prints.

    whole: all ten fingers are wanted; a rapid search takes a few.
    """
    images = images_of(txn)
    counts = Counter(image.fgp for image in images if image.fgp is not None)
    for image in images:
        if image.fgp is not None and 1 <= image.fgp <= 18 and counts[image.fgp] > 1:
            yield image.finding("image.duplicate_fgp", "fgp", "this position is in the set more than once")
        if image.fgp in range(1, 11) and image.imp in PLAIN_IMP and _has_rolls(images):
            message = "a plain impression where the others of the set are rolled"
            yield image.finding("image.plain_roll", "imp", message, Severity.WARNING)
    if counts[15] and (counts[11] or counts[12]):
        last = next(image for image in images if image.fgp == 15)
        yield last.finding("image.thumbs_twice", "fgp", "plain thumbs are given both together and one by one")
    if whole:
        yield from _check_missing(images, _marked(txn))


def _has_rolls(images: Sequence[Image]) -> bool:
    return any(image.fgp in range(1, 11) and image.imp in ROLLED_IMP for image in images)


def _marked(txn: Transaction) -> dict[int, str]:
    rows = (items for record in txn.of_type(2) for items in record.rows(84))
    return _pairs(rows)


def _pairs(rows: Iterable[tuple[str, ...]]) -> dict[int, str]:
    """Finger → code, of rows that have this shape; the tables report the others."""
    numbered = ((to_number(items[0]), items) for items in rows if len(items) == 2)
    return {finger: items[1] for finger, items in numbered if finger is not None}


def _check_missing(images: Sequence[Image], marked: Mapping[int, str]) -> Iterator[Finding]:
    present = {image.fgp for image in images if image.fgp is not None}
    rolled = present & set(range(1, 11))
    unmarked = sorted(set(range(1, 11)) - present - set(marked))
    if rolled and unmarked:
        message = f"no rolled image and no mark in 2.084 AMP for FGP {', '.join(map(str, unmarked))}"
        yield Finding("amp.unmarked_finger", "2.084", message)
    for finger in sorted(rolled & set(marked)):
        message = f"FGP {finger} is marked {marked[finger]} and has an image"
        yield Finding("amp.printed_finger", "2.084", message, Severity.WARNING)
    if rolled and 15 not in present:
        for slap in (13, 14, 11, 12):
            wanted = [finger for finger in SLAP_FINGERS[FGP(slap)] if finger not in marked]
            if wanted and slap not in present:
                message = f"the plain impression FGP {slap} is missing"
                yield Finding("image.plain_missing", "14.013", message, Severity.WARNING)
    for image in images:
        yield from _check_slap_marks(image, marked)


def _check_slap_marks(image: Image, marked: Mapping[int, str]) -> Iterator[Finding]:
    if image.record_type != 14 or image.fgp not in (11, 12, 13, 14, 15):
        return
    shown = {int(finger) for finger in SLAP_FINGERS[FGP(image.fgp)]}
    here = _pairs(image.amp)
    for finger in sorted(shown & set(marked) - set(here)):
        yield image.finding("amp.not_on_slap", "amp", f"finger {finger} is marked in 2.084 and not here")
    for finger in sorted(here):
        if finger not in shown:
            yield image.finding("amp.not_in_slap", "amp", f"finger {finger} does not belong to this image")
        elif finger not in marked and here[finger] != "SR":
            yield image.finding(
                "amp.not_in_type_2", "amp", f"finger {finger} is marked here and not in 2.084"
            )


def _check_position(image: Image) -> Iterator[Finding]:
    if image.imp in ROLLED_IMP and image.fgp in (11, 12, 13, 14, 15, *range(40, 51)):
        yield image.finding("image.rolled_slap", "imp", "a plain position cannot be a rolled impression")


def _check_resolution(image: Image) -> Iterator[Finding]:
    if image.ppi is None:
        return
    if image.cga == "WSQ20" and not 495 <= image.ppi <= 505:
        yield image.finding("image.wsq_ppi", "ppi", f"WSQ is for 500 ppi, the record says {image.ppi}")
    elif not (495 <= image.ppi <= 505 or 990 <= image.ppi <= 1010):
        yield image.finding(
            "image.resolution", "ppi", f"{image.ppi} ppi is neither 500 nor 1000, 1 % allowed"
        )
    limit = MAX_PIXELS.get(image.fgp or 0)
    scale = 2 if image.ppi > 750 else 1
    if limit and ((image.width or 0) > limit[0] * scale or (image.height or 0) > limit[1] * scale):
        message = f"{image.width}×{image.height} is larger than {limit[0]}×{limit[1]} at 500 ppi"
        yield image.finding("image.too_large", "size", message, Severity.WARNING)


def _check_data(image: Image, decoders: Decoders) -> Iterator[Finding]:
    if image.data is None:
        return
    if _SECOND_DATA.match(image.data):
        yield image.finding("image.data_twice", "data", "field 999 stands twice: the first hides the image")
    stated = (image.width, image.height)
    size = size_of(image.cga, image.data)
    if size is None and readable(image.cga):
        yield image.finding("image.undecodable", "data", f"the data is not readable as {image.cga}")
    elif size is not None and size != stated:
        message = f"the record says {image.width}×{image.height}, the image is {size[0]}×{size[1]}"
        yield image.finding("image.size", "size", message)
    elif truncated(image.cga, image.data):
        yield image.finding("image.truncated", "data", "the image has no end marker: it is cut short")
    elif image.cga in decoders:
        yield from _decode(image, decoders[image.cga], image.data)
    if image.cga == "NONE" and image.width and image.height and len(image.data) != image.width * image.height:
        yield image.finding(
            "image.size", "size", f"{len(image.data)} bytes are not {stated[0]}×{stated[1]} pixels"
        )


def _decode(image: Image, decoder: Callable[[bytes], NDArray[np.uint8]], data: bytes) -> Iterator[Finding]:
    try:
        pixels = decoder(data)
    except Exception as failure:
        yield image.finding(
            "image.undecodable", "data", f"the data does not decode as {image.cga}: {failure}"
        )
        return
    if pixels.shape != (image.height, image.width):
        yield image.finding("image.size", "size", f"the image decodes to {pixels.shape[1]}×{pixels.shape[0]}")
    elif int(pixels.max()) - int(pixels.min()) < 32:
        yield image.finding("image.blank", "data", "the image is blank", Severity.WARNING)


def _check_segments(image: Image) -> Iterator[Finding]:
    if image.record_type != 14:
        return
    for items in image.seg:
        numbers = [each for each in map(to_number, items) if each is not None]
        if len(numbers) != 5 or image.width is None or image.height is None:
            continue
        finger, left, right, top, bottom = numbers
        if not (left < right <= image.width and top < bottom <= image.height):
            yield image.finding(
                "image.segment_outside", "seg", f"the box of finger {finger} is not inside it"
            )
        if image.fgp in (11, 12, 13, 14, 15) and finger not in SLAP_FINGERS[FGP(image.fgp)]:
            yield image.finding(
                "image.segment_finger", "seg", f"finger {finger} does not belong to this image"
            )


def _check_presence(record: TaggedRecord, image: Image) -> Iterator[Finding]:
    if (image.data is None) == (record.text(994) is None):
        yield image.finding("image.data_missing", "data", "exactly one of fields 999 and 994 must be there")
    needed = (6, 7, 8, 9, 10, 11, 12) if image.data is not None else ()
    for number in needed:
        if not record.text(number):
            tag = f"{record.type}.{number:03d}"
            yield Finding("field.missing", tag, "is needed with field 999", record=image.position)
    if image.fgp == 19 and record.type == 14:
        for number in (14, 15):
            if not record.text(number):
                yield Finding(
                    "field.missing", f"14.{number:03d}", "is needed with FGP 19", record=image.position
                )
    across, down = _number(record, 9), _number(record, 10)
    if across is not None and down is not None and across != down:
        yield image.finding("image.resolution", "ppi", f"{across} pixels a unit across and {down} down")
    stated = record.text(996)
    if stated and image.data is not None and stated.lower() != hashlib.sha256(image.data).hexdigest():
        yield image.finding("image.hash", "has", "HAS is not the SHA-256 of the image")


def _from_type_4(record: BinaryRecord, position: int) -> Image:
    four = type_four(record)
    fgp = four.fgp[0] if four.fgp else None
    cga = CGA_BY_NUMBER.get(four.cga, str(four.cga))
    return Image(4, position, fgp, four.imp, four.width, four.height, 500, cga, four.data)


def _from_tagged(record: TaggedRecord, position: int) -> Image:
    across, down = _number(record, 9), _number(record, 10)
    per_inch = {"1": 1.0, "2": 2.54}.get(record.text(8) or "")
    ppi = None if across is None or across != down or per_inch is None else round(across * per_inch)
    return Image(
        record.type,
        position,
        _number(record, 13),
        _number(record, 3),
        _number(record, 6),
        _number(record, 7),
        ppi,
        record.text(11) or "",
        record.data,
        record.rows(18),
        record.rows(21),
    )


def _number(record: TaggedRecord, number: int) -> int | None:
    return to_number(record.text(number) or "")
