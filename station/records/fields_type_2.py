"""The fields of Type-2 and which transaction type has which: literal data, and one lookup.

V91 (EBTS 9.1, tables D-1 and E-1) says mandatory or optional for each type; I112 adds NDR to the criminal types. UHN
and RBN are not in V91: their fields are those of the other responses, optional (I112, mem). What a bureau sends is
read with patience: of a response only SRF and MSG are asked for. Sources as in `fields.py`.
"""

from __future__ import annotations

import functools

from station.records import codes
from station.records.fields import AN, AN_DASH, FREE, NAME, PRINT, A, FieldRule, Item, N, Need, Table, one

_DATE = (8, 8)

RULES: Table = (
    one(1, "LEN", "record length in bytes", "M", N, (1, 10), "I13 Annex B"),
    one(2, "IDC", "link between CNT and record", "M", N, (1, 3), "I13 7.3.1; two digits in EBTS, V91"),
    one(5, "RET", "keep in the FBI's criminal file", "O", A, (1, 1), "V91", values=codes.YES_NO),
    one(6, "ATN", "attention", "O", "[ -\\-/-~]", (3, 30), "V91: no periods"),
    one(7, "SCO", "send copy to", "O", PRINT, (9, 19), "V91", 9),
    one(9, "OCA", "your case number", "O", "[ -\\-/-~]", (1, 20), "V91: no periods, not a blank first"),
    one(14, "FBI", "FBI number (UCN)", "O", AN, (1, 9), "V91", 5),
    one(15, "SID", "state identification number", "O", AN_DASH, (3, 10), "V91"),
    one(16, "SOC", "social security number", "O", N, (9, 9), "V91", 4),
    one(17, "MNU", "miscellaneous number", "O", AN_DASH, (4, 15), "V91", 4),
    one(18, "NAM", "name, SURNAME,GIVEN MIDDLE", "O", NAME, (3, 50), "V91: 30; E10: 50"),
    one(19, "AKA", "aliases", "O", "[A-Za-z0-9 ,&-]", (3, 50), "V91: 30; E10: 50", 10),
    one(20, "POB", "place of birth", "O", A, (2, 2), "V91", values=codes.POB, soft=True),
    one(21, "CTZ", "citizenship", "O", A, (2, 2), "V91: 1; E10: 10", 10, values=codes.CTZ, soft=True),
    one(22, "DOB", "date of birth", "O", N, _DATE, "V91: 00000000 unknown", 5, kind="date0"),
    one(24, "SEX", "sex", "O", A, (1, 1), "V91", values=codes.SEX),
    one(25, "RAC", "race", "O", A, (1, 1), "V91", values=codes.RAC),
    one(
        26, "SMT", "scars, marks, tattoos", "O", "[A-Za-z ]", (3, 10), "V91", 10, values=codes.SMT, soft=True
    ),
    one(27, "HGT", "height, feet and inches or Nnn", "O", "[0-9N]", (3, 3), "V91: 400-711, N48-N95, 000"),
    one(29, "WGT", "weight, pounds", "O", N, (3, 3), "V91: 050-499, 000 unknown"),
    one(31, "EYE", "eyes", "O", A, (3, 3), "V91", values=codes.EYE),
    one(32, "HAI", "hair", "O", A, (3, 3), "V91; NIEM 6.0 for STR", values=codes.HAI),
    one(35, "PPA", "palm prints available", "O", A, (1, 1), "V91", values=codes.YES),
    one(36, "PHT", "photo available", "O", A, (1, 1), "V91", values=codes.YES),
    one(39, "EAD", "employer and address", "O", FREE, (1, 120), "V91"),
    one(40, "OCP", "occupation", "O", FREE, (1, 50), "V91"),
    one(41, "RES", "residence", "O", FREE, (1, 120), "V91"),
    one(45, "DOA", "date of arrest", "O", N, _DATE, "V91: not after the submission", kind="date"),
    FieldRule(
        47,
        "ASL",
        "arrest segment: offence date, offence",
        "O",
        (Item("DOO", N, 8, 8, "O", kind="date"), Item("AOL", FREE, 1, 300)),
        "V91",
        1,
        40,
    ),
    FieldRule(
        51,
        "CSL",
        "court segment",
        "O",
        (Item("CDD", N, 8, 8, "O", kind="date"), Item("COL", FREE, 1, 300), Item("CPL", FREE, 1, 300)),
        "V91",
        1,
        40,
    ),
    one(54, "SSD", "custody status from", "O", N, _DATE, "V91: not before DOA", kind="date"),
    one(55, "SLE", "custody status", "O", FREE, (1, 300), "V91: needs SSD"),
    one(56, "ICO", "caution", "O", FREE, (1, 50), "V91"),
    FieldRule(
        67,
        "IMA",
        "image capture equipment",
        "O",
        (Item("MAK", PRINT, 1, 25), Item("MODL", PRINT, 1, 25), Item("SERNO", PRINT, 1, 50)),
        "V91",
    ),
    one(70, "RAP", "rap sheet wanted", "O", A, (1, 1), "V91", values=codes.YES_NO),
    one(73, "CRI", "controlling agency (booking ORI)", "O", AN, (1, 9), "V91", 3),
    FieldRule(
        84,
        "AMP",
        "fingers not printed",
        "O",
        (Item("FGP", N, 2, 2, values=codes.FINGER, soft=True), Item("AMPCD", A, 2, 2, values=codes.AMP)),
        "V91: 10; I112: 13",
        1,
        13,
    ),
    one(87, "TAA", "treat as adult", "O", A, (1, 1), "V91", values=codes.YES),
    FieldRule(
        10,
        "CIN",
        "contributor's case",
        "O",
        (Item("CIN_PRE", PRINT, 1, 24), Item("CIN_ID", PRINT, 1, 24)),
        "V91",
        1,
        5,
    ),
    one(11, "CIX", "contributor's case extension", "O", N, (2, 4), "V91", 5),
    one(37, "RFP", "reason fingerprinted", "O", "[A-Za-z0-9, /-]", (1, 75), "V91"),
    one(38, "DPR", "date printed", "O", N, _DATE, "V91: not after the submission", kind="date"),
    one(42, "MIL", "military branch", "O", A, (1, 1), "V91", values=codes.MIL),
    one(43, "TSR", "type of search requested", "O", A, (1, 1), "V91", values=codes.TSR),
    one(48, "CSR", "civil search requested", "O", A, (1, 1), "V91", values=codes.YES),
    one(59, "SRF", "search results findings", "O", A, (1, 1), "V91; I112", values=codes.SRF),
    one(60, "MSG", "messages", "O", FREE, (1, 300), "V91: 11 of 300 characters", 11),
    FieldRule(
        64,
        "CAN",
        "candidates of a search",
        "O",
        (Item("UCN", AN, 1, 9), Item("NAM", NAME, 3, 50)),
        "V91",
        1,
        25,
    ),
    one(71, "ACN", "action to be taken", "O", FREE, (0, 300), "V91"),
    one(74, "FGP", "finger positions", "O", N, (2, 2), "V91", 10, values=("00", *codes.FINGER), soft=True),
    one(75, "ERS", "rap sheet", "O", FREE, (4, 200_000), "V91: lines of 74 characters"),
    one(85, "CRN", "civil record number", "O", AN, (9, 9), "V91"),
    one(88, "NOT", "note", "O", FREE, (1, 1000), "V91"),
    one(96, "RPR", "rap sheet of a rapid search", "O", A, (1, 1), "V91", values=codes.YES),
    one(98, "NDR", "file to be searched", "O", N, (1, 3), "V91: 4; I112: 10", 10, values=codes.NDR),
    one(2007, "SDOB", "date of birth as submitted", "O", N, _DATE, "I112", kind="date0"),
    one(2008, "SNAM", "name as submitted", "O", NAME, (3, 50), "I112"),
    one(2023, "SII", "supplementary identity information", "O", FREE, (4, 10_000), "V91; I112"),
)
"""Every field once; O says nothing here: its need is that of NEEDS."""


