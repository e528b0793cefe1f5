"""The vocabulary of friction ridges against the codes of the standard, typed from its tables."""

from __future__ import annotations

import csv
from pathlib import Path

from station.friction_ridge import AMP, FGP, IMP, SLAP_FINGERS, MinutiaKind, PatternClass

# ANSI/NIST-ITL 1-2011 table 8: 1 to 5 right thumb to little, 6 to 10 left, plain thumbs, fours, both thumbs.
POSITIONS = """
1 RIGHT_THUMB  2 RIGHT_INDEX  3 RIGHT_MIDDLE  4 RIGHT_RING  5 RIGHT_LITTLE
6 LEFT_THUMB   7 LEFT_INDEX   8 LEFT_MIDDLE   9 LEFT_RING   10 LEFT_LITTLE
11 PLAIN_RIGHT_THUMB  12 PLAIN_LEFT_THUMB  13 PLAIN_RIGHT_FOUR  14 PLAIN_LEFT_FOUR  15 PLAIN_THUMBS
"""


def test_positions_have_the_numbers_of_the_standard() -> None:
    words = POSITIONS.split()
    assert {name: int(number) for number, name in zip(words[::2], words[1::2], strict=True)} == {
        each.name: int(each) for each in FGP
    }


def test_a_slap_shows_its_fingers_as_they_lie_on_the_hand() -> None:
    shown = {int(slap): tuple(map(int, fingers)) for slap, fingers in SLAP_FINGERS.items()}
    # Of either hand the index finger comes first; of two thumbs the left one.
    assert shown == {11: (1,), 12: (6,), 13: (2, 3, 4, 5), 14: (7, 8, 9, 10), 15: (6, 1)}


def test_the_other_codes_are_those_of_the_standard() -> None:
    assert {each.name: int(each) for each in IMP} == {"LIVESCAN_PLAIN": 0, "LIVESCAN_ROLLED": 1}
    assert {each.name: str(each) for each in AMP} == {"AMPUTATED": "XX", "UNABLE_TO_PRINT": "UP"}
    # INCITS 378-2004, 6.5.2.1, and ISO/IEC 19794-2
    assert {each.name: int(each) for each in MinutiaKind} == {"OTHER": 0, "ENDING": 1, "BIFURCATION": 2}
    # PCF, field 9.307
    assert {each.name: str(each) for each in PatternClass} == {
        "PLAIN_ARCH": "PA", "TENTED_ARCH": "TA", "ARCH": "AU", "RIGHT_LOOP": "RS", "LEFT_LOOP": "LS",
        "PLAIN_WHORL": "PW", "DOUBLE_LOOP": "DL", "WHORL": "WU",
    }  # fmt: skip


def published(folder: Path, name: str) -> dict[str, str]:
    with (folder / f"{name}CodeSimpleType.csv").open(encoding="utf-8", newline="") as lines:
        return {row["code"]: row["text"].upper() for row in csv.DictReader(lines)}


def test_the_published_lists_give_these_codes_the_same_meaning(shared_data: Path) -> None:
    folder = shared_data / "ebts10-codes"
    positions, impressions = (
        published(folder, "FingerPosition"),
        published(folder, "ImpressionCaptureCategory"),
    )
    for each in FGP:
        words = set(each.name.split("_")) - {"PLAIN", "FOUR", "THUMBS"}
        assert words <= set(positions[str(int(each))].split()), (each, positions[str(int(each))])
    assert [impressions[str(int(each))] for each in (IMP.LIVESCAN_PLAIN, IMP.LIVESCAN_ROLLED)] == [
        "LIVESCAN PLAIN FINGERPRINT", "LIVESCAN ROLLED FINGERPRINT",
    ]  # fmt: skip
    classes = published(folder, "FingerprintPatternGeneralClass") | published(
        folder, "FingerprintPatternSubClass"
    )
    for pattern in PatternClass:
        assert set(pattern.name.replace("DOUBLE_LOOP", "DOUBLE").split("_")) <= set(
            classes[str(pattern)].replace(" SLANT", "").split()
        ), (pattern, classes[str(pattern)])
