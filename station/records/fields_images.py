"""Tables of the image records beside Type-14: 4 (binary), 10 (face, scars), 13 (latent), 15 (palm); and 98 (assurance).

Sources as in `fields.py`; `mem` marks what no second public source confirmed: it is checked for form only.
Fields with more items than a table can tell are in LOOSE.
"""

from __future__ import annotations

from dataclasses import dataclass

from station.records import codes
from station.records.fields import (
    AN,
    CGA_BY_NUMBER,
    FRICTION_IMP,
    HEX,
    PRINT,
    FieldRule,
    Item,
    Need,
    Table,
    one,
)
from station.records.fields import A as LETTER
from station.records.fields import N as DIGIT


@dataclass(frozen=True)
class BinaryRule:
    """One field of the Type-4 header. at, size: bytes; values: allowed numbers, None for any."""

    number: int
    mnemonic: str
    name: str
    at: int
    size: int
    source: str
    values: frozenset[int] | None = None


TYPE_4: tuple[BinaryRule, ...] = (
    BinaryRule(1, "LEN", "record length in bytes", 0, 4, "NBIS; I13"),
    BinaryRule(2, "IDC", "link between CNT and record", 4, 1, "NBIS; I13", frozenset(range(100))),
    BinaryRule(3, "IMP", "impression type", 5, 1, "NIEM", FRICTION_IMP),
    BinaryRule(
        4, "FGP", "position, 255 for unused bytes", 6, 6, "V91: 0 to 14", frozenset({*range(15), 255})
    ),
    BinaryRule(5, "ISR", "0 the minimum resolution, 1 the native one", 12, 1, "NBIS", frozenset({0, 1})),
    BinaryRule(6, "HLL", "pixels per line", 13, 2, "NBIS", frozenset(range(10, 65536))),
    BinaryRule(7, "VLL", "lines", 15, 2, "NBIS", frozenset(range(10, 65536))),
    BinaryRule(8, "CGA", "compression", 17, 1, "NIEM", frozenset(CGA_BY_NUMBER)),
)
"""Field 9, DATA, is all that follows byte 18."""

PALM_FGP = frozenset({*range(20, 39), *range(81, 87)})
"""15.013 (NIEM 6.0)."""
PALM_IMP = frozenset({10, 11, 28, 29})
LATENT_IMP = frozenset({*range(4, 8), *range(12, 16), 28, 29, *range(32, 40)})

_DATE = (8, 8)
_SIDE = (1, 5)


def _head(kind: str, imp: FieldRule | None, date: str) -> Table:
    """What every image record begins with: LEN, IDC, impression or image type, agency, date."""
    rules = [
        one(1, "LEN", "record length in bytes", "M", DIGIT, (1, 10), "I13 Annex B"),
        one(2, "IDC", "link between CNT and record", "M", DIGIT, (1, 3), "I13 7.3.1"),
        *([imp] if imp else []),
        one(4, "SRC", f"agency of the {kind}", "M", PRINT, (9, 36), "V91: 9-20 and more"),
        one(5, date, f"date of the {kind}", "M", DIGIT, _DATE, "I13", kind="date"),
    ]
    return tuple(rules)


def _grid(with_bpx: bool = True) -> Table:
    """Size, scale, compression of a record with field 999."""
    rules = [
        one(6, "HLL", "pixels per line", "D", DIGIT, _SIDE, "I13: with 999"),
        one(7, "VLL", "lines", "D", DIGIT, _SIDE, "I13: with 999"),
        one(8, "SLC", "scale units", "D", DIGIT, (1, 1), "I13", values=("0", "1", "2")),
        one(9, "THPS", "pixels per unit, across", "D", DIGIT, _SIDE, "I13"),
        one(10, "TVPS", "pixels per unit, down", "D", DIGIT, _SIDE, "I13"),
        one(11, "CGA", "compression", "D", AN, (3, 5), "I13", values=tuple(CGA_BY_NUMBER.values())),
    ]
    if with_bpx:
        rules.append(one(12, "BPX", "bits per pixel", "D", DIGIT, (1, 2), "I13", values=("8", "16")))
    return tuple(rules)


