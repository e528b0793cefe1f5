"""From a frame to a verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import CaptureRetry
from drivers.reader import CaptureKind
from station import booking_plan
from station.capture import CaptureRules, cut, digest_of, examine, left_to_right, take
from station.errors import ImageError
from station.friction_ridge import AMP, FGP, IMP
from tests.unit.kiosk.fakes import FakeReader, coded, fake_tools, template_of


def step(fgp, missing=None, plan="tenprint"):
    return next(one for one in booking_plan.steps(plan, missing or {}) if one.fgp == fgp)


def judged(frame, fgp, taken=None, missing=None, tools=None):
    return examine(
        frame,
        step(fgp, missing),
        taken or {},
        tools or fake_tools(),
        CaptureRules(40),
        officer="avery",
        number=1,
    )


def rolls(*fingers):
    return {FGP(finger): [template_of([finger])] for finger in fingers}


def test_the_reader_is_asked_for_the_contact_and_the_lamps_of_the_step():
    reader = FakeReader()
    take(reader, step(FGP.PLAIN_LEFT_FOUR, {FGP(9): AMP.AMPUTATED}), CaptureRules(40, finger_s=12, lift_s=3))
    (request,) = reader.requests
    assert (request.kind, request.lamps) == (CaptureKind.SLAP, (7, 8, 10))
    assert (request.finger_s, request.lift_s) == (12, 3)


def test_errors_of_the_reader_pass_through():
    reader = FakeReader()
    reader.script = [CaptureRetry("capture.no_finger", "nobody")]
    with pytest.raises(CaptureRetry):
        take(reader, step(FGP(1)), CaptureRules())


def test_a_good_roll_is_accepted_and_carries_who_and_what():
    outcome = judged(coded([2], 70), FGP(2), rolls(1))
    assert outcome.result == "accepted"
    one = outcome.impression
    assert (one.fgp, one.imp, one.officer, one.attempt) == (FGP(2), IMP.LIVESCAN_ROLLED, "avery", 1)
    attempt = outcome.attempt()
    assert (attempt.accepted, attempt.score, attempt.minutiae, attempt.simulated) == (True, 70, 1, True)
    assert attempt.digest == digest_of(one.frame)


@pytest.mark.parametrize(("quality", "result"), [(39, "retake"), (40, "accepted")])
def test_the_threshold_itself_is_good_enough(quality, result):
    assert judged(coded([2], quality), FGP(2)).result == result


def test_another_finger_taken_before_is_a_wrong_finger_however_good():
    outcome = judged(coded([3], 90), FGP(4), rolls(3))
    assert outcome.result == "wrong_finger"
    assert outcome.finding.with_fgp == 3
    assert not outcome.attempt().accepted


def test_a_plain_thumb_is_compared_as_the_thumb_it_should_be():
    assert judged(coded([1]), FGP.PLAIN_RIGHT_THUMB, rolls(1, 6)).result == "accepted"
    assert judged(coded([6]), FGP.PLAIN_RIGHT_THUMB, rolls(1, 6)).finding.with_fgp == 6


def test_a_slap_names_its_fingers_and_how_they_match_their_rolls():
    outcome = judged(coded([2, 3, 4, 5]), FGP.PLAIN_RIGHT_FOUR, rolls(2, 3, 4))
    assert outcome.result == "accepted"
    assert [int(one.fgp) for one in outcome.segments] == [2, 3, 4, 5]
    assert [one.roll_score for one in outcome.segments] == [90.0, 90.0, 90.0, None]


def test_a_left_slap_shows_its_little_finger_first():
    assert left_to_right(step(FGP.PLAIN_LEFT_FOUR)) == (FGP(10), FGP(9), FGP(8), FGP(7))
    assert left_to_right(step(FGP.PLAIN_THUMBS, plan="flats-4-4-2")) == (FGP(6), FGP(1))
    outcome = judged(coded([10, 8, 7]), FGP.PLAIN_LEFT_FOUR, rolls(7, 8, 10), {FGP(9): AMP.AMPUTATED})
    assert outcome.result == "accepted"
    assert [int(one.fgp) for one in outcome.segments] == [10, 8, 7]


@pytest.mark.parametrize(("seen", "words"), [([2, 3, 4], "Three fingers seen, four"), ([], "No finger seen")])
def test_a_slap_with_too_few_fingers_is_a_retake_that_says_how_many(seen, words):
    outcome = judged(coded(seen), FGP.PLAIN_RIGHT_FOUR, rolls(2, 3, 4, 5))
    assert outcome.result == "retake"
    assert outcome.causes[0].code == "slap_count"
    assert outcome.causes[0].advice.startswith(words)
    assert outcome.finding is None


def test_more_fingers_than_words_are_counted_in_digits():
    tools = fake_tools()
    boxes = tools.segment_slap(coded([2, 3, 4, 5]).pixels, 500, 4)
    outcome = judged(
        coded([2]),
        FGP.PLAIN_RIGHT_FOUR,
        tools=replace(tools, segment_slap=lambda p, ppi, n: (*boxes, boxes[0])),
    )
    assert outcome.causes[0].advice.startswith("5 fingers seen")


def test_the_other_hand_is_called_by_its_name():
    outcome = judged(coded([7, 8, 9, 10]), FGP.PLAIN_RIGHT_FOUR, rolls(2, 3, 7, 8))
    assert outcome.result == "wrong_finger"
    assert outcome.finding.code == "sequence.hands_swapped"
    assert outcome.finding.with_fgp == 7


def test_two_fingers_in_the_wrong_order_are_a_wrong_finger_of_the_same_hand():
    outcome = judged(coded([3, 2, 4, 5]), FGP.PLAIN_RIGHT_FOUR, rolls(2, 3, 4, 5))
    assert (outcome.result, outcome.finding.code) == ("wrong_finger", "sequence.same_finger")


def test_a_slap_is_as_good_as_its_worst_finger_and_causes_point_into_the_whole_picture():
    tools = fake_tools()
    frame = coded([2, 3, 4, 5])
    frame.pixels.setflags(write=True)
    scores = iter((80, 25, 60, 70))

    def assess(pixels, ppi):
        report = tools.assess(coded([2], 20).pixels, ppi)
        return replace(report, score=next(scores))

    outcome = judged(frame, FGP.PLAIN_RIGHT_FOUR, tools=replace(tools, assess=assess))
    assert (outcome.result, outcome.report.score) == ("retake", 25)
    left = max(0, 4 + 19 - 16)
    assert outcome.causes[0].box == (left + 1, 1, 4, 4)


@given(st.integers(0, 119), st.integers(0, 239))
def test_minutiae_inside_a_box_are_kept_in_its_own_coordinates(dx, dy):
    template = replace(
        template_of([1, 2]),
        x=np.array([100 + dx, 220], np.float32),
        y=np.array([200 + dy, 200 + dy], np.float32),
    )
    part = cut(template, (100, 200, 120, 240))
    assert (list(part.angle), list(part.x), list(part.y)) == ([1.0], [dx], [dy])
    assert (part.width, part.height) == (120, 240)


def test_a_blank_picture_asks_the_person_again_and_a_broken_one_does_not():
    def blank(pixels, ppi):
        raise ImageError("image.blank", "nothing")

    def broken(pixels, ppi):
        raise ImageError("image.too_small", "small")

    with pytest.raises(CaptureRetry, match=r"capture.blank"):
        judged(coded([1]), FGP(1), tools=replace(fake_tools(), extract=blank))
    with pytest.raises(ImageError):
        judged(coded([1]), FGP(1), tools=replace(fake_tools(), extract=broken))


def test_the_digest_depends_on_pixels_and_size_only():
    frame = coded([1], salt=9)
    assert digest_of(frame) == digest_of(replace(frame, sequence=99, monotonic=5.0))
    turned = replace(frame, pixels=frame.pixels.reshape(80, 60).copy())
    assert digest_of(turned) != digest_of(frame)
