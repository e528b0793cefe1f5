"""The tables of the standard as literal data: every field we write or check, with its form and where the rule is from.

Nothing is computed here. `validate` reads the tables; `tot/*` write by them. Sources, named in each row:

I13  ANSI/NIST-ITL 1-2011 Update 2013 (page where known); NIEM 6.0 biom.xsd for code lists
V91  FBI EBTS 9.1, IAFIS-DOC-01078-9.1 (25 May 2010), rules per transaction type
E10  FBI EBTS 10 draft change history (14 December 2012)
E10X FBI EBTS 10.0 XML service contracts: message templates and code lists
I112 FBI EBTS 11.2 XML templates (12 February 2025): same field numbers, newer occurrences

need: M mandatory, O optional, D depends (`validate` holds the condition).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from station.records import codes

A, N, AN, HEX = "[A-Za-z]", "[0-9]", "[A-Za-z0-9]", "[0-9A-Fa-f]"
NAME = "[A-Za-z ,-]"
AN_DASH = "[A-Za-z0-9-]"
PRINT = "[ -~]"
FREE = "[ -~\\t\\r\\n]"

Need = Literal["M", "O", "D"]


@dataclass(frozen=True)
class Item:
    """One information item: characters (a regular expression class), length in characters, allowed values.

    kind: `date` for CCYYMMDD, `date0` where 00000000 means unknown. soft: a value outside `values` is a warning.
    """

    mnemonic: str
    chars: str
    low: int
    high: int
    need: Need = "M"
    values: Collection[str] | None = None
    kind: Literal["", "date", "date0"] = ""
    soft: bool = False


@dataclass(frozen=True)
class FieldRule:
    """One field. items: of each subfield, in order; low, high: how many subfields it may have when present."""

    number: int
    mnemonic: str
    name: str
    need: Need
    items: tuple[Item, ...]
    source: str
    low: int = 1
    high: int = 1

    @property
    def grouped(self) -> bool:
        """True when a subfield has more than one item."""
        return len(self.items) > 1


Table = tuple[FieldRule, ...]


def one(
    number: int,
    mnemonic: str,
    name: str,
    need: Need,
    chars: str,
    size: tuple[int, int],
    source: str,
    high: int = 1,
    values: Collection[str] | None = None,
    kind: Literal["", "date", "date0"] = "",
    soft: bool = False,
) -> FieldRule:
    """A field whose subfields have one item."""
    item = Item(mnemonic, chars, size[0], size[1], "M", values, kind, soft)
    return FieldRule(number, mnemonic, name, need, (item,), source, 1, high)


_DATE = (8, 8)
_LEN = one(1, "LEN", "record length in bytes", "M", N, (1, 10), "I13 Annex B")
_IDC = one(2, "IDC", "link between CNT and record", "M", N, (1, 3), "I13 7.3.1; two digits in EBTS, V91")

TYPE_1: Table = (
    _LEN,
    one(2, "VER", "version", "M", N, (4, 4), "I13 fn 47", values=("0400", "0500", "0501", "0502"), soft=True),
    FieldRule(3, "CNT", "content", "M", (Item("REC", N, 1, 2), Item("IDC", N, 1, 3)), "I13 p.139", 1, 1000),
    one(4, "TOT", "type of transaction", "M", AN, (1, 16), "I13 p.139"),
    one(5, "DAT", "date", "M", N, _DATE, "I13 p.139; V91 one day ahead at most", kind="date"),
    one(6, "PRY", "priority, 1 most urgent", "O", "[1-9]", (1, 1), "V91"),
    one(7, "DAI", "destination agency", "M", PRINT, (1, 64), "I13 p.139; V91: 9 AN"),
    one(8, "ORI", "originating agency", "M", PRINT, (1, 64), "I13 p.139; V91: 9 AN"),
    one(9, "TCN", "control number", "M", PRINT, (10, 40), "V91"),
    one(10, "TCR", "control number answered", "D", PRINT, (1, 40), "V91: responses only"),
    one(11, "NSR", "native scanning resolution, px/mm", "M", "[0-9.]", (5, 5), "I13 p.139; I112"),
    one(12, "NTR", "nominal resolution, px/mm", "M", "[0-9.]", (5, 5), "I13 p.139; I112"),
    FieldRule(
        13,
        "DOM",
        "domain",
        "D",
        (Item("DNM", PRINT, 1, 64), Item("DVN", PRINT, 0, 64, "O")),
        "I112: required; NORAM US EBTS 11.1",
    ),
    one(14, "GMT", "time, UTC", "O", "[0-9Z]", (15, 15), "I13 p.489"),
    FieldRule(
        15,
        "DCS",
        "character sets",
        "O",
        (Item("CSI", N, 1, 3), Item("CSN", PRINT, 1, 32), Item("CSV", PRINT, 0, 32, "O")),
        "V91; I13",
        1,
        99,
    ),
    FieldRule(
        16,
        "APS",
        "application profile",
        "O",
        (Item("APO", PRINT, 1, 64), Item("APN", PRINT, 1, 64), Item("APV", PRINT, 1, 64)),
        "I13",
        1,
        99,
    ),
    FieldRule(
        17,
        "ANM",
        "agency names",
        "O",
        (Item("DAN", PRINT, 0, 125, "O"), Item("OAN", PRINT, 0, 125, "O")),
        "I13",
    ),
    one(18, "GNS", "geographic name set", "O", A, (3, 4), "I13, from memory"),
)

CGA_BY_NUMBER = {0: "NONE", 1: "WSQ20", 2: "JPEGB", 3: "JPEGL", 4: "JP2", 5: "JP2L", 6: "PNG"}
"""Compression: the byte of a Type-4 and the string of a Type-14 (NIEM 6.0)."""

FRICTION_IMP = frozenset({*range(9), *range(20, 30), 41, 42})
"""IMP of fingerprints (NIEM 6.0); toward the FBI only 0 and 1 are used."""

FINGER_FGP = frozenset({*range(20), 33, 36, *range(40, 55)})
"""FGP of a Type-14 (I13 p.353; 51 to 54 from NIEM 6.0)."""

MAX_PIXELS = (
    dict.fromkeys(range(1, 11), (800, 750))
    | {11: (500, 1000), 12: (500, 1000), 13: (1600, 1500), 14: (1600, 1500), 15: (1600, 1500)}
    | dict.fromkeys(range(40, 46), (800, 750))
)
"""Width and height at 500 ppi (I13, from memory; consistent with FBI capture areas): more is a warning."""

_FRICTION = [str(code) for code in sorted(FRICTION_IMP)]
_FINGERS = [str(code) for code in sorted(FINGER_FGP)]
_PRINTED = (*(str(number) for number in (*range(1, 11), 16, 17)), *codes.FINGER)
_VIEWS, _SEGMENTS = ("FV1", "FV2", "FV3", "FV4"), ("PRX", "DST", "MED")
_SIDE = (1, 5)

TYPE_14: Table = (
    _LEN,
    _IDC,
    one(3, "IMP", "impression type", "M", N, (1, 2), "I13; NIEM", values=_FRICTION),
    one(4, "SRC", "capturing agency", "M", PRINT, (9, 36), "V91: 9-20 and more"),
    one(5, "FCD", "capture date", "M", N, _DATE, "I13", kind="date"),
    one(6, "HLL", "pixels per line", "D", N, _SIDE, "I13: with 999"),
    one(7, "VLL", "lines", "D", N, _SIDE, "I13: with 999"),
    one(8, "SLC", "scale units", "D", N, (1, 1), "E10: the FBI takes 1 and 2 only", values=("1", "2")),
    one(9, "THPS", "pixels per unit, across", "D", N, _SIDE, "I13"),
    one(10, "TVPS", "pixels per unit, down", "D", N, _SIDE, "I13"),
    one(11, "CGA", "compression", "D", AN, (3, 5), "I13", values=tuple(CGA_BY_NUMBER.values())),
    one(12, "BPX", "bits per pixel", "D", N, (1, 2), "I13", values=("8",)),
    one(13, "FGP", "position", "M", N, (1, 2), "I13 p.353", values=_FINGERS),
    FieldRule(
        14,
        "PPD",
        "position of a tip",
        "D",
        (
            Item("DFP", N, 1, 2, values=_FINGERS, soft=True),
            Item("FIC", AN, 3, 3, values=("EJI", "TIP", *_VIEWS, *_SEGMENTS), soft=True),
        ),
        "I13 p.353",
    ),
    FieldRule(
        15,
        "PPC",
        "coordinates of a tip",
        "D",
        (
            Item("FVC", AN, 2, 3, values=("EJI", "TIP", "NA", *_VIEWS), soft=True),
            Item("LOS", A, 2, 3, values=("NA", "UNK", *_SEGMENTS), soft=True),
            *(Item(name, N, 1, 5) for name in ("LHC", "RHC", "TVC", "BVC")),
        ),
        "I13 p.353",
        1,
        12,
    ),
    one(16, "SHPS", "scanned density across", "O", N, _SIDE, "I13"),
    one(17, "SVPS", "scanned density down", "O", N, _SIDE, "I13"),
    FieldRule(
        18,
        "AMP",
        "fingers not in this image",
        "O",
        (Item("FRAP", N, 1, 2, values=_PRINTED, soft=True), Item("ABC", A, 2, 2, values=(*codes.AMP, "SR"))),
        "I13; NIEM for SR",
        1,
        5,
    ),
    one(20, "COM", "comment", "O", PRINT, (1, 126), "I13"),
    FieldRule(
        21,
        "SEG",
        "finger boxes, origin top left",
        "D",
        (Item("FRSP", N, 1, 2), *(Item(name, N, 1, 5) for name in ("LHC", "RHC", "TVC", "BVC"))),
        "I13",
        1,
        5,
    ),
    FieldRule(22, "NQM", "NFIQ 1, legacy", "O", (Item("FRNP", N, 1, 2), Item("IQS", N, 1, 3)), "V91", 1, 5),
    FieldRule(
        23,
        "SQM",
        "segmentation quality",
        "O",
        (Item("FRQP", N, 1, 2), Item("QVU", N, 1, 3), Item("QAV", HEX, 4, 4), Item("QAP", N, 1, 5)),
        "I13",
        1,
        45,
    ),
    FieldRule(
        24,
        "FQM",
        "finger quality",
        "O",
        (Item("FRMP", N, 1, 2), Item("QVU", N, 1, 3), Item("QAV", HEX, 4, 4), Item("QAP", N, 1, 5)),
        "I13; NFIQ 2 is vendor 0101",
        1,
        45,
    ),
    FieldRule(25, "ASEG", "finger outlines", "O", (Item("FRAS", N, 1, 2), Item("NOP", N, 1, 2)), "I13", 1, 5),
    one(26, "SCF", "simultaneous capture", "O", N, (1, 3), "I13"),
    one(27, "SIF", "stitched", "O", A, (1, 1), "I13", values=("Y",)),
    one(
        30,
        "DMM",
        "device monitoring mode",
        "O",
        A,
        (7, 10),
        "I13",
        values=("CONTROLLED", "ASSISTED", "OBSERVED", "UNATTENDED", "UNKNOWN"),
    ),
    one(31, "FAP", "acquisition profile", "O", N, (2, 3), "I13"),
    one(46, "SUB", "subject condition", "O", PRINT, (1, 99), "I13"),
    one(47, "CON", "capture organisation", "O", PRINT, (1, 1000), "I13"),
    one(200, "ISC", "image source", "O", PRINT, (1, 99), "I112"),
    one(901, "FCT", "capture technology", "O", N, (1, 2), "NIEM"),
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
"""Type-14 without 999. ASEG, ANN, ASC, SOR, GEO are checked for their first items only."""

LOOSE_14 = frozenset({25, 902, 995, 997, 998})
"""Fields of TYPE_14 with more items than the table tells; only their presence is known here."""
