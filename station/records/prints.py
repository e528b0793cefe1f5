"""Fingerprint images as records: a compressed impression in, a Type-14 or a Type-4 out (ITL 2011; EBTS 9.1 and 11.2).

A simulated reader is called SIMULATED in 2.067 IMA, 14.904 MMS and 14.020 COM; an uncertified one UNCERTIFIED in the
first two, and 14.020 says TRAINING ONLY and why. Our own quality score is written in
14.020 as a comment and never in 14.024 FQM, which is for registered algorithms: there goes a real NFIQ 2 score or
nothing. A Type-4 has room for neither; it is 500 ppi only.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from station.errors import RecordError
from station.friction_ridge import AMP, FGP, IMP, SLAP_FINGERS, QualityReport
from station.records.fields import CGA_BY_NUMBER
from station.records.header import Header, date
from station.records.images import size_of
from station.records.transaction import (
    BinaryRecord,
    Field,
    TaggedRecord,
    TypeFour,
    data,
    group,
    repeated,
    text,
    type_four_record,
)

ORDER = (*range(1, 11), 13, 14, 11, 12)
"""The order of the images in the file."""

SIMULATED = "SIMULATED"
UNCERTIFIED = "UNCERTIFIED"
COMMENT = 126
"""Most characters of 14.020 (ANSI/NIST-ITL 1-2011)."""
NFIQ2_VENDOR, NFIQ2_PRODUCT = "0101", 57
"""CBEFF ids of NFIQ 2 (ISO/IEC JTC 1 SC 37) and of its version 2.3."""

TYPE_4_CGA = {name: number for number, name in CGA_BY_NUMBER.items()}


@dataclass(frozen=True)
class Segment:
    """A finger's box inside a slap, pixels, origin top left (14.021 SEG), and its outline, 3 to 99 corners x, y
    (14.025 ASEG), empty when it is not known."""

    fgp: FGP
    left: int
    right: int
    top: int
    bottom: int
    outline: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Nfiq2:
    """A real NFIQ 2 score, 0 to 100, of one finger, and the CBEFF product id of the version that computed it."""

    fgp: FGP
    score: int
    product: int = NFIQ2_PRODUCT


@dataclass(frozen=True)
class TenprintImage:
    """One compressed impression. width, height: pixels; ppi: 500; cga: `WSQ20`; data: the compressed image.

    make, model, serial: the reader; simulated: True for a peer; quality: our own report, for the comment only;
    amputations: fingers missing from this image in addition to those given to `build`; captured: the date of
    capture, the transaction's when None; fap: the reader's profile, written only for a real reader; dmm: who was
    there (14.030), CONTROLLED when an officer takes the prints, None when it is not known; marks: why this print is
    not for production (station.policy.certification), empty for a simulated reader, which says so itself.
    """

    fgp: FGP
    imp: IMP
    width: int
    height: int
    ppi: int
    cga: str
    data: bytes
    make: str
    model: str
    serial: str
    simulated: bool
    quality: QualityReport | None = None
    nfiq2: tuple[Nfiq2, ...] = ()
    amputations: Mapping[FGP, AMP] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    captured: dt.date | None = None
    fap: int | None = None
    dmm: str | None = None
    marks: tuple[str, ...] = ()


def ordered(images: Sequence[TenprintImage]) -> list[TenprintImage]:
    """Rolled 1 to 10, then 13, 14, 11, 12, then others by position."""
    return sorted(images, key=lambda image: ORDER.index(image.fgp) if image.fgp in ORDER else image.fgp + 99)


def refuse_contradictions(images: Sequence[TenprintImage], missing: Mapping[FGP, AMP]) -> None:
    """Raise RecordError: record.duplicate_fgp, record.missing_finger_printed, record.image_size, record.wsq_ppi."""
    seen: set[FGP] = set()
    for image in images:
        if image.fgp in seen:
            raise RecordError(
                "record.duplicate_fgp", f"two images of position {image.fgp:d}", "keep one of them"
            )
        seen.add(image.fgp)
        shown = SLAP_FINGERS.get(image.fgp, (image.fgp,))
        if all(finger in missing for finger in shown):
            raise RecordError(
                "record.missing_finger_printed",
                f"position {image.fgp:d} has an image, and its finger is marked {missing[shown[0]].value}",
                "remove the mark, or the image",
            )
        _refuse_image(image)


def _refuse_image(image: TenprintImage) -> None:
    size = size_of(image.cga, image.data)
    if size is not None and size != (image.width, image.height):
        raise RecordError(
            "record.image_size",
            f"position {image.fgp:d} is said to be {image.width}×{image.height} and decodes to {size[0]}×{size[1]}",
        )
    if image.cga == "WSQ20" and image.ppi != 500:
        raise RecordError(
            "record.wsq_ppi",
            f"position {image.fgp:d} is WSQ at {image.ppi} ppi; WSQ is for 500 ppi only",
            "use JPEG 2000 for 1000 ppi",
        )


def amp_field(missing: Mapping[FGP, AMP]) -> Field:
    """2.084 AMP."""
    return repeated(84, [[f"{fgp:02d}", missing[fgp].value] for fgp in sorted(missing)])


def ima_field(image: TenprintImage) -> Field:
    """2.067 IMA, of the reader of this image."""
    return group(67, [_make(image)[:25].rstrip(), image.model[:25].rstrip() or "-", image.serial[:50] or "-"])


def _make(image: TenprintImage) -> str:
    if image.simulated and SIMULATED not in image.make.upper():
        return f"{SIMULATED} {image.make}".rstrip()
    if image.marks and not image.simulated:
        return f"{UNCERTIFIED} {image.make}".rstrip()
    return image.make or "-"


def type_14(
    idc: int, image: TenprintImage, missing: Mapping[FGP, AMP], source: str, header: Header
) -> TaggedRecord:
    """The image as a Type-14. source: ORI of the capturing agency."""
    shown = SLAP_FINGERS.get(image.fgp, ())
    absent = [[str(int(finger)), missing[finger].value] for finger in shown if finger in missing]
    comment = _comment(image)
    outlines = [_outline(each) for each in image.segments if each.outline]
    fields = [
        text(2, f"{idc:02d}"),
        text(3, str(int(image.imp))),
        text(4, source),
        text(5, date(image.captured or header.dat)),
        text(6, str(image.width)),
        text(7, str(image.height)),
        text(8, "1"),
        text(9, str(image.ppi)),
        text(10, str(image.ppi)),
        text(11, image.cga),
        text(12, "8"),
        text(13, str(int(image.fgp))),
        *([repeated(18, absent)] if absent else []),
        *([text(20, comment)] if comment else []),
        *([repeated(21, [_segment(each) for each in image.segments])] if image.segments else []),
        *([repeated(24, [_fqm(each) for each in image.nfiq2])] if image.nfiq2 else []),
        *([repeated(25, outlines)] if outlines else []),
        *([text(30, image.dmm)] if image.dmm else []),
        *([text(31, str(image.fap))] if image.fap and not (image.simulated or image.marks) else []),
        group(904, [_make(image)[:50].rstrip(), image.model[:50] or "-", image.serial[:50] or "-"]),
        text(996, hashlib.sha256(image.data).hexdigest()),
        data(image.data),
    ]
    return TaggedRecord(14, tuple(fields))


def _comment(image: TenprintImage) -> str:
    """Never cut in the middle of what it says: a quality that has no room is left out."""
    parts = [f"{SIMULATED} READER, NOT FROM A PERSON"] if image.simulated else []
    if image.marks:
        parts += ["TRAINING ONLY", image.marks[0]]
    if image.quality is not None:
        parts.append(f"STATION QUALITY {image.quality.score} OF 100 BY {image.quality.algorithm}, NOT NFIQ")
    while len("; ".join(parts)) > COMMENT:
        parts.pop()
    return "; ".join(parts)


def _segment(each: Segment) -> list[str]:
    return [str(int(each.fgp)), *(str(edge) for edge in (each.left, each.right, each.top, each.bottom))]


def _outline(each: Segment) -> list[str]:
    corners = (str(value) for corner in each.outline for value in corner)
    return [str(int(each.fgp)), str(len(each.outline)), *corners]


def _fqm(each: Nfiq2) -> list[str]:
    return [str(int(each.fgp)), str(each.score), NFIQ2_VENDOR, str(each.product)]


def type_4(idc: int, image: TenprintImage) -> BinaryRecord:
    """The image as a Type-4. Raises RecordError record.type_4 for what the record cannot say."""
    if image.ppi != 500 or image.fgp > 14 or image.cga not in TYPE_4_CGA:
        raise RecordError(
            "record.type_4",
            f"position {image.fgp:d} at {image.ppi} ppi in {image.cga} does not fit a Type-4 record",
            "use Type-14 records",
        )
    return type_four_record(
        TypeFour(
            idc,
            int(image.imp),
            (int(image.fgp),),
            0,
            image.width,
            image.height,
            TYPE_4_CGA[image.cga],
            image.data,
        )
    )