_SCANNED = (
    one(16, "SHPS", "scanned density across", "O", DIGIT, _SIDE, "I13"),
    one(17, "SVPS", "scanned density down", "O", DIGIT, _SIDE, "I13"),
)

_TAIL: Table = (
    one(46, "SUB", "subject condition", "O", PRINT, (1, 99), "I13"),
    one(47, "CON", "capture organisation", "O", PRINT, (1, 1000), "I13"),
    one(902, "ANN", "annotation", "O", PRINT, (1, 1000), "I13"),
    one(903, "DUI", "device id", "O", AN, (13, 16), "I13"),
    FieldRule(
        904,
        "MMS",
        "make, model, serial",
        "O",
        (Item("MAK", PRINT, 1, 50), Item("MOD", PRINT, 1, 50), Item("SER", PRINT, 1, 50)),
        "I13",
    ),
    one(993, "SAN", "agency name", "O", PRINT, (1, 125), "I13"),
    one(994, "EFR", "external file", "D", PRINT, (1, 200), "I13: instead of 999"),
    one(995, "ASC", "associated context", "O", PRINT, (1, 99), "I13"),
    one(996, "HAS", "SHA-256 of the image data", "O", HEX, (64, 64), "I13 p.240"),
    one(997, "SOR", "source representation", "O", PRINT, (1, 99), "I13"),
    one(998, "GEO", "place of capture", "O", PRINT, (1, 1000), "I13"),
)


def _quality(number: int, mnemonic: str, finger: str, name: str) -> FieldRule:
    items = (
        Item(finger, DIGIT, 1, 2),
        Item("QVU", DIGIT, 1, 3),
        Item("QAV", HEX, 4, 4),
        Item("QAP", DIGIT, 1, 5),
    )
    return FieldRule(number, mnemonic, name, "O", items, "I13", 1, 9)


def _codes(
    number: int, mnemonic: str, name: str, need: Need, allowed: frozenset[int], high: int = 1
) -> FieldRule:
    return one(number, mnemonic, name, need, DIGIT, (1, 2), "NIEM", high, tuple(map(str, sorted(allowed))))


TYPE_13: Table = (
    *_head("latent", _codes(3, "IMP", "impression type", "M", LATENT_IMP), "LCD"),
    *_grid(),
    _codes(
        13,
        "FGP",
        "possible positions",
        "M",
        frozenset({*range(20), *range(20, 39), *range(40, 55), *range(81, 87)}),
        6,
    ),
    *_SCANNED,
    one(20, "COM", "comment", "O", PRINT, (1, 126), "I13"),
    _quality(24, "LQM", "FRMP", "latent quality"),
    *_TAIL,
)

TYPE_15: Table = (
    *_head("palm print", _codes(3, "IMP", "impression type", "M", PALM_IMP), "PCD"),
    *_grid(),
    _codes(13, "FGP", "palm position", "M", PALM_FGP),
    *_SCANNED,
    FieldRule(
        18,
        "AMP",
        "parts not in this image",
        "O",
        (Item("FRAP", DIGIT, 1, 2), Item("ABC", LETTER, 2, 2, values=(*codes.AMP, "SR"))),
        "I13; NIEM for SR",
        1,
        9,
    ),
    one(20, "COM", "comment", "O", PRINT, (1, 126), "I13"),
    _quality(24, "PQM", "FRMP", "palm quality"),
    one(
        30,
        "DMM",
        "device monitoring mode",
        "O",
        LETTER,
        (7, 10),
        "I13",
        values=("CONTROLLED", "ASSISTED", "OBSERVED", "UNATTENDED", "UNKNOWN"),
    ),
    *_TAIL,
)

