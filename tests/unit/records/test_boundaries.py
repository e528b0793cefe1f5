"""Limits of the checks between fields: the last value that passes, and the first one that does not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import pytest

from station.records import submission, tot
from station.records.encode import complete
from station.records.findings import Finding
from station.records.header import Header, transaction
from station.records.tot import car
from station.records.transaction import (
    BinaryRecord,
    Record,
    TaggedRecord,
    Transaction,
    content_field,
    group,
    repeated,
    text,
)
from station.records.validate import Severity, validate
from tests.unit.records.kit import DAT, HEADER, changed, good, image, tenprint
from tests.unit.records.reference import numbers, rows


def findings(txn: Transaction, code: str, field: str) -> list[Finding]:
    return [each for each in validate(txn, today=DAT) if (each.code, each.field) == (code, field)]


def body(number: int, value: str, *more: tuple[int, str]) -> Transaction:
    """The good CAR with other fields in its Type-2."""
    return changed(good(), 1, *(text(tag, each) for tag, each in ((number, value), *more)))


def day(step: int) -> str:
    return f"{DAT + dt.timedelta(days=step):%Y%m%d}"


def wrong(code: str, number: int, pairs: Iterable[tuple[str, bool]]) -> list[str]:
    """The values of a Type-2 field that are judged otherwise than said (True: it must be found)."""
    tag = f"2.{number:03d}"
    return [value for value, bad in pairs if bool(findings(body(number, value), code, tag)) is not bad]


@pytest.mark.parametrize(
    ("number", "passes", "fails"),
    [
        (27, "000 400 411 500 711 N48 N95", "399 311 412 712 700N 800 N47 N96 001"),
        (29, "000 050 499", "049 500 001 999"),
        (15, "NY1 NY1- ny12345678", "N12 123 NY- NY-1 NY1-- NY"),
        (17, "AS-1 af-12", "A-12 ASX-1 AS-- AS1- 11-1"),
        (
            18,
            "A,B A-B,C-D DOE,JOHN_Q_PUBLIC VAN_DER_BERG,J",
            "A_,B A,_B -A,B A,-B A,B,C ,B A, A__B,C A,B__C AB",
        ),
    ],
)
def test_a_value_in_its_form_passes_and_the_next_one_does_not(number: int, passes: str, fails: str) -> None:
    pairs = [(each.replace("_", " "), False) for each in passes.split()]
    pairs += [(each.replace("_", " "), True) for each in fails.split()]
    assert wrong("field.form", number, pairs) == []


def test_dates_may_be_one_day_ahead_of_the_submission_and_a_birth_not_at_all() -> None:
    late = "date.after_submission"
    for number in (38, 45, 54):
        assert wrong(late, number, [(day(0), False), (day(1), False), (day(2), True)]) == []
    assert wrong(late, 22, [(day(0), False), (day(1), True)]) == []
    for step, bad in ((0, False), (1, False), (2, True)):
        offence = changed(good(), 1, repeated(47, [["", "A"], [day(step), "B"]]))
        assert bool(findings(offence, late, "2.047")) is bad


def test_a_birth_on_the_day_of_arrest_and_custody_from_that_day_are_in_order() -> None:
    for born, bad in ((day(-2), False), (day(-1), False), (day(0), True)):
        assert bool(findings(body(22, born, (45, day(-1))), "date.order", "2.022")) is bad
    for start, bad in ((day(-2), True), (day(-1), False), (day(0), False)):
        assert bool(findings(body(54, start, (45, day(-1))), "date.order", "2.054")) is bad


def test_only_the_first_birth_date_is_compared_with_the_arrest() -> None:
    both = changed(good(), 1, repeated(22, [[day(-9)], [day(0)]]), text(45, day(-1)))
    assert findings(both, "date.order", "2.022") == []


def test_a_blank_may_stand_inside_a_text_and_not_in_front() -> None:
    for number in (9, 55, 56):
        assert wrong("field.leading_blank", number, [("A B", False), (" AB", True)]) == []
    for number, rest in ((47, 0), (51, 1)):
        for value, bad in (("A B", False), (" AB", True)):
            row = group(number, ["", value, *["X"] * rest])
            assert bool(findings(changed(good(), 1, row), "field.leading_blank", f"2.{number:03d}")) is bad
    assert wrong("field.leading_blank", 39, [(" AB", False)]) == []


def header(number: int, value: str) -> Transaction:
    return changed(good(), 0, text(number, value))


@pytest.mark.parametrize(
    ("code", "number", "passes", "fails"),
    [
        ("date.future", 5, [day(0), day(1)], [day(2)]),
        (
            "field.date",
            14,
            ["20261123000000Z", "20261123235960Z"],
            [
                "20261123240000Z",
                "20261123236000Z",
                "20261123235961Z",
                "20261123235959z",
                "2026112323595Z",
                "20261131000000Z",
            ],
        ),
        ("type1.agency", 7, ["ABCDEFGH9", "123456789"], ["ABCDEFGH", "ABCDEFGHIJ", "ABCDEFG-1"]),
        ("type1.agency", 8, ["ABCDEFGH9", "abcdefghi"], ["ABCDEFGH", "ABCDEFGHIJ", "ABCDEFG 1"]),
        ("type1.resolution", 11, ["00.00"], ["00.0", "0.000", "19.69", "00,00", "000.0"]),
        ("type1.resolution", 12, ["00.00"], ["00.0", "0.000", "19.69", "00,00", "000.0"]),
    ],
)
def test_a_header_value_at_its_limit_passes_and_the_next_one_does_not(
    code: str, number: int, passes: list[str], fails: list[str]
) -> None:
    tag = f"1.{number:03d}"
    assert [each for each in passes if findings(header(number, each), code, tag)] == []
    assert [each for each in fails if not findings(header(number, each), code, tag)] == []


@pytest.mark.parametrize(
    ("version", "severity"),
    [
        ("0400", Severity.WARNING),
        ("0500", Severity.WARNING),
        ("0501", Severity.ERROR),
        ("0502", Severity.ERROR),
    ],
)
def test_a_missing_domain_is_an_error_from_update_2013_on(version: str, severity: Severity) -> None:
    (finding,) = findings(changed(good(), 0, text(2, version), without=(13,)), "type1.dom", "1.013")
    assert finding.severity is severity


def tagged(kind: int, idc: int) -> TaggedRecord:
    return complete(TaggedRecord(kind, (text(2, f"{idc:02d}"),)))


def of(name: str, *kinds: int) -> Transaction:
    """A transaction of that type with bare records of these types."""
    records: list[Record] = []
    for idc, kind in enumerate(kinds):
        bare = BinaryRecord(kind, (18).to_bytes(4) + bytes((idc % 100, *bytes(13))))
        records.append(bare if kind in range(3, 9) else tagged(kind, idc % 100))
    first = TaggedRecord(1, (text(2, "0502"), content_field(records), text(4, name), text(11, "19.69")))
    return Transaction((complete(first), *records))


@pytest.mark.parametrize(
    ("kind", "legacy"), [(3, True), (4, True), (5, True), (6, True), (7, True), (8, False), (14, False)]
)
def test_a_resolution_belongs_to_untagged_images(kind: int, legacy: bool) -> None:
    found = findings(of("CAR", 2, kind), "type1.resolution", "1.011")
    assert [each.severity for each in found] == ([] if legacy else [Severity.WARNING])


def counted(name: str, kind: int, count: int, code: str) -> bool:
    return bool(findings(of(name, 2, *[kind] * count), code, "1.003"))


def test_each_record_of_a_type_may_stand_as_often_as_the_standard_says_and_no_more() -> None:
    bad = []
    for name in sorted({row["tot"] for row in rows("records")}):
        should = {row["type"]: row["ours"] for row in rows("records") if row["tot"] == name}
        for kind in (4, 7, 9, 10, 13, 14, 15, 17, 98):
            said = should.get(str(kind), "-")
            most = 0 if said == "-" else max(numbers(said))
            if most and counted(name, kind, most, "set.record_count"):
                bad.append((name, kind, most))
            if not counted(name, kind, most + 1, "set.record_count"):
                bad.append((name, kind, most + 1))
        twos = max(numbers(should["2"]))
        for extra, found in ((-1, True), (twos - 1, False), (twos, True)):
            txn = of(name) if extra < 0 else of(name, *[2] * (extra + 1))
            if (
                bool(
                    [
                        each
                        for each in findings(txn, "set.record_count", "1.003")
                        if "of type 2;" in each.message
                    ]
                )
                is not found
            ):
                bad.append((name, 2, extra + 1))
    assert bad == []


def test_the_prints_of_a_type_are_as_many_as_the_standard_says_and_no_fewer_or_more() -> None:
    bad = []
    for row in rows("records"):
        if row["type"] != "prints":
            continue
        fewest, most = min(numbers(row["ours"])), max(numbers(row["ours"]))
        for count, found in ((fewest - 1, True), (fewest, False), (most, False), (most + 1, True)):
            if count > 0 and counted(row["tot"], 14, count, "set.prints") is not found:
                bad.append((row["tot"], count))
    assert bad == []


def test_a_submission_without_prints_is_told_so_and_a_response_is_not() -> None:
    for name in tot.names():
        kind = tot.load(name)
        assert bool(findings(of(kind.TOT, 2), "set.no_prints", "1.003")) is not kind.RESPONSE


def test_type_4_and_type_14_together_are_a_mixture_and_either_alone_is_none() -> None:
    for kinds, found in (((4, 4), False), ((14, 14), False), ((4, 14), True)):
        assert bool(findings(of("CAR", 2, *kinds), "set.mixed_prints", "1.003")) is found


@pytest.mark.parametrize("kind", [10, 13, 14, 15])
def test_a_capture_may_be_one_day_ahead_of_the_submission(kind: int) -> None:
    for step, bad in ((0, False), (1, False), (2, True)):
        record = complete(TaggedRecord(kind, (text(2, "01"), text(5, day(step)))))
        txn = transaction("CAR", HEADER, [good().records[1], record])
        assert bool(findings(txn, "date.after_submission", f"{kind}.005")) is bad


def test_the_date_of_no_other_record_is_a_day_of_capture() -> None:
    record = complete(TaggedRecord(9, (text(2, "01"), text(5, day(9)))))
    txn = transaction("CAR", HEADER, [good().records[1], record])
    assert not [each for each in validate(txn) if each.code == "date.after_submission"]


@pytest.mark.parametrize(
    ("name", "priority"),
    [
        ("car", "4"),
        ("cna", "4"),
        ("cpdr", "4"),
        ("cpnu", "7"),
        ("rpis", "1"),
        ("nfuf", "6"),
        ("fanc", "6"),
        ("map", "6"),
        ("amn", "6"),
    ],
)
def test_a_submission_has_the_priority_of_its_type_unless_the_header_says_another(
    name: str, priority: str
) -> None:
    kind = tot.load(name)
    assert kind.example(HEADER, tenprint()).header.text(6) == priority
    other = Header(**{**HEADER.__dict__, "pry": 2})
    assert kind.example(other, tenprint()).header.text(6) == "2"


def test_a_rapid_search_takes_ten_of_the_prints_and_wants_no_whole_hand() -> None:
    rapid = tot.load("rpis").example(HEADER, tenprint())
    assert len(rapid.of_type(14)) == 10
    two = tot.load("rpis").example(HEADER, [image(1), image(2)])
    assert findings(two, "amp.unmarked_finger", "2.084") == []
    assert findings(
        car.build(HEADER, submission.example_subject(HEADER, car.TYPE_2), [image(1), image(2)]),
        "amp.unmarked_finger",
        "2.084",
    )
