"""responses: what a reply says in plain words, and that no reply can do more than fail with a typed error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station import responses
from station.errors import RecordError
from station.records import type_2
from station.records.encode import encode
from station.records.fields_type_2 import type_2_table
from station.records.header import Header, transaction
from station.records.tot import errt, second_stage, sre
from station.records.transaction import TaggedRecord, text
from station.responses import Outcome
from tests.unit.records.kit import DAT, HEADER, good

ANSWER = Header("BUREAU-00001", "XX0010000", "EXSIB0000", DAT, HEADER.gmt, tcr="SIM-2026-000001")
UNASKED = Header("BUREAU-00002", "XX0010000", "EXSIB0000", DAT, HEADER.gmt)


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


def test_a_negative_is_not_called_proof_of_no_record() -> None:
    response = responses.read(encode(sre.build(ANSWER, {"SRF": "N"})))
    assert response.outcome is Outcome.NO_CANDIDATE
    lines = " ".join(responses.plain(response))
    assert "no candidate in that file" in lines
    assert "not proof that there is no record" in lines


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
    assert any("correct the field" in line for line in lines)


def test_a_rejection_of_an_unknown_class_is_shown_without_explanation() -> None:
    response = responses.read(encode(errt.build(ANSWER, ["Z9999 SOMETHING"])))
    assert not any("means" in line for line in responses.plain(response))


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
