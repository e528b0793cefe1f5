"""CAR: criminal tenprint submission, answer required. Subject and prints in, Transaction out.

FBI EBTS 9.1 (IAFIS-DOC-01078-9.1) with the newer limits of EBTS 11.2. Prints are Type-14 records with WSQ at 500 ppi:
FGP 1 to 10 rolled (IMP 1), then 13, 14, 11, 12 plain (IMP 0). A finger that is not printed has no rolled record; it
stands in 2.084 AMP and in 14.018 AMP of the plain impression it is missing from. A simulated reader is called
SIMULATED in 2.067 IMA, 14.904 MMS and 14.020 COM. Our own quality score is written in 14.020 as a comment and never in
14.024 FQM, which is for registered algorithms: there goes a real NFIQ 2 score or nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from station.errors import RecordError
from station.friction_ridge import AMP, FGP, IMP, SLAP_FINGERS, QualityReport
from station.records import type_2
from station.records.fields import TYPE_2_CAR
from station.records.header import Header, date, transaction
from station.records.images import size_of
from station.records.transaction import Field, TaggedRecord, Transaction, data, group, repeated, text

TOT = "CAR"
TYPE_2 = TYPE_2_CAR
RESPONSE = False
RECORDS = {2: (1, 1), 4: (0, 14), 14: (0, 46), 7: (0, 2), 10: (0, 25), 13: (0, 2), 15: (0, 10), 17: (0, 2)}
"""How many records of each type (EBTS 11.2 template; 13 as EBTS 9.1). At least one Type-4 or Type-14."""

ORDER = (*range(1, 11), 13, 14, 11, 12)
"""The order of the images in the file."""

ROUTINE_CRIMINAL = 4
SIMULATED = "SIMULATED"
NFIQ2_VENDOR, NFIQ2_PRODUCT = "0101", 57
"""CBEFF ids of NFIQ 2 (ISO/IEC JTC 1 SC 37) and of its version 2.3."""


@dataclass(frozen=True)
class Segment:
    """A finger's box inside a slap, pixels, origin top left (14.021 SEG)."""

    fgp: FGP
    left: int
    right: int
    top: int
    bottom: int


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
    capture, the transaction's when None; fap: the reader's profile, written only for a real reader.
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


def build(
    header: Header,
    subject: Mapping[str, object],
    images: Sequence[TenprintImage],
    amputations: Mapping[FGP, AMP] | None = None,
) -> Transaction:
    """A complete CAR. subject: Type-2 values by mnemonic (see `type_2`); IMA and AMP are filled in here.

    Raises RecordError for what must not be written: separators and other unwritable values, unknown fields, two
    images of one position, a print of a finger that is said to be missing, an image whose size or resolution is not
    what it says. What is only incomplete is `validate`'s to find.
    """
    missing = dict(amputations or {})
    for image in images:
        missing |= image.amputations
    ordered = sorted(
        images, key=lambda image: ORDER.index(image.fgp) if image.fgp in ORDER else image.fgp + 99
    )
    _refuse_contradictions(ordered, missing)
    extra = [_amp(missing)] if missing else []
    extra += [_ima(ordered[0])] if ordered else []
    records = [type_2.record(TYPE_2, subject, extra)]
    source = _first_cri(records[0]) or header.ori
    records += [_type_14(idc, image, missing, source, header) for idc, image in enumerate(ordered, start=1)]
    pry = header.pry or ROUTINE_CRIMINAL
    with_priority = Header(header.tcn, header.dai, header.ori, header.dat, header.gmt, header.tcr, pry)
    return transaction(TOT, with_priority, records)


def example(header: Header, images: Sequence[TenprintImage]) -> Transaction:
    """A synthetic, valid CAR around the given images: for `build --example` and the contract test."""
    today = date(header.dat)
    subject = {
        "RET": "Y",
        "NAM": "SAMPLE,SYNTHETIC PERSON",
        "POB": "XX",
        "DOB": "19800229",
        "SEX": "X",
        "RAC": "U",
        "HGT": "510",
        "WGT": "170",
        "EYE": "XXX",
        "HAI": "XXX",
        "DOA": today,
        "ASL": {"DOO": today, "AOL": "SYNTHETIC OFFENCE"},
        "CRI": header.ori,
    }
    return build(header, subject, images)


def _refuse_contradictions(images: Sequence[TenprintImage], missing: Mapping[FGP, AMP]) -> None:
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


def _first_cri(subject: TaggedRecord) -> str | None:
    rows = subject.rows(73)
    return rows[0][0] if rows else None


def _amp(missing: Mapping[FGP, AMP]) -> Field:
    return repeated(84, [[f"{fgp:02d}", missing[fgp].value] for fgp in sorted(missing)])


def _ima(image: TenprintImage) -> Field:
    return group(67, [_make(image)[:25].rstrip(), image.model[:25].rstrip() or "-", image.serial[:50] or "-"])


def _make(image: TenprintImage) -> str:
    if image.simulated and SIMULATED not in image.make.upper():
        return f"{SIMULATED} {image.make}".rstrip()
    return image.make or "-"


def _type_14(
    idc: int, image: TenprintImage, missing: Mapping[FGP, AMP], source: str, header: Header
) -> TaggedRecord:
    shown = SLAP_FINGERS.get(image.fgp, ())
    absent = [[str(int(finger)), missing[finger].value] for finger in shown if finger in missing]
    comment = _comment(image)
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
        *([text(31, str(image.fap))] if image.fap and not image.simulated else []),
        group(904, [_make(image)[:50].rstrip(), image.model[:50] or "-", image.serial[:50] or "-"]),
        text(996, hashlib.sha256(image.data).hexdigest()),
        data(image.data),
    ]
    return TaggedRecord(14, tuple(fields))


def _comment(image: TenprintImage) -> str:
    parts = [f"{SIMULATED} READER, NOT FROM A PERSON"] if image.simulated else []
    if image.quality is not None:
        parts.append(f"STATION QUALITY {image.quality.score} OF 100 BY {image.quality.algorithm}, NOT NFIQ")
    return "; ".join(parts)[:126].rstrip()


def _segment(each: Segment) -> list[str]:
    return [str(int(each.fgp)), *(str(edge) for edge in (each.left, each.right, each.top, each.bottom))]


def _fqm(each: Nfiq2) -> list[str]:
    return [str(int(each.fgp)), str(each.score), NFIQ2_VENDOR, str(each.product)]
