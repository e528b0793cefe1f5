"""The whole-set check of a booking: what it looks at, when an alarm is answered, and that nothing is sent before."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from station import booking as bookings
from station import set_check, templates
from station.booking import Attempt, Booking, Override, Segment
from station.booking_store import Taken
from station.errors import BookingError, SettingsError
from station.friction_ridge import FGP, IMP, MinutiaTemplate, QualityReport
from station.matching.sequence_types import SequenceFinding
from station.set_check import impressions_of, officer_gallery, open_alarms, reader_changes, require_agreement

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
IMPRESSION = SimpleNamespace(frame=SimpleNamespace(wall=NOW, reader=SimpleNamespace(id="reader:1")))


def template(count=30, seed=0):
    rng = np.random.default_rng(seed)
    place = rng.uniform(10, 390, (2, count)).astype(np.float32)
    angle = rng.uniform(0, 360, count).astype(np.float32)
    return MinutiaTemplate(
        400, 400, 500, place[0], place[1], angle, np.ones(count, np.uint8), np.full(count, 60, np.uint8)
    )


def booking_with(*positions, segments=()):
    booking = Booking("b-1", "CAR", "tenprint", {}, "avery", NOW, NOW)
    for fgp in positions:
        attempt = Attempt(
            FGP(fgp), IMP(1), 1, 80, (), None, True, 30, f"d{fgp}", "avery", NOW, True,
            tuple(segments) if fgp > 12 else (),
        )  # fmt: skip
        booking = bookings.with_attempt(booking, attempt, NOW)
    return booking


def taken(*positions):
    return {FGP(fgp): Taken(IMPRESSION, template(seed=fgp), QualityReport(77, "test")) for fgp in positions}


def alarm(code="sequence.swapped", sources=(2, 3)):
    return SequenceFinding(
        code, "words", "advice", FGP(2), FGP(3), 90.0, 3.0, tuple(map(FGP, sources)), (0, 1)
    )


def kept(fgp=2, attempt=1, check="sequence.swapped"):
    return Override(FGP(fgp), attempt, "checked_by_eye", "avery", "sam", NOW, check)


def test_rolls_count_whole_and_slaps_by_their_segments():
    boxes = (Segment(FGP(2), (0, 0, 200, 400), 0.0), Segment(FGP(3), (200, 0, 200, 400), 0.0))
    found = impressions_of(booking_with(2, 13, segments=boxes), taken(2, 13))
    assert [(one.fgp, one.source, one.quality) for one in found] == [(2, 2, 77), (2, 13, 77), (3, 13, 77)]
    assert len(found[1].template) + len(found[2].template) == 30
    assert found[1].template.width == 200


def test_a_slap_without_segments_is_left_out():
    assert impressions_of(booking_with(13), taken(13)) == ()


def test_a_plain_thumb_is_its_finger():
    (one,) = impressions_of(booking_with(12), taken(12))
    assert (one.fgp, one.source, one.rolled) == (FGP(6), FGP(12), False)


def test_an_alarm_is_open_until_it_is_answered_and_a_note_is_never_one():
    booking, note = booking_with(2, 3), replace(alarm("sequence.cannot_tell"), alarm=False)
    assert open_alarms(booking, (alarm(), note)) == (alarm(),)
    answered = replace(booking, overrides=(kept(),))
    assert open_alarms(answered, (alarm(), note)) == ()


@pytest.mark.parametrize(
    "override", [kept(fgp=5), kept(attempt=2), kept(check="quality"), kept(check="")], ids=str
)
def test_an_override_of_something_else_answers_nothing(override):
    booking = replace(booking_with(2, 3, 5), overrides=(override,))
    assert open_alarms(booking, (alarm(),)) == (alarm(),)


def test_an_officers_finger_needs_an_answer_of_its_own():
    officer = alarm("sequence.officer", (2,))
    assert open_alarms(replace(booking_with(2), overrides=(kept(),)), (officer,)) == (officer,)
    own = replace(booking_with(2), overrides=(kept(check="sequence.officer"),))
    assert open_alarms(own, (officer,)) == ()


def test_a_retake_opens_the_question_again():
    booking = replace(booking_with(2, 3), overrides=(kept(),))
    again = replace(booking.attempts[0], number=2, digest="new")
    assert open_alarms(bookings.with_attempt(booking, again, NOW), (alarm(),)) == (alarm(),)


def test_nothing_is_sent_while_an_alarm_is_open(monkeypatch):
    monkeypatch.setattr(set_check, "check_set", lambda impressions, others: (alarm(),))
    booking = booking_with(2, 3)
    with pytest.raises(BookingError) as caught:
        require_agreement(booking, taken(2, 3))
    assert (caught.value.code, "words" in caught.value.message) == ("booking.sequence_alarm", True)
    require_agreement(replace(booking, overrides=(kept(),)), taken(2, 3))


def test_a_refusal_says_the_first_three_alarms(monkeypatch):
    alarms = tuple(replace(alarm(), message=f"alarm {n}") for n in range(1, 5))
    monkeypatch.setattr(set_check, "check_set", lambda impressions, others: alarms)
    with pytest.raises(BookingError) as caught:
        require_agreement(booking_with(2, 3), taken(2, 3))
    assert caught.value.message == "alarm 1; alarm 2; alarm 3"


def by(reader, minutes):
    """Taken with a reader, so long after the beginning."""
    frame = SimpleNamespace(wall=NOW + dt.timedelta(minutes=minutes), reader=SimpleNamespace(id=reader))
    return Taken(SimpleNamespace(frame=frame), template(), QualityReport(77, "test"))


def test_one_reader_for_the_whole_set_is_no_finding():
    assert reader_changes({FGP(n): by("reader:1", n) for n in (1, 2, 3)}) == ()


def test_each_exchange_of_the_reader_is_told_in_the_order_of_taking_and_is_no_alarm():
    held = {
        FGP(3): by("reader:2", 3),
        FGP(1): by("reader:1", 1),
        FGP(2): by("reader:1", 2),
        FGP(4): by("reader:1", 4),
    }
    found = reader_changes(held)
    assert [(one.code, one.sources, one.alarm) for one in found] == [
        ("reader.swapped", (FGP(2), FGP(3)), False),
        ("reader.swapped", (FGP(3), FGP(4)), False),
    ]
    assert "reader:1 until" in found[0].message
    assert found[0].message.endswith("then reader:2")


def test_two_contacts_of_one_moment_follow_each_other_by_position():
    found = reader_changes({FGP(2): by("reader:2", 1), FGP(1): by("reader:1", 1)})
    assert [one.sources for one in found] == [(FGP(1), FGP(2))]


def test_the_same_finger_twice_is_found_with_the_shipped_matcher():
    booking, pair = booking_with(2, 3), {FGP(2): None, FGP(3): None}
    same = Taken(IMPRESSION, template(60), QualityReport(77, "test"))
    with pytest.raises(BookingError, match="are of one finger"):
        require_agreement(booking, dict.fromkeys(pair, same))


def test_no_folder_is_no_gallery():
    assert officer_gallery(None) == ()


def test_a_gallery_is_read_by_file_name(tmp_path):
    (tmp_path / "avery-stone_02.json").write_bytes(
        templates.encode("json", template(), fgp=2, imp=0, quality=60)
    )
    (tmp_path / ".hidden").write_bytes(b"no template")
    (one,) = officer_gallery(tmp_path)
    assert (one.label, len(one.template)) == ("avery stone", 30)


@pytest.mark.parametrize("make", ["missing", "picture"])
def test_a_gallery_that_is_missing_or_holds_a_picture_refuses_the_start(tmp_path, make):
    folder = tmp_path / "gallery"
    if make == "picture":
        folder.mkdir()
        (folder / "avery_02.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(SettingsError) as caught:
        officer_gallery(folder)
    assert caught.value.code == "settings.officer_templates"
