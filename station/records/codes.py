"""Code tables of EBTS Type-2 fields, as literal data: which values a field may have, and what they mean.

Sources: FBI EBTS 9.1 (IAFIS-DOC-01078-9.1, 25 May 2010) for SEX, RAC, EYE, HAI, RET, SRF, NDR; the colour STR from
NIEM 6.0; the names of NDR 4, 5, 10 and 14 from EBTS 10.0. Countries and states (CTZ, POB, GEO) are in
`codes_places.py`, marks (SMT) in `codes_marks.py`; the FBI changed some in 2022, so a code that is not there is only
worth a warning.
"""

from __future__ import annotations

from station.records.codes_marks import SMT
from station.records.codes_places import CTZ, GEO, POB

YES = {"Y": "yes"}
YES_NO = {"Y": "yes", "N": "no"}

MIL = {"A": "army", "F": "air force", "N": "navy", "M": "marines", "G": "coast guard"}

TSR = {
    "C": "confidential screening",
    "H": "suppress or change unsolicited notices of wants and sex offender entries",
    "P": "pre-commission candidate",
    "V": "National Child Protection Act of 1993",
}

SEX = {
    "F": "female",
    "M": "male",
    "G": "male impersonator",
    "N": "female impersonator",
    "X": "unknown",
    "Y": "male name, no gender given",
    "Z": "female name, no gender given",
}

RAC = {"A": "Asian", "B": "Black", "I": "Native American", "U": "unknown", "W": "White, Latino included"}

EYE = {
    "BLK": "black",
    "BLU": "blue",
    "BRO": "brown",
    "GRY": "grey",
    "GRN": "green",
    "HAZ": "hazel",
    "MAR": "maroon",
    "MUL": "multicoloured",
    "PNK": "pink",
    "XXX": "unknown",
}

HAI = {
    "BAL": "bald",
    "BLK": "black",
    "BLN": "blond or strawberry",
    "BRO": "brown",
    "GRY": "grey or partly grey",
    "RED": "red or auburn",
    "SDY": "sandy",
    "STR": "streaked",
    "WHI": "white",
    "BLU": "blue",
    "GRN": "green",
    "ONG": "orange",
    "PNK": "pink",
    "PLE": "purple",
    "XXX": "unknown",
}

NDR = {
    "1": "criminal file",
    "2": "civil file",
    "3": "unsolved latent file",
    "4": "reserved for the FBI",
    "5": "reserved for the FBI",
    "6": "individuals of special concern (RISC)",
    "7": "Canada, real time identification",
    "8": "Department of Defense, ABIS",
    "9": "DHS IDENT",
    "10": "DHS IDENT and the Law Enforcement Support Center (LESC)",
    "11": "RISC: wants and warrants",
    "12": "RISC: sexual offender registry",
    "13": "RISC: known and suspected terrorists",
    "14": "RISC: foreign subjects of interest",
    "15": "RISC: other persons of special interest",
}
"""2.098, the files a search may name (EBTS 10.0; 10 and 14 named another file in EBTS 9.1); an agency needs consent for
most of them, and 10 causes an immigration query."""

SRF = {
    "I": "candidate",
    "N": "none",
    "R": "candidate",
    "Y": "possible",
    "G": "none",
    "C": "inconclusive",
    "D": "deferred to a person",
    "P": "other",
    "M": "other",
    "X": "other",
    "Z": "disposition posted, no search",
}
"""2.059: what the search said, in our words; the letters of SRE, RPISR and EBTS 11.2's fuller list."""

FINGER = {f"{number:02d}": f"finger {number}" for number in range(1, 11)}
"""Two digits, as 2.074 and 2.084 write a finger (EBTS 9.1)."""

AMP = {"XX": "amputated or partial", "UP": "unable to print"}

__all__ = [
    "AMP",
    "CTZ",
    "EYE",
    "FINGER",
    "GEO",
    "HAI",
    "MIL",
    "NDR",
    "POB",
    "RAC",
    "SEX",
    "SMT",
    "SRF",
    "TSR",
    "YES",
    "YES_NO",
]
