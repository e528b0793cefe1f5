"""What is read out of a bureau's words, each limit at its edge: fields by tag, fingers by number, lengths."""

from __future__ import annotations

import pytest

from station import responses, responses_reading
from station.responses_reading import code_of, explain, fields_in, finger_name, fingers_in

# Record types whose fields a station sends: header, person, the old fingerprint, minutiae, face, latent, finger, palm.
SENT = {1, 2, 4, 9, 10, 13, 14, 15}


def test_a_tag_names_a_field_of_a_record_that_a_station_sends() -> None:
    found = {kind for kind in range(100) if fields_in(f"FIELD {kind}.022 IS WRONG")}
    assert found == SENT


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("2.22", True), ("2.022", True), ("2.0022", True), ("2.2", False), ("2.00022", False), ("12.2.022", False),
        ("1.2.022.1", False),
    ],
)  # fmt: skip
def test_a_tag_is_a_type_and_two_to_four_digits(words: str, named: bool) -> None:
    assert bool(fields_in(words)) == named


def test_four_fields_are_named_each_once() -> None:
    words = "2.018 2.022 2.018 2.024 2.025 2.031"
    assert [each.split()[0] for each in fields_in(words)] == ["2.018", "2.022", "2.024", "2.025"]


def test_a_mnemonic_names_a_field_only_where_no_tag_does() -> None:
    assert [each.split()[0] for each in fields_in("DOB IS WRONG")] == ["2.022"]
    assert [each.split()[0] for each in fields_in("2.018 NOT DOB")] == ["2.018"]
    assert fields_in("NOT SENT TO FBI, CAN NOT LEN IDC") == ()


def test_a_position_is_1_to_15() -> None:
    assert [int(each) for n in range(20) for each in fingers_in(f"FINGER {n}")] == list(range(1, 16))


def test_fingers_are_named_in_their_order_each_once() -> None:
    assert [int(each) for each in fingers_in("FINGERS 3, 2 AND 3; LEFT THUMB, R INDEX, RIGHT FOUR")] == [
        3,
        2,
        6,
        13,
    ]
    assert [int(each) for each in fingers_in("LEFT SLAP AND R. RING")] == [14, 4]
    assert finger_name(fingers_in("FGP: 2")[0]) == "right index (2)"


@pytest.mark.parametrize("text", ["E0002 x", "  E0002", "E0002"])
def test_a_code_is_a_letter_and_four_digits_in_front(text: str) -> None:
    assert code_of(text) == "E0002"


@pytest.mark.parametrize("text", ["E002 x", "E00022", "e0002", "x E0002", ""])
def test_other_words_in_front_are_no_code(text: str) -> None:
    assert code_of(text) is None


def test_2000_letters_of_a_message_are_looked_at() -> None:
    assert responses_reading.MAX_TEXT == 2000
    assert explain(None, "x" * 1990 + " FINGER 9").fingers == (9,)
    assert explain(None, "x" * 1992 + " FINGER 9").fingers == ()


def test_types_of_replies_are_those_of_the_ebts() -> None:
    # EBTS 11.2: unsolicited notices; answers to searches; rejections, each by what was sent
    assert sorted(responses.UNSOLICITED) == ["RBN", "SPN", "UBM", "UHN", "ULM"]
    assert sorted(responses.SEARCHES) == ["RPISR", "SRE", "SRT", "TPRR"]
    assert sorted(responses.REJECTIONS) == ["ERRA", "ERRB", "ERRI", "ERRL", "ERRR", "ERRT"]