NEEDS: dict[int, tuple[str, str]] = {
    5: ("CAR CNA CPDR CPNU NFUF FANC MAP AMN", ""),  # RET
    6: ("RPIS", "CAR CPDR CPNU NFUF FANC MAP AMN SRE ERRT RPISR SRT TPRR UHN ULM RBN SIMTEXT"),  # ATN
    7: ("", "CAR CPDR CPNU NFUF FANC MAP AMN SRE ERRT RPISR SRT TPRR UHN ULM RBN SIMTEXT"),  # SCO
    9: ("", "CAR CNA CPDR CPNU RPIS NFUF FANC MAP AMN SRE ERRT RPISR SRT TPRR UHN ULM RBN SIMTEXT"),  # OCA
    10: ("", "ULM"),  # CIN
    11: ("", "ULM"),  # CIX
    14: ("", "CAR CNA CPDR CPNU NFUF FANC MAP SRE ERRT RPISR SRT TPRR UHN ULM RBN SIMTEXT"),  # FBI
    15: ("", "CAR CNA CPDR CPNU NFUF MAP SRE ERRT RPISR SRT TPRR UHN ULM RBN SIMTEXT"),  # SID
    16: ("", "CAR CNA CPDR CPNU NFUF FANC MAP"),  # SOC
    17: ("", "CAR CNA CPDR CPNU NFUF FANC MAP AMN ERRT"),  # MNU
    18: ("CAR CNA CPDR CPNU NFUF FANC MAP AMN", "SRE ERRT RPISR SRT TPRR UHN ULM RBN SIMTEXT"),  # NAM
    19: ("", "CAR CNA CPDR CPNU NFUF FANC MAP ULM"),  # AKA
    20: ("CAR CNA CPDR CPNU NFUF FANC MAP", "RPISR ULM"),  # POB
    21: ("", "CAR CNA CPDR CPNU NFUF FANC MAP AMN ULM"),  # CTZ
    22: ("CAR CNA CPDR CPNU NFUF FANC MAP AMN", "SRE ERRT RPISR SRT TPRR UHN ULM RBN SIMTEXT"),  # DOB
    24: ("CAR CNA CPDR CPNU NFUF FANC MAP AMN", "ULM"),  # SEX
    25: ("CAR CNA CPDR CPNU NFUF FANC MAP AMN", "ULM"),  # RAC
    26: ("", "CAR CNA CPDR CPNU NFUF FANC MAP AMN ULM"),  # SMT
    27: ("CAR CNA CPDR CPNU NFUF FANC MAP AMN", ""),  # HGT
    29: ("CAR CNA CPDR CPNU NFUF FANC MAP AMN", "ULM"),  # WGT
    31: ("CAR CNA CPDR CPNU NFUF FANC MAP AMN", "ULM"),  # EYE
    32: ("CAR CNA CPDR CPNU NFUF FANC MAP AMN", "ULM"),  # HAI
    35: ("", "CAR CNA CPDR CPNU ULM"),  # PPA
    36: ("", "CAR CNA CPDR CPNU ULM"),  # PHT
    37: ("NFUF FANC MAP", ""),  # RFP
    38: ("NFUF FANC MAP AMN", "ULM"),  # DPR
    39: ("", "CAR CNA CPDR CPNU NFUF FANC MAP SRE SRT TPRR"),  # EAD
    40: ("", "CAR CNA CPDR CPNU NFUF FANC MAP SRE SRT TPRR"),  # OCP
    41: ("", "CAR CNA CPDR CPNU NFUF FANC MAP AMN SRE SRT TPRR"),  # RES
    42: ("", "FANC"),  # MIL
    43: ("CPDR", "CPNU NFUF"),  # TSR
    45: ("CAR CNA CPDR CPNU", ""),  # DOA
    47: ("CAR CNA CPDR CPNU", ""),  # ASL
    48: ("", "AMN"),  # CSR
    51: ("", "CAR CNA CPDR CPNU"),  # CSL
    54: ("", "CAR CNA CPDR CPNU"),  # SSD
    55: ("", "CAR CNA CPDR CPNU"),  # SLE
    56: ("", "CAR CNA CPDR CPNU AMN"),  # ICO
    59: ("SRE RPISR", "ERRT SRT TPRR UHN ULM RBN SIMTEXT"),  # SRF
    60: ("ERRT SIMTEXT", "SRE RPISR SRT TPRR UHN ULM RBN"),  # MSG
    64: ("", "SRT"),  # CAN
    67: ("", "CAR CNA CPDR CPNU RPIS NFUF FANC MAP AMN RPISR"),  # IMA
    70: ("", "CAR CPDR CPNU RPIS NFUF FANC MAP AMN"),  # RAP
    71: ("", "AMN SRE ERRT RPISR SRT TPRR UHN ULM RBN SIMTEXT"),  # ACN
    73: ("CAR CNA CPDR CPNU RPIS NFUF FANC MAP AMN", "SRE ERRT RPISR SRT TPRR UHN ULM RBN SIMTEXT"),  # CRI
    74: ("", "ULM"),  # FGP
    75: ("", "SRE ERRT RPISR SRT TPRR UHN ULM RBN SIMTEXT"),  # ERS
    84: ("", "CAR CNA CPDR CPNU NFUF FANC MAP AMN SRT"),  # AMP
    85: ("", "SRE"),  # CRN
    87: ("", "CAR CNA CPDR CPNU SRE"),  # TAA
    88: ("", "RPISR"),  # NOT
    96: ("", "RPIS"),  # RPR
    98: ("RPIS", "CAR CPDR CPNU"),  # NDR
    2007: ("", "SRE ERRT RPISR SRT TPRR"),  # SDOB
    2008: ("", "SRE ERRT RPISR SRT TPRR"),  # SNAM
    2023: ("", "RPISR"),  # SII
}
"""Field → types that must have it, types that may."""