_IMT = (
    *(
        "FACE",
        "SCAR",
        "MARK",
        "TATTOO",
        "FRONTAL-C",
        "REAR-C",
        "FRONTAL-N",
        "REAR-N",
        "TORSO-BACK",
        "TORSO-FRONT",
    ),
    *("CONDITION", "MISSING", "OTHER", "CHEST", "FEET", "HANDS-PALM", "HANDS-BACK", "GENITALS", "BUTTOCKS"),
    *("RIGHT LEG", "LEFT LEG", "RIGHT ARM", "LEFT ARM"),
)
"""10.003 (EBTS 10.0)."""

TYPE_10: Table = (
    *_head(
        "photograph",
        one(3, "IMT", "image type", "M", "[A-Z0-9 -]", (4, 11), "E10X", values=_IMT, soft=True),
        "PHD",
    ),
    *_grid(with_bpx=False),
    one(
        12,
        "CSP",
        "colour space",
        "D",
        AN,
        (3, 4),
        "I13, mem",
        values=("UNK", "GRAY", "RGB", "SRGB", "YCC", "SYCC"),
        soft=True,
    ),
    one(13, "SAP", "subject acquisition profile", "D", DIGIT, (1, 2), "I13, mem: FACE only"),
    *_SCANNED,
    one(20, "POS", "subject pose", "O", LETTER, (1, 1), "I13, mem", values=("F", "R", "L", "A", "D")),
    one(21, "POA", "pose offset angle", "O", "[0-9-]", (1, 4), "I13, mem"),
    one(26, "SXS", "photo attributes", "O", PRINT, (3, 20), "I13, mem", 50),
    one(27, "SEC", "eye colour", "O", LETTER, (3, 3), "V91", values=codes.EYE),
    one(28, "SHC", "hair colour", "O", LETTER, (3, 3), "V91", 2, values=codes.HAI),
    one(38, "COM", "comment", "O", PRINT, (1, 126), "I13, mem"),
    one(40, "SMT", "NCIC code of the mark", "D", "[A-Za-z ]", (3, 10), "V91", 3),
    *_TAIL,
)

TYPE_98: Table = (
    one(1, "LEN", "record length in bytes", "M", DIGIT, (1, 10), "I13 Annex B"),
    one(2, "IDC", "link between CNT and record", "M", DIGIT, (1, 3), "I13 7.3.1"),
    one(3, "DFO", "owner of the assurance format (CBEFF)", "M", HEX, (4, 4), "mem; NIEM name"),
    one(4, "SRC", "agency that made the data", "M", PRINT, (9, 36), "mem; NIEM name"),
    one(5, "DFT", "format under that owner", "M", PRINT, (1, 4), "mem; NIEM name"),
    one(6, "DCD", "time, UTC", "M", "[0-9Z]", (15, 15), "mem; NIEM name"),
    FieldRule(
        900,
        "ALF",
        "audit log",
        "O",
        (
            Item("EVT", LETTER, 5, 9, values=("Added", "Modified", "Deleted", "Corrupted")),
            Item("EVR", PRINT, 1, 200),
            Item("IID", "[0-9A,N.-]", 4, 60),
            Item("AGT", PRINT, 1, 200),
            Item("OLD", "[ -~]", 0, 100_000, "O"),
        ),
        "I13 p.469; NIEM",
        1,
        1000,
    ),
    one(901, "ARN", "audit revision", "O", DIGIT, (1, 3), "NIEM"),
    one(993, "SAN", "agency name", "O", PRINT, (1, 125), "I13"),
)
"""98.200 to 98.899 belong to the owner of the format."""

LOOSE = {
    10: frozenset({902, 995, 997, 998}),
    13: frozenset({902, 995, 997, 998}),
    15: frozenset({902, 995, 997, 998}),
}
"""Fields with more items than the tables tell; only their presence is known here."""
