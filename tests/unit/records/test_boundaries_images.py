"""Limits of the checks of images, segments, qualities and minutiae: what just passes, and what just fails."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from station.records import check_images
from station.records.fields import MAX_PIXELS
from station.records.findings import Finding
from station.records.header import transaction
from station.records.tot import car
from station.records.transaction import (
    Field,
    TaggedRecord,
    Transaction,
    data,
    group,
    repeated,
    text,
)
from station.records.validate import validate
from tests.unit.records.kit import DAT, HEADER, SUBJECT, changed, good, image, tenprint, wsq
from tests.unit.records.reference import code_list

ROLL, SLAP = 2, 12
"""Positions in the good CAR: FGP 1, 80 by 75, and FGP 13, 160 by 150."""


def found(txn: Transaction, code: str, field: str = "") -> list[Finding]:
    return [each for each in validate(txn, today=DAT) if each.code == code and field in ("", each.field)]


def roll(*fields: Field, without: tuple[int, ...] = ()) -> Transaction:
    return changed(good(), ROLL, *fields, without=without)


def slap(*fields: Field) -> Transaction:
    return changed(good(), SLAP, *fields)


def at(cga: str, ppi: int, **changes: object) -> Transaction:
    """The roll with another resolution and compression."""
    return roll(text(9, str(ppi)), text(10, str(ppi)), text(11, cga))


@pytest.mark.parametrize(
    ("cga", "code", "passes", "fails"),
    [
        ("WSQ20", "image.wsq_ppi", (495, 500, 505), (494, 506, 1000)),
        ("PNG", "image.resolution", (495, 505, 990, 1010), (494, 506, 989, 1011, 750)),
        ("WSQ20", "image.resolution", (495, 505, 1000), ()),
    ],
)
def test_a_resolution_may_be_one_percent_off(
    cga: str, code: str, passes: tuple[int, ...], fails: tuple[int, ...]
) -> None:
    assert [ppi for ppi in passes if found(at(cga, ppi), code, "14.009")] == []
    assert [ppi for ppi in fails if not found(at(cga, ppi), code, "14.009")] == []


def test_a_resolution_by_the_centimetre_is_one_by_the_inch() -> None:
    for density, bad in (("195", False), ("199", False), ("194", True), ("200", True)):
        assert bool(found(roll(text(8, "2"), text(9, density), text(10, density)), "image.wsq_ppi")) is bad


def sized(fgp: int, width: int, height: int, ppi: int) -> Transaction:
    record = good().records[ROLL]
    assert isinstance(record, TaggedRecord)
    sides = {6: str(width), 7: str(height), 9: str(ppi), 10: str(ppi), 11: "NONE", 13: str(fgp)}
    kept = tuple(
        text(each.number, sides[each.number]) if each.number in sides else each for each in record.fields[1:]
    )
    return transaction("CAR", HEADER, [good().records[1], TaggedRecord(14, kept)])


def test_an_image_may_be_as_large_as_the_platen_and_not_one_pixel_larger() -> None:
    wrong = []
    for fgp, (width, height) in MAX_PIXELS.items():
        for ppi, scale in ((500, 1), (1000, 2)):
            for more, bad in (((0, 0), False), ((1, 0), True), ((0, 1), True)):
                txn = sized(fgp, width * scale + more[0], height * scale + more[1], ppi)
                if bool(found(txn, "image.too_large", "14.006")) is not bad:
                    wrong.append((fgp, ppi, more))
    assert wrong == []
    assert found(sized(19, 5000, 5000, 500), "image.too_large") == []
    assert found(sized(1, 801, 750, 750), "image.too_large")
    assert not found(sized(1, 801, 750, 751), "image.too_large")


def test_a_raw_image_has_as_many_bytes_as_pixels() -> None:
    for size, bad in ((79 * 75, True), (80 * 75, False), (80 * 75 + 1, True)):
        assert bool(found(roll(text(11, "NONE"), data(b"\0" * size)), "image.size", "14.006")) is bad


def test_a_digest_may_be_in_capitals() -> None:
    digest = hashlib.sha256(wsq(80, 75, b"\1")).hexdigest()
    assert found(roll(text(996, digest.upper())), "image.hash") == []


@pytest.mark.parametrize(("spread", "blank"), [(0, True), (31, True), (32, False)])
def test_an_image_of_fewer_than_thirty_two_levels_is_blank(spread: int, blank: bool) -> None:
    pixels = np.zeros((75, 80), np.uint8)
    pixels[0, 0] = spread
    txn = car.build(HEADER, SUBJECT, [image(1)])
    codes = {each.code for each in validate(txn, decoders={"WSQ20": lambda _: pixels})}
    assert ("image.blank" in codes) is blank


@pytest.mark.parametrize(
    ("box", "outside"),
    [
        ((0, 160, 0, 150), False),
        ((0, 161, 0, 150), True),
        ((0, 160, 0, 151), True),
        ((159, 160, 149, 150), False),
        ((160, 160, 0, 150), True),
        ((0, 160, 150, 150), True),
        ((9, 8, 0, 150), True),
        ((0, 160, 9, 8), True),
    ],
)
def test_a_box_may_end_where_the_image_ends(box: tuple[int, ...], outside: bool) -> None:
    txn = slap(group(21, ["2", *map(str, box)]))
    assert bool(found(txn, "image.segment_outside", "14.021")) is outside


def test_a_finger_belongs_to_the_positions_that_show_it_and_to_no_other() -> None:
    shows = {11: {1}, 12: {6}, 13: {2, 3, 4, 5}, 14: {7, 8, 9, 10}, 15: {1, 6}}
    wrong = []
    for fgp in (*range(1, 17), 19, 40):
        for finger in range(1, 11):
            own = finger in shows.get(fgp, {fgp})
            marks = [group(22, [str(finger), "1"]), group(24, [str(finger), "9", "0101", "57"])]
            txn = slap(text(13, str(fgp)), group(21, [str(finger), "0", "9", "0", "9"]), *marks)
            box = bool(found(txn, "image.segment_finger", "14.021"))
            score = bool(found(txn, "image.segment_finger", "14.024")) or bool(
                found(txn, "image.segment_finger", "14.022")
            )
            if box is not (fgp in shows and not own) or score is not (fgp <= 15 and not own):
                wrong.append((fgp, finger, box, score))
    assert wrong == []


def test_scores_end_where_the_standard_ends_them() -> None:
    wrong = []
    for number in (23, 24):
        for score, bad in (
            (0, False),
            (100, False),
            (101, True),
            (253, True),
            (254, False),
            (255, False),
            (256, True),
        ):
            txn = slap(group(number, ["2", str(score), "0101", "57"]))
            wrong += [] if bool(found(txn, "image.quality", f"14.{number:03d}")) is bad else [(number, score)]
    for score, bad in ((0, True), (1, False), (5, False), (6, True)):
        wrong += (
            []
            if bool(found(slap(group(22, ["2", str(score)])), "image.quality", "14.022")) is bad
            else [score]
        )
    for product, bad in ((33, False), (55, False), (56, False), (57, False), (54, True), (58, True)):
        txn = slap(group(24, ["2", "9", "0101", str(product)]))
        wrong += [] if bool(found(txn, "image.quality_product", "14.024")) is bad else [product]
    assert wrong == []
    assert found(slap(group(24, ["2", "9", "0102", "99"])), "image.quality_product") == []


def outline(corners: int, x: int = 9, y: int = 9, said: int | None = None) -> Transaction:
    points = [str(value) for _ in range(corners) for value in (x, y)]
    return slap(group(25, ["2", str(corners if said is None else said), *points]))


@pytest.mark.parametrize(
    ("txn", "bad"),
    [
        (lambda: outline(2), True),
        (lambda: outline(3), False),
        (lambda: outline(99), False),
        (lambda: outline(100), True),
        (lambda: outline(3, said=4), True),
        (lambda: outline(4, said=3), True),
        (lambda: outline(3, x=159), False),
        (lambda: outline(3, x=160), True),
        (lambda: outline(3, y=149), False),
        (lambda: outline(3, y=150), True),
    ],
)
def test_an_outline_has_three_to_ninety_nine_corners_inside_the_image(
    txn: Callable[[], Transaction], bad: bool
) -> None:
    assert bool(found(txn(), "image.outline", "14.025")) is bad


def test_an_outline_without_corners_is_found_and_no_crash() -> None:
    corners = ["1", "1", "9", "1", "9", "9"]
    halves = (["2", "3", *corners, "5"], ["2", "3", *corners[:-1], "x"], ["2", "3", *corners[:-1]])
    for items in (["2"], ["2", ""], ["2", "3"], [""], *halves):
        assert found(slap(group(25, items)), "image.outline", "14.025"), items


@pytest.mark.parametrize("kind", [13, 14, 15])
def test_an_image_of_every_tagged_record_type_is_looked_at(kind: int) -> None:
    said = {8: "1", 9: "600", 10: "600", 11: "WSQ20"}
    record = TaggedRecord(kind, (text(2, "01"), *(text(number, value) for number, value in said.items())))
    assert found(transaction("CAR", HEADER, [good().records[1], record]), "image.wsq_ppi", f"{kind}.009")


def test_resolutions_that_differ_across_and_down_are_found() -> None:
    assert found(roll(text(10, "499")), "image.resolution", "14.009")
    assert found(roll(text(9, "499"), text(10, "499")), "image.resolution") == []
    assert found(roll(without=(10,)), "image.resolution") == []


def test_only_scores_may_name_a_finger_twice() -> None:
    rows = {
        21: ["2", "0", "9", "0", "9"],
        22: ["2", "1"],
        23: ["2", "9", "0101", "57"],
        24: ["2", "9", "0101", "57"],
        25: ["2", "3", *["1"] * 6],
    }
    twice = {
        number
        for number, row in rows.items()
        if found(slap(repeated(number, [row, row])), "image.finger_repeated")
    }
    assert twice == {21, 22, 25}
    (finding,) = found(slap(repeated(21, [rows[21], rows[21]])), "image.finger_repeated")
    assert "finger 2 " in finding.message


def test_every_rolled_and_every_plain_impression_is_known_as_such() -> None:
    rolled = {imp for imp in code_list("IMP") if found(slap(text(3, imp)), "image.rolled_slap", "14.003")}
    plain = {imp for imp in code_list("IMP") if found(roll(text(3, imp)), "image.plain_roll", "14.003")}
    assert rolled == code_list("ROLLED_IMP")
    assert plain == code_list("PLAIN_IMP")
    slaps = {
        fgp
        for fgp in map(int, code_list("FGP"))
        if found(slap(text(3, "1"), text(13, str(fgp))), "image.rolled_slap")
    }
    assert slaps == {11, 12, 13, 14, 15, *range(40, 51)}


def test_a_plain_print_is_worth_a_word_only_among_rolls() -> None:
    plain = [image(fgp, imp=0) for fgp in range(1, 11)]
    assert found(car.build(HEADER, SUBJECT, plain), "image.plain_roll") == []


@pytest.mark.parametrize(
    ("fgp", "twice"), [(0, False), (1, True), (15, True), (16, True), (18, True), (19, False), (40, False)]
)
def test_a_position_that_names_one_place_stands_once(fgp: int, twice: bool) -> None:
    txn = changed(changed(good(), SLAP, text(13, str(fgp))), SLAP + 1, text(13, str(fgp)))
    assert bool(found(txn, "image.duplicate_fgp", "14.013")) is twice


def test_thumbs_together_contradict_either_thumb_alone() -> None:
    both = image(15)
    for alone, bad in (((), False), ((11,), True), ((12,), True), ((11, 12), True)):
        txn = car.build(HEADER, SUBJECT, [*tenprint(11, 12), both, *(image(fgp) for fgp in alone)])
        assert bool(found(txn, "image.thumbs_twice", "14.013")) is bad


def test_each_plain_impression_is_missed_by_itself() -> None:
    for fgp in (11, 12, 13, 14):
        (finding,) = found(car.build(HEADER, SUBJECT, tenprint(fgp)), "image.plain_missing")
        assert f"FGP {fgp} " in finding.message
    assert found(car.build(HEADER, SUBJECT, [*tenprint(11, 12), image(15)]), "image.plain_missing") == []


@pytest.mark.parametrize("number", [6, 7, 8, 9, 10, 11, 12])
def test_each_field_an_image_needs_is_missed_with_data_and_not_with_an_external_file(number: int) -> None:
    assert found(roll(without=(number,)), "field.missing", f"14.{number:03d}")
    external = roll(text(994, "F"), without=(number, 999, 996))
    assert found(external, "field.missing", f"14.{number:03d}") == []


def test_data_and_an_external_file_exclude_one_another() -> None:
    assert found(roll(text(994, "F")), "image.data_missing", "14.999")
    assert found(roll(text(994, "F"), without=(999,)), "image.data_missing") == []


def test_only_a_tip_needs_where_it_is() -> None:
    for fgp, missing in (("18", []), ("19", ["14.014", "14.015"])):
        fields = [each.field for each in found(slap(text(13, fgp)), "field.missing")]
        assert fields == missing


# ANSI/NIST-ITL 1-2011: the field of a Type-14 and, behind it, of the 18 bytes before a Type-4's picture (Table 13). A
# Type-4 has no fields for missing fingers, boxes and digests: what is said of those is said of positions or picture.
PLACES = "imp 3 3  size 6 6  ppi 9 5  cga 11 8  fgp 13 4  amp 18 4  seg 21 4  has 996 9  data 999 9"


def test_what_is_found_in_an_image_is_told_at_its_field() -> None:
    words = PLACES.split()
    wanted = {
        name: (int(tagged), int(binary))
        for name, tagged, binary in zip(words[::3], words[1::3], words[2::3], strict=True)
    }
    assert wanted == check_images._TAGS