DEPENDS = frozenset({84})
"""Optional in the table, mandatory when a finger is missing: `validate` holds the condition."""

MORE = {
    (14, "SRE"): 1000,
    (14, "ERRT"): 1000,
    (14, "RPISR"): 1000,
    (14, "SRT"): 1000,
    (14, "UHN"): 1000,
    (15, "SRE"): 1000,
    (15, "RPISR"): 1000,
    (71, "RPISR"): 2,
}
"""Field and type → occurrences, where more are allowed than elsewhere (V91)."""

TOTS = frozenset(tot for pair in NEEDS.values() for tots in pair for tot in tots.split())


@functools.cache
def type_2_table(tot: str) -> Table:
    """The Type-2 table of a transaction type. KeyError for one that is not in NEEDS."""
    if tot not in TOTS:
        raise KeyError(tot)
    table = []
    for rule in RULES:
        must, may = NEEDS.get(rule.number, ("", ""))
        if rule.number <= 2:
            table.append(rule)
        elif tot in must.split() or tot in may.split():
            need: Need = "M" if tot in must.split() else "D" if rule.number in DEPENDS else "O"
            high = MORE.get((rule.number, tot), rule.high)
            table.append(
                FieldRule(
                    rule.number, rule.mnemonic, rule.name, need, rule.items, rule.source, rule.low, high
                )
            )
    return tuple(table)
