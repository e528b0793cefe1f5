"""The person's fields are tidied, and what could not be written later is refused now."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.booking_subject import SubjectInvalid, problems, require_valid, tidy
from station.records import type_2
from station.records.encode import encode
from station.records.fields_type_2 import type_2_table
from station.records.transaction import Transaction
from tests.unit.kiosk.fakes import SUBJECT

TODAY = dt.date(2026, 1, 2)


def test_a_complete_subject_has_no_problems():
    assert problems(tidy(SUBJECT), TODAY) == {}


def test_names_of_fields_and_codes_are_tidied():
    made = tidy({" nam ": " example,anna ", "sex": "f", "offense": "Theft", "oca": "", "aka": ["x,y", ""]})
    assert made == {"NAM": "EXAMPLE,ANNA", "SEX": "F", "ASL": "Theft", "AKA": ["X,Y"]}


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"NAM": ""}, "NAM", "required"),
        ({"NAM": "ONE2,THREE"}, "NAM", "character"),
        ({"NAM": "A\x1e,B"}, "NAM", "character"),
        ({"SEX": "Q"}, "SEX", "codes"),
        ({"DOB": "19851340"}, "DOB", "date"),
        ({"DOB": "20300101"}, "DOB", "future"),
        ({"DOA": "00000000"}, "DOA", "date"),
        ({"HGT": "512"}, "HGT", "feet"),
        ({"HGT": "N99"}, "HGT", "feet"),
        ({"HGT": "5N2"}, "HGT", "feet"),
        ({"WGT": "020"}, "WGT", "pounds"),
        ({"WGT": "1"}, "WGT", "3 characters"),
        ({"ASL": {"AOL": "THEFT", "XXX": "1"}}, "ASL", "parts"),
        ({"ASL": {"DOO": "20260101"}}, "ASL", "AOL is required"),
        ({"ASL": {"AOL": 7}}, "ASL", "text"),
        ({"CSL": "text"}, "CSL", "several parts"),
        ({"IMA": "x"}, "IMA", "know"),
        ({"ZZZ": "x"}, "ZZZ", "know"),
    ],
)
def test_a_value_that_could_not_be_sent_is_named(changes, field, said):
    wrong = problems(tidy({**SUBJECT, **changes}), TODAY)
    assert list(wrong) == [field]
    assert said in wrong[field]


@pytest.mark.parametrize(
    "changes",
    [
        {"DOB": "00000000"},
        {"HGT": "000"},
        {"HGT": "N72"},
        {"WGT": "000"},
        {"POB": "QQ"},
        {"DOB": ["19800101", "19810101"]},
    ],
)
def test_what_the_standard_allows_as_unknown_or_new_is_taken(changes):
    assert problems(tidy({**SUBJECT, **changes}), TODAY) == {}


def test_a_charge_is_its_text_or_all_of_its_parts():
    for charge in ("THEFT", {"AOL": "THEFT"}, {"DOO": "20251231", "AOL": "THEFT"}, [{"AOL": "A"}, "B"]):
        assert problems(tidy({**SUBJECT, "ASL": charge}), TODAY) == {}


def test_the_length_of_a_value_is_said_as_one_number_or_two():
    assert problems({**SUBJECT, "WGT": "1"}, TODAY)["WGT"] == "must have 3 characters"
    for name in ("A" * 49 + ",B", "A,"):
        assert problems({**SUBJECT, "NAM": name}, TODAY)["NAM"] == "must have 3 to 50 characters"
    for name in ("A" * 48 + ",B", "A,B"):
        assert problems({**SUBJECT, "NAM": name}, TODAY) == {}


def test_the_error_says_the_first_three_of_them():
    wrong = dict.fromkeys(("A", "B", "C", "D"), "is wrong")
    error = SubjectInvalid(wrong)
    assert error.message == "A: is wrong; B: is wrong; C: is wrong"
    assert error.fields == wrong


def test_the_error_carries_every_field():
    with pytest.raises(SubjectInvalid) as caught:
        require_valid({}, TODAY)
    assert {"NAM", "DOB", "SEX", "ASL"} <= set(caught.value.fields)
    assert "RET" not in caught.value.fields


TEXT = st.text(max_size=40)
VALUE = st.one_of(
    TEXT, st.lists(TEXT, max_size=3), st.dictionaries(TEXT, TEXT, max_size=2), st.none(), st.integers()
)


@given(
    st.dictionaries(
        st.sampled_from(["NAM", "AKA", "ASL", "OCA", "ICO", "DOB", "HGT", "WGT", "SEX", "odd"]), VALUE
    )
)
def test_anything_typed_is_either_refused_or_can_be_written(raw):
    subject = tidy(raw)
    wrong = problems(subject, TODAY)
    right = {name: value for name, value in subject.items() if name not in wrong}
    encode(Transaction((type_2.record(type_2_table("CAR"), right),)))


# EBTS 9.1: 2.027 in feet and inches from 4 ft 0 to 7 ft 11, or N and 48 to 95 inches; 2.029 from 50 to 499 pounds.
@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (
            "HGT",
            "400 411 500 511 700 711 000 N48 N95",
            "399 412 512 712 799 800 300 011 N47 N96 N9X NX9 NN9 4N0 NNN 5-1",
        ),
        ("WGT", "050 499 000", "049 500 001 999"),
    ],
)
def test_height_and_weight_go_from_limit_to_limit(field, good, bad):
    assert [value for value in good.split() if problems(SUBJECT | {field: value}, TODAY)] == []
    assert [value for value in bad.split() if field not in problems(SUBJECT | {field: value}, TODAY)] == []


@pytest.mark.parametrize("field", ["DOB", "DOA"])
def test_a_date_may_be_today_and_not_tomorrow(field):
    day, after = TODAY.strftime("%Y%m%d"), (TODAY + dt.timedelta(days=1)).strftime("%Y%m%d")
    assert problems(SUBJECT | {field: day}, TODAY) == {}
    assert problems(SUBJECT | {field: after}, TODAY) == {field: "is in the future"}
