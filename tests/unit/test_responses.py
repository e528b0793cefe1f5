"""responses: what a reply says in plain words, and that no reply can do more than fail with a typed error."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station import responses, responses_reading, responses_texts
from station.errors import RecordError
from station.records import codes, type_2
from station.records.encode import encode
from station.records.fields_type_2 import type_2_table
from station.records.header import Header, transaction
from station.records.tot import errt, second_stage, sre
from station.records.transaction import TaggedRecord, text
from station.responses import Outcome
from station.responses_texts import Move
from tests.unit.records.kit import DAT, HEADER, good

ANSWER = Header("BUREAU-00001", "XX0010000", "EXSIB0000", DAT, HEADER.gmt, tcr="SIM-2026-000001")
UNASKED = Header("BUREAU-00002", "XX0010000", "EXSIB0000", DAT, HEADER.gmt)


def typed(tot: str, header: Header, parts: list[dict[str, Any]]) -> responses.Response:
    """A reply of that type with one Type-2 record for each of the parts."""
    bodies = [type_2.record(type_2_table(tot), each) for each in parts]
    return responses.read(encode(transaction(tot, header, bodies)))


def other(tot: str, header: Header, values: dict[str, Any]) -> responses.Response:
    return responses.read(encode(transaction(tot, header, [type_2.record(type_2_table("SRE"), values)])))


def test_a_positive_is_a_candidate_for_comparison_and_never_an_identity() -> None:
    values = {"SRF": "I", "FBI": "SIM000001", "SID": "XX1234567", "ERS": "RAP SHEET", "OCA": "2026-0001"}
    response = responses.read(encode(sre.build(ANSWER, values)))
    assert response.outcome is Outcome.CANDIDATE
    assert (response.ucn, response.sid, response.oca) == (("SIM000001",), ("XX1234567",), "2026-0001")
    lines = " ".join(responses.plain(response))
    assert "candidate for comparison" in lines
    assert "not an identification" in lines
    assert "rap sheet of 9 characters" in lines
    assert "SIM000001" in lines
    assert "XX1234567" in lines


def test_a_negative_is_worded_as_this_search_returned_no_candidate() -> None:
    response = responses.read(encode(sre.build(ANSWER, {"SRF": "N"})))
    assert response.outcome is Outcome.NO_CANDIDATE
    lines = " ".join(responses.plain(response))
    assert "This search returned no candidate." in lines
    assert "no record" not in lines


def test_a_rejection_keeps_its_words_and_says_whose_move_it_is() -> None:
    response = responses.read(
        encode(errt.build(ANSWER, ["E0002 2.022 DOB: NOT A DATE", "SEE YOUR ADMINISTRATOR"]))
    )
    assert response.outcome is Outcome.REJECTED
    assert [(each.code, each.text) for each in response.messages] == [
        ("E0002", "E0002 2.022 DOB: NOT A DATE"),
        (None, "SEE YOUR ADMINISTRATOR"),
    ]
    lines = responses.plain(response)
    assert "The bureau says: E0002 2.022 DOB: NOT A DATE" in lines
    assert "Whose move: yours." in lines
    assert any(line.startswith("What to do: Correct 2.022 DOB (date of birth)") for line in lines)


def test_a_rejection_nobody_knows_sends_the_officer_to_the_bureaus_own_words() -> None:
    response = responses.read(encode(errt.build(ANSWER, ["Z9999 SOMETHING"])))
    assert response.messages[0].explanation.family == "unknown"
    lines = responses.plain(response)
    assert "The bureau says: Z9999 SOMETHING" in lines
    assert any("words this station does not know. (Z9999)" in line for line in lines)


def test_a_second_stage_text_is_for_a_person_to_read() -> None:
    response = responses.read(
        encode(second_stage.build(ANSWER, ["SIMULATED DHS: NO CANDIDATE IN THIS FILE"]))
    )
    assert response.outcome is Outcome.SECOND_STAGE
    assert "Nothing follows from it by itself" in responses.plain(response)[0]


@pytest.mark.parametrize("tot", sorted(responses.UNSOLICITED))
def test_an_unsolicited_notice_is_named_so_and_belongs_to_nobody_yet(tot: str) -> None:
    response = other(tot, UNASKED, {"MSG": ["NOTICE"]})
    assert response.outcome is Outcome.UNSOLICITED
    assert response.unsolicited
    assert "a person must find where it belongs" in responses.plain(response)[-1]


@pytest.mark.parametrize(
    ("tot", "srf", "outcome"),
    [
        ("RPISR", "R", Outcome.CANDIDATE),
        ("RPISR", "Y", Outcome.CANDIDATE),
        ("RPISR", "G", Outcome.NO_CANDIDATE),
        ("SRE", "C", Outcome.UNDECIDED),
        ("SRE", "Q", Outcome.UNDECIDED),
        ("XYZ", "I", Outcome.UNDECIDED),
        ("ERRA", "N", Outcome.REJECTED),
    ],
)
def test_the_letter_of_a_search_gives_its_outcome(tot: str, srf: str, outcome: Outcome) -> None:
    assert other(tot, ANSWER, {"SRF": srf}).outcome is outcome


def test_a_search_without_letter_decides_nothing() -> None:
    assert other("SRE", ANSWER, {"MSG": ["?"]}).outcome is Outcome.UNDECIDED


def test_a_reply_is_matched_to_our_control_number_by_tcr() -> None:
    response = responses.read(encode(sre.build(ANSWER, {"SRF": "N"})))
    assert response.answers("SIM-2026-000001")
    assert response.answers(" SIM-2026-000001 ")
    assert not response.answers("SIM-2026-000002")
    assert not response.unsolicited
    without = responses.read(encode(sre.build(UNASKED, {"SRF": "N"})))
    assert not without.answers("")
    assert without.unsolicited


def test_our_own_submission_echoed_back_is_not_a_reply() -> None:
    with pytest.raises(RecordError) as caught:
        responses.read(encode(good()))
    assert caught.value.code == "record.not_a_response"


def test_a_reply_without_text_record_is_refused() -> None:
    with pytest.raises(RecordError) as caught:
        responses.read(
            encode(transaction("SRE", ANSWER, [TaggedRecord(10, (text(2, "01"), text(3, "FACE")))]))
        )
    assert caught.value.code == "record.not_a_response"


@pytest.mark.parametrize("content", [b"", b"<html>please sign in</html>", b"{}", b"1.001:99999\x1d"])
def test_a_reply_that_is_no_record_fails_with_a_typed_error(content: bytes) -> None:
    with pytest.raises(RecordError):
        responses.read(content)


def test_an_enormous_reply_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "MAX_BYTES", 3)
    with pytest.raises(RecordError) as caught:
        responses.read(b"1234")
    assert caught.value.code == "record.too_large"


@pytest.mark.parametrize("hostile", [b"\x1b[2JXY", "A\u202eB.".encode(), b"A\r\nAB\n"])
def test_control_and_direction_characters_are_kept_and_not_shown(hostile: bytes) -> None:
    content = encode(errt.build(ANSWER, ["E0001 ######"]))
    assert len(hostile) == 6
    response = responses.read(content.replace(b"######", hostile))
    assert hostile.decode() in response.messages[0].text
    assert all(line.isprintable() for line in responses.plain(response))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.binary(max_size=6))
def test_a_hostile_reply_gives_words_or_a_record_error(at: int, junk: bytes) -> None:
    content = encode(sre.build(ANSWER, {"SRF": "I", "FBI": "SIM000001", "MSG": ["TEXT"]}))
    try:
        response = responses.read(content[:at] + junk + content[at + len(junk) :])
    except RecordError:
        return
    assert all(line.isprintable() for line in responses.plain(response))


# What each row of the tables is found by, and what it leads to.

MESSAGES = [
    ("A0004 REQUESTOR IS NOT AUTHORIZED FOR TRANSACTION TYPE CAR", "A0004", Move.AGENCY, (), ()),
    ("A0001 REQUESTED DELETION", "A0001", Move.AGENCY, (), ()),
    ("A0008 ADD CONFIRM", "A0008", Move.AGENCY, (), ()),
    ("A0009 QUEUE", "A0009", Move.AGENCY, (), ()),
    ("A0077 NEW", "class A", Move.AGENCY, (), ()),
    ("E0001 - Mandatory element NAM was not supplied", "E0001", Move.OFFICER, ("2.018",), ()),
    ("E0002: element DOB, with value of [19990230]", "E0002", Move.OFFICER, ("2.022",), ()),
    ("E0003 2.029 [900]", "E0003", Move.OFFICER, ("2.029",), ()),
    ("E0004 LOGICAL RECORD TYPE 14 CONTAINING IDC OF [03]", "E0004", Move.ADMINISTRATOR, (), ()),
    ("E0005 FIELD 2.047 COULD NOT BE PARSED", "E0005", Move.ADMINISTRATOR, ("2.047",), ()),
    ("E0006 DOA INCONSISTENT WITH DOB", "E0006", Move.OFFICER, ("2.045", "2.022"), ()),
    ("E0099 SOC", "class E", Move.OFFICER, ("2.016",), ()),
    ("H0001 ORI", "H0001", Move.ADMINISTRATOR, ("1.008",), ()),
    ("H0002 1.013", "H0002", Move.ADMINISTRATOR, ("1.013",), ()),
    ("H0003 DAT", "H0003", Move.ADMINISTRATOR, ("1.005",), ()),
    ("H0042 ?", "class H", Move.ADMINISTRATOR, (), ()),
    ("L0008 FGP 03, 04 AND 8", "L0008", Move.OFFICER, None, (3, 4, 8)),
    ("L0117 LEFT RING", "class L", Move.OFFICER, (), (9,)),
    ("DUPLICATE TCN", "duplicate", Move.ADMINISTRATOR, ("1.009",), ()),
    ("Transaction was already received", "duplicate", Move.ADMINISTRATOR, (), ()),
    ("Fingers out of sequence: finger 2, 3", "sequence", Move.OFFICER, (), (2, 3)),
    ("Right hand and left hand: hands are reversed", "sequence", Move.OFFICER, (), ()),
    ("ROLLED FINGER 4 DOES NOT MATCH PLAIN", "sequence", Move.OFFICER, (), (4,)),
    ("The quality of the characteristics is too low: R. INDEX", "quality", Move.OFFICER, (), (2,)),
    ("Poor image quality position 13", "quality", Move.OFFICER, (), (13,)),
    ("LEFT FOUR SMUDGED", "quality", Move.OFFICER, (), (14,)),
    ("MISSING FINGERPRINTS", "missing finger", Move.OFFICER, (), ()),
    ("Image for finger 7 not provided", "missing finger", Move.OFFICER, (), (7,)),
    ("AMPUTATION CODE CONFLICTS 2.084", "amputation", Move.OFFICER, ("2.084",), ()),
    ("WSQ DATA CORRUPT", "image", Move.ADMINISTRATOR, (), ()),
    ("INVALID ORI XX0010000", "not authorised", Move.AGENCY, ("1.008",), ()),
    ("SYSTEM UNAVAILABLE, TRY LATER", "later", Move.BUREAU, (), ()),
    ("RACE IS REQUIRED: RAC", "missing field", Move.OFFICER, ("2.025",), ()),
    ("INVALID VALUE FOR HGT", "invalid field", Move.OFFICER, ("2.027",), ()),
    ("HELLO", "unknown", Move.OFFICER, (), ()),
    ("", "unknown", Move.OFFICER, (), ()),
]


@pytest.mark.parametrize(("text", "family", "move", "fields", "fingers"), MESSAGES)
def test_a_rejection_says_whose_move_it_is_and_what_to_take_or_correct(
    text: str, family: str, move: Move, fields: tuple[str, ...] | None, fingers: tuple[int, ...]
) -> None:
    told = responses_reading.explain(responses_reading.code_of(text), text)
    assert (told.family, told.move, told.fingers) == (family, move, fingers)
    if fields is not None:
        assert tuple(each.split()[0] for each in told.fields) == fields
    assert "{" not in told.fix


def test_every_code_class_and_family_of_the_tables_is_reached_by_a_message() -> None:
    reached = {family for _, family, *_ in MESSAGES}
    classes = {f"class {letter}" for letter in responses_texts.CLASSES}
    families = {each.name for each in responses_texts.FAMILIES}
    assert reached == {*responses_texts.ERRORS, *classes, *families, "unknown"}


def test_a_finger_to_take_again_is_named_in_words_and_by_number() -> None:
    told = responses_reading.explain(None, "POOR QUALITY FINGER 9")
    assert "left ring (9)" in told.fix
    assert responses_texts.NO_FINGER_NAMED in responses_reading.explain(None, "POOR QUALITY").fix


def test_what_is_from_memory_is_said_to_be_not_verified() -> None:
    response = responses.read(encode(errt.build(ANSWER, ["L0008 LOW QUALITY"])))
    assert any(responses_texts.NOT_VERIFIED in line for line in responses.plain(response))
    known = responses.read(encode(errt.build(ANSWER, ["E0001 NAM"])))
    assert not any(responses_texts.NOT_VERIFIED in line for line in responses.plain(known))


@pytest.mark.parametrize("text", responses_texts.own_texts())
def test_no_sentence_of_ours_calls_a_person_found_or_cleared(text: str) -> None:
    assert not [word for word in responses_texts.FORBIDDEN if word in text.lower()]


def test_no_reply_of_any_type_and_letter_is_worded_as_more_than_a_candidate() -> None:
    for tot, letter in itertools.product(
        sorted(responses.SEARCHES | responses.UNSOLICITED | responses.REJECTIONS), [*codes.SRF, ""]
    ):
        values = {"SRF": letter} if letter else {"MSG": ["TEXT"]}
        response = other(tot, ANSWER, values)
        lines = [line for line in responses.plain(response) if not line.startswith("The bureau")]
        assert not [w for w in responses_texts.FORBIDDEN if w in " ".join(lines).lower()], (tot, letter)
        if response.outcome is not Outcome.REJECTED:
            assert any(line.startswith("Whose move: ") for line in lines)
            assert any(line.startswith("What to do: ") for line in lines)


@pytest.mark.parametrize(
    ("letter", "word", "outcome"),
    [
        ("R", "Red:", Outcome.CANDIDATE),
        ("Y", "Yellow:", Outcome.CANDIDATE),
        ("G", "Green: this search returned no candidate", Outcome.NO_CANDIDATE),
    ],
)
def test_a_rapid_search_is_told_by_its_colour(letter: str, word: str, outcome: Outcome) -> None:
    response = typed("RPISR", ANSWER, [{"SRF": letter, "NOT": "SEE WANTS", "ACN": "CALL"}])
    assert response.outcome is outcome
    lines = responses.plain(response)
    assert lines[0].startswith(word)
    assert "The bureau notes: SEE WANTS" in lines
    assert "The bureau notes: CALL" in lines


def test_a_list_of_candidates_is_shown_in_the_bureaus_order() -> None:
    rows = [{"UCN": "SIM000002", "NAM": "SAMPLE,A"}, {"UCN": "SIM000001", "NAM": "SAMPLE,B"}]
    response = typed("SRT", ANSWER, [{"CAN": rows}])
    assert response.outcome is Outcome.CANDIDATE
    lines = responses.plain(response)
    assert "Candidate 1 for comparison: SIM000002 SAMPLE,A" in lines
    assert "Candidate 2 for comparison: SIM000001 SAMPLE,B" in lines


def test_an_answer_to_a_search_without_list_and_letter_decides_nothing() -> None:
    response = typed("SRT", ANSWER, [{"MSG": ["DONE"]}])
    assert response.outcome is Outcome.UNDECIDED
    assert responses.plain(response)[0] == responses_texts.NO_RESULT.happened


def test_a_rap_sheet_that_was_asked_for_is_no_search_result() -> None:
    response = typed("TPRR", ANSWER, [{"ERS": "RAP SHEET"}])
    assert response.outcome is Outcome.RAP_SHEET
    assert "rap sheet of 9 characters" in " ".join(responses.plain(response))


def test_a_latent_notice_names_its_case() -> None:
    response = typed("ULM", UNASKED, [{"CIN": [{"CIN_PRE": "XX", "CIN_ID": "L-17"}], "FGP": ["02"]}])
    assert response.outcome is Outcome.UNSOLICITED
    lines = responses.plain(response)
    assert "Case of the latent print: XX L-17" in lines
    assert responses_texts.NO_TCR in lines


@pytest.mark.parametrize("tot", ["UHN", "RBN"])
def test_a_notice_may_answer_a_submission_and_stays_a_notice(tot: str) -> None:
    response = typed(tot, ANSWER, [{"MSG": ["NOTICE"]}])
    assert response.outcome is Outcome.UNSOLICITED
    assert responses.plain(response)[-1] == "It answers the submission SIM-2026-000001."


def test_a_combined_reply_shows_each_of_its_parts_and_a_candidate_wins() -> None:
    response = typed("RPISR", ANSWER, [{"SRF": "G", "FBI": "SIM1"}, {"SRF": "R", "FBI": "SIM2"}])
    assert response.outcome is Outcome.CANDIDATE
    assert response.srfs == ("G", "R")
    assert response.ucn == ("SIM1", "SIM2")
    lines = responses.plain(response)
    assert lines[0] == "The reply holds 2 answers; each is shown in its turn."
    assert any(line.startswith("Green:") for line in lines)
    assert any(line.startswith("Red:") for line in lines)


def test_a_combined_reply_with_a_part_without_letter_is_not_a_negative() -> None:
    assert typed("RPISR", ANSWER, [{"SRF": "G"}, {"MSG": ["?"]}]).outcome is Outcome.UNDECIDED


def test_replies_one_behind_the_other_are_read_one_by_one() -> None:
    content = encode(sre.build(ANSWER, {"SRF": "N"})) + encode(second_stage.build(ANSWER, ["LATER"]))
    assert [each.tot for each in responses.read_all(content)] == ["SRE", "SIMTEXT"]
    with pytest.raises(RecordError) as caught:
        responses.read(content)
    assert caught.value.code == "record.trailing_bytes"
    with pytest.raises(RecordError):
        responses.read_all(b"")


def test_a_file_of_endless_replies_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responses, "MAX_REPLIES", 2)
    with pytest.raises(RecordError) as caught:
        responses.read_all(encode(sre.build(ANSWER, {"SRF": "N"})) * 3)
    assert caught.value.code == "record.too_large"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (DAT, None),
        (DAT - dt.timedelta(days=1), None),
        (DAT - dt.timedelta(days=9), "dated 9 days after the submission"),
        (DAT + dt.timedelta(days=1), None),
        (DAT + dt.timedelta(days=5), "dated before the submission"),
    ],
)
def test_a_late_answer_says_how_late_it_is(sent: dt.date, words: str | None) -> None:
    lines = responses.plain(responses.read(encode(sre.build(ANSWER, {"SRF": "N"}))), sent)
    said = [line for line in lines if "dated" in line]
    assert said == [] if words is None else words in said[0]


@pytest.mark.parametrize("dat", ["20261399", "2026112", "２０２６１１２３", "TOMORROW"])
def test_a_reply_dated_on_no_day_is_neither_late_nor_early(dat: str) -> None:
    response = responses.read(encode(sre.build(ANSWER, {"SRF": "N"})))
    assert dataclasses.replace(response, dat=dat).days_after(DAT) is None


@given(st.text(max_size=400))
def test_whatever_a_message_says_an_explanation_comes_out(text: str) -> None:
    told = responses_reading.explain(responses_reading.code_of(text), text)
    assert told.happened
    assert len(told.fields) <= 4


@given(
    st.lists(st.sampled_from(["SRE", "ERRT", "RPISR", "SRT", "TPRR", "UHN", "ULM", "RBN", "XYZ"])), st.data()
)
@settings(max_examples=60)
def test_any_fields_in_any_reply_give_words(tots: list[str], data: st.DataObject) -> None:
    value = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)
    for tot in tots[:2]:
        numbers = data.draw(st.sets(st.sampled_from([9, 10, 14, 15, 18, 59, 60, 64, 71, 75, 88, 2007])))
        body = TaggedRecord(2, (text(2, "00"), *(text(each, data.draw(value)) for each in sorted(numbers))))
        response = responses.read(encode(transaction(tot, ANSWER, [body])))
        assert all(line.isprintable() for line in responses.plain(response))


def test_the_page_about_replies_has_every_row_of_the_tables(repo: Path) -> None:
    page = (repo / "docs" / "records-responses.md").read_text(encoding="utf-8").replace("\\|", "|")
    advice = (
        *responses_texts.ERRORS.values(),
        *responses_texts.CLASSES.values(),
        *responses_texts.RESULTS.values(),
        *responses_texts.TYPES.values(),
        *(each.advice for each in responses_texts.FAMILIES),
    )
    assert [each for each in advice if f"| {each.happened} | {each.move} | {each.fix} |" not in page] == []
    assert all(f"| {code} |" in page for code in responses_texts.ERRORS)


# Whose move it is, from what the letters mean. A: authorisation is the agency's, with the bureau. E: a value of the
# booking is the officer's, a record that cannot be read or taken apart the administrator's. H: the header is from the
# settings. L: the prints are the officer's. A candidate is an examiner's, no candidate nobody's.
MOVES = """
A AGENCY  A0001 AGENCY  A0004 AGENCY  A0008 AGENCY  A0009 AGENCY
E OFFICER  E0001 OFFICER  E0002 OFFICER  E0003 OFFICER  E0004 ADMINISTRATOR  E0005 ADMINISTRATOR  E0006 OFFICER
H ADMINISTRATOR  H0001 ADMINISTRATOR  H0002 ADMINISTRATOR  H0003 ADMINISTRATOR
L OFFICER  L0008 OFFICER
SRE/I EXAMINER  SRE/N NOBODY  RPISR/R EXAMINER  RPISR/Y EXAMINER  RPISR/G NOBODY
/C OFFICER  /D BUREAU  /Z NOBODY  /P OFFICER  /M OFFICER  /X OFFICER
SRT EXAMINER  TPRR OFFICER  UHN EXAMINER  ULM EXAMINER  UBM EXAMINER  RBN AGENCY  SPN AGENCY  SIMTEXT OFFICER
duplicate ADMINISTRATOR  sequence OFFICER  quality OFFICER  missing_finger OFFICER  amputation OFFICER
image ADMINISTRATOR  not_authorised AGENCY  later BUREAU  missing_field OFFICER  invalid_field OFFICER
"""


def test_every_code_result_type_and_family_says_whose_move_it_is() -> None:
    words = MOVES.split()
    tables = (responses_texts.CLASSES, responses_texts.ERRORS, responses_texts.TYPES)
    found = {code: advice.move.name for table in tables for code, advice in table.items()}
    found |= {
        f"{tot}/{letter}": advice.move.name for (tot, letter), advice in responses_texts.RESULTS.items()
    }
    found |= {each.name.replace(" ", "_"): each.advice.move.name for each in responses_texts.FAMILIES}
    assert found == dict(zip(words[::2], words[1::2], strict=True))
    assert responses_texts.UNKNOWN_MESSAGE.move is responses_texts.NO_RESULT.move is Move.OFFICER
    assert {each.name: str(each) for each in Move} == {
        "OFFICER": "yours",
        "ADMINISTRATOR": "the station's administrator",
        "AGENCY": "your agency, with the bureau",
        "BUREAU": "the bureau's",
        "EXAMINER": "a trained fingerprint examiner's",
        "NOBODY": "nobody's",
    }
