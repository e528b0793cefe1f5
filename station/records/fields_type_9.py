"""The table of Type-9: the head, the legacy block 9.005 to 9.012 and the INCITS 378 block 9.126 to 9.141.

Blocks of vendors are theirs: their fields are kept and not looked at. Sources as in `fields.py`; `mem` marks what no
second public source confirmed.
"""

from __future__ import annotations

from station.records.fields import AN, FRICTION_IMP, HEX, PRINT, FieldRule, Item, Table, one
from station.records.fields import A as LETTER
from station.records.fields import N as DIGIT

INCITS = range(126, 151)
NEEDED = (126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136)
"""What a record with the INCITS 378 block must have of it; the minutiae themselves may be none."""
VENDORS = frozenset({*range(13, 126), *range(151, 200)})
_SIDE = (1, 5)
_SOURCE = "I13 p.157 and p.179-182; mem"


def _point(name: str, *angles: str) -> tuple[Item, ...]:
    """A core or delta: x and y in pixels, angles of 2 degrees, which may be absent."""
    place = (Item(f"{name}X", DIGIT, 1, 5), Item(f"{name}Y", DIGIT, 1, 5))
    return (*place, *(Item(angle, DIGIT, 1, 3, "O") for angle in angles))


TYPE_9: Table = (
    one(1, "LEN", "record length in bytes", "M", DIGIT, (1, 10), "I13 Annex B"),
    one(2, "IDC", "link between CNT and record", "M", DIGIT, (1, 3), "I13 7.3.1"),
    one(
        3, "IMP", "impression type", "M", DIGIT, (1, 2), "NIEM",
        values=tuple(map(str, sorted(FRICTION_IMP))),
    ),
    one(4, "FMT", "S legacy, U another block", "M", LETTER, (1, 1), "I13 p.157", values=("S", "U")),
    FieldRule(
        5, "OFR", "originating fingerprint reading system", "D",
        (
            Item("NAM", PRINT, 1, 20), Item("MET", LETTER, 1, 1, values=("A", "E", "M", "U")),
            Item("SYS", PRINT, 0, 6, "O"),
        ),
        "V91",
    ),
    one(6, "FGP", "position", "D", DIGIT, (1, 2), "V91", 6),
    FieldRule(
        7, "FPC", "pattern", "D", (Item("TYP", LETTER, 1, 1, values=("T", "U")), Item("PAT", AN, 1, 8)), "V91", 1, 3
    ),
    one(8, "CRP", "core, 0.01 mm", "O", DIGIT, (8, 8), "V91", 5),
    one(9, "DLT", "delta, 0.01 mm", "O", DIGIT, (8, 8), "V91", 5),
    one(10, "MIN", "number of minutiae", "D", DIGIT, (1, 3), "V91"),
    one(11, "RDG", "ridge counts are given", "D", DIGIT, (1, 1), "V91", values=("0", "1")),
    one(12, "MRC", "minutiae and ridge counts", "D", PRINT, (1, 20), "V91", 254),
    FieldRule(
        126, "CBI", "format", "D",
        (Item("CFO", DIGIT, 1, 4), Item("CFT", DIGIT, 1, 4), Item("CPI", DIGIT, 1, 5)),
        _SOURCE,
    ),
    FieldRule(127, "CEI", "capture equipment", "D", (Item("AFS", PRINT, 1, 4), Item("CID", PRINT, 1, 9)), _SOURCE),
    one(128, "HLL", "pixels per line", "D", DIGIT, _SIDE, _SOURCE),
    one(129, "VLL", "lines", "D", DIGIT, _SIDE, _SOURCE),
    one(130, "SLC", "scale units", "D", DIGIT, (1, 1), _SOURCE, values=("1", "2")),
    one(131, "THPS", "pixels per unit, across", "D", DIGIT, _SIDE, _SOURCE),
    one(132, "TVPS", "pixels per unit, down", "D", DIGIT, _SIDE, _SOURCE),
    one(133, "FVW", "view", "D", DIGIT, (1, 2), _SOURCE, values=tuple(map(str, range(16)))),
    one(134, "FGP", "position", "D", DIGIT, (1, 2), _SOURCE, values=tuple(map(str, range(19)))),
    FieldRule(
        135, "FQD", "quality", "D",
        (Item("QVU", DIGIT, 1, 3), Item("QAV", HEX, 1, 4), Item("QAP", DIGIT, 1, 5)),
        _SOURCE, 1, 9,
    ),
    one(136, "NOM", "number of minutiae", "D", DIGIT, (1, 3), _SOURCE),
    FieldRule(
        137, "FMD", "minutiae", "D",
        (
            Item("MAN", DIGIT, 1, 3), Item("MXC", DIGIT, 1, 5), Item("MYC", DIGIT, 1, 5),
            Item("MAV", DIGIT, 1, 3, values=tuple(map(str, range(180)))),
            Item("M_T", DIGIT, 1, 1, values=("0", "1", "2")), Item("QOM", DIGIT, 1, 3),
        ),
        _SOURCE, 1, 255,
    ),
    FieldRule(138, "RCI", "ridge counts", "O", (Item("REM", PRINT, 1, 99),), _SOURCE, 1, 2000),
    FieldRule(139, "CIN", "cores", "O", _point("C", "CAN"), _SOURCE, 1, 9),
    FieldRule(140, "DIN", "deltas", "O", _point("D", "DAN1", "DAN2", "DAN3"), _SOURCE, 1, 9),
    FieldRule(141, "ADA", "additional delta angles", "O", (Item("DAN", PRINT, 1, 99),), _SOURCE, 1, 99),
)  # fmt: skip

LOOSE_9 = frozenset({12, 138, 141})
"""Their items depend on the first of them."""
