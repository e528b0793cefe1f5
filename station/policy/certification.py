"""What a class of reader may contribute to which transaction in production, as literal tables with their sources.

In: scheme and capture device profile (FAP) of the device class, type of transaction, kind of contact. Out: a Cell with
its citation. A test gateway is not asked here: it takes everything, marked.

Sources: FBI EBTS Appendix F and PIV-071006 image requirements as summed up in NIEM biom.xsd (14.031 FAP); EBTS 9.1 and
11.2 for the types. A certificate is for hardware with the vendor's software; this program has none of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from firmware_profiles.fit import WORDS
from station.friction_ridge import FGP, IMP

Kind = Literal["roll", "plain", "slap"]
Use = Literal["yes", "no", "agreement"]
"""agreement: only after coordination with the FBI and the CSA's consent, which this station cannot know of."""

KINDS: Final[tuple[Kind, ...]] = ("roll", "plain", "slap")
TENPRINT: Final = ("CAR", "CNA", "CPDR", "CPNU", "NFUF", "FANC", "MAP", "AMN")
"""Types whose image set is rolls, thumbs and slaps (EBTS 9.1: 1 to 14 images)."""
RAPID: Final = ("RPIS",)
"""Rapid search, 2 to 10 prints: limited use, coordinate with the FBI first (EBTS 11.2 template)."""

# Class of device -> its name here. FAP None: a livescan tenprint device without a profile number.
CLASSES: Final[Mapping[tuple[str, int | None], str]] = MappingProxyType(
    {
        ("AppF", None): "tenprint",
        ("AppF", 60): "fap-60",
        ("AppF", 160): "fap-60",
        ("AppF", 50): "fap-50",
        ("AppF", 150): "fap-50",
        ("AppF", 45): "fap-45",
        ("AppF", 145): "fap-45",
        ("PIV", 40): "fap-40",
        ("PIV", 30): "fap-10-30",
        ("PIV", 20): "fap-10-30",
        ("PIV", 10): "fap-10-30",
    }
)
UNCERTIFIED: Final = "none"

APPENDIX_F: Final = "FBI EBTS Appendix F, IAFIS image quality"
PIV: Final = "FBI PIV-071006, single finger, one to one"
NOTHING: Final = "No public list of certified products names it"
RAPID_RULE: Final = "FBI EBTS 11.2, RPIS: limited use, coordinate with the FBI first; consent of the CSA"

# (class, family) -> use of a roll, a plain single finger, a slap; and whose rule that is.
TABLE: Final[Mapping[tuple[str, str], tuple[tuple[Use, Use, Use], str]]] = MappingProxyType(
    {
        ("tenprint", "tenprint"): (
            ("yes", "yes", "yes"),
            f"{APPENDIX_F}: 1.6 x 1.5 in rolls, 3.2 x 2.0 in flats",
        ),
        ("fap-60", "tenprint"): (("yes", "yes", "yes"), f"{APPENDIX_F}: FAP 60, 3.2 x 3.0 in, 1 to 4 prints"),
        ("fap-50", "tenprint"): (("yes", "yes", "yes"), f"{APPENDIX_F}: FAP 50, 3.2 x 2.0 in, 1 to 4 prints"),
        ("fap-45", "tenprint"): (("yes", "yes", "no"), f"{APPENDIX_F}: FAP 45, 1.6 x 1.5 in, 1 or 2 prints"),
        ("fap-40", "tenprint"): (("no", "no", "no"), f"{PIV}: FAP 40; a booking asks for Appendix F"),
        ("fap-10-30", "tenprint"): (
            ("no", "no", "no"),
            f"{PIV}: FAP 10 to 30; a booking asks for Appendix F",
        ),
        ("none", "tenprint"): (("no", "no", "no"), NOTHING),
        ("tenprint", "rapid"): (("agreement", "agreement", "agreement"), RAPID_RULE),
        ("fap-60", "rapid"): (("agreement", "agreement", "agreement"), RAPID_RULE),
        ("fap-50", "rapid"): (("agreement", "agreement", "agreement"), RAPID_RULE),
        ("fap-45", "rapid"): (("agreement", "agreement", "no"), RAPID_RULE),
        ("fap-40", "rapid"): (("no", "agreement", "no"), RAPID_RULE),
        ("fap-10-30", "rapid"): (("no", "agreement", "no"), RAPID_RULE),
        ("none", "rapid"): (("no", "no", "no"), NOTHING),
    }
)


@dataclass(frozen=True)
class Cell:
    """One cell of the table. device: name of the class; reason: in the officer's words, empty for `yes`."""

    use: Use
    device: str
    citation: str
    reason: str


def device_class(certification: str, fap: int | None) -> str:
    """The class of a device; a scheme or a profile that the table does not have counts as uncertified."""
    return CLASSES.get((certification, fap), UNCERTIFIED)


def may_contribute(tot: str, kind: Kind, *, certification: str, fap: int | None) -> Cell:
    """What the table says of one impression. A type that the table does not have is refused."""
    device = device_class(certification, fap)
    family = "tenprint" if tot in TENPRINT else "rapid" if tot in RAPID else ""
    if not family:
        return Cell("no", device, "FBI EBTS 9.1 section 2", f"no rule says which reader may serve {tot}")
    uses, citation = TABLE[device, family]
    use = uses[KINDS.index(kind)]
    return Cell(use, device, citation, _reason(use, device, kind, tot))


def _reason(use: Use, device: str, kind: str, tot: str) -> str:
    if use == "yes":
        return ""
    if use == "agreement":
        return f"{tot} needs an agreement with the FBI that this station does not know of"
    who = "An uncertified reader" if device == UNCERTIFIED else f"A reader of class {device}"
    return f"{who} may not contribute a {kind} to {tot}: training and verification only"


def kind_of(fgp: FGP, imp: IMP) -> Kind:
    """The kind of contact an impression is."""
    if imp is IMP.LIVESCAN_ROLLED:
        return "roll"
    return "slap" if fgp >= FGP.PLAIN_RIGHT_FOUR else "plain"


def marks(certification: str, fap: int | None, limits: Sequence[str]) -> tuple[str, ...]:
    """What must stand on everything a real reader of this class takes: in the record, on the screen, on paper. Empty
    for one that may contribute something to a booking and has no limits."""
    device = device_class(certification, fap)
    told = () if TABLE[device, "tenprint"][0] != ("no", "no", "no") else ("NOT APPENDIX F",)
    return (*told, *(WORDS.get(limit, limit).upper() for limit in limits))
