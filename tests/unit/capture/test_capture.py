"""From a frame to a verdict."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import CaptureRetry
from drivers.reader import CaptureKind
from station import booking_plan
from station.capture import CaptureRules, cut, digest_of, examine, take
from station.capture_watch import watch
from station.errors import ImageError
from station.friction_ridge import AMP, FGP, IMP, QualityCause, QualityReport
from station.imaging.quality import nfiq2
from station.imaging.slap_types import SlapFinding
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


def test_a_finger_laid_down_where_a_roll_was_asked_is_a_retake_that_says_so():
    narrow = SimpleNamespace(advice="roll it", box=(1, 2, 3, 4))
    tools = replace(fake_tools(), plain_as_roll=lambda pixels, ppi, fgp: narrow if fgp == 2 else None)
    outcome = judged(coded([2]), FGP(2), tools=tools)
    assert (outcome.result, outcome.causes[0].code, outcome.causes[0].box) == (
        "retake",
        "plain_for_roll",
        narrow.box,
    )
    assert judged(coded([3]), FGP(3), tools=tools).result == "accepted"


def test_a_plain_impression_may_be_as_narrow_as_it_is():
    tools = replace(fake_tools(), plain_as_roll=lambda pixels, ppi, fgp: pytest.fail("not a roll"))
    assert judged(coded([1]), FGP.PLAIN_RIGHT_THUMB, tools=tools).result == "accepted"


def test_a_plain_thumb_is_compared_as_the_thumb_it_should_be():
    assert judged(coded([1]), FGP.PLAIN_RIGHT_THUMB, rolls(1, 6)).result == "accepted"
    assert judged(coded([6]), FGP.PLAIN_RIGHT_THUMB, rolls(1, 6)).finding.with_fgp == 6


def test_a_slap_names_its_fingers_and_how_they_match_their_rolls():
    outcome = judged(coded([2, 3, 4, 5]), FGP.PLAIN_RIGHT_FOUR, rolls(2, 3, 4))
    assert outcome.result == "accepted"
    assert [int(one.fgp) for one in outcome.segments] == [2, 3, 4, 5]
    assert [one.roll_score for one in outcome.segments] == [90.0, 90.0, 90.0, None]


@pytest.mark.parametrize(("seen", "words"), [([2, 3, 4], "Three fingers seen, four"), ([], "No finger seen")])
def test_a_slap_with_too_few_fingers_is_a_retake_that_says_how_many(seen, words):
    outcome = judged(coded(seen), FGP.PLAIN_RIGHT_FOUR, rolls(2, 3, 4, 5))
    assert outcome.result == "retake"
    assert outcome.causes[0].code == "slap_count"
    assert outcome.causes[0].advice.startswith(words)
    assert outcome.finding is None


def test_more_fingers_than_words_are_counted_in_digits():
    tools = fake_tools()
    seen = tools.segment(coded([2, 3, 4, 5]).pixels, 500, FGP.PLAIN_RIGHT_FOUR, ())
    five = replace(seen, fingers=(*seen.fingers, seen.fingers[0]))
    outcome = judged(coded([2]), FGP.PLAIN_RIGHT_FOUR, tools=replace(tools, segment=lambda *_: five))
    assert outcome.causes[0].advice.startswith("5 fingers seen")


def test_a_left_slap_shows_its_little_finger_first():
    outcome = judged(coded([10, 8, 7]), FGP.PLAIN_LEFT_FOUR, rolls(7, 8, 10), {FGP(9): AMP.AMPUTATED})
    assert outcome.result == "accepted"
    assert [int(one.fgp) for one in outcome.segments] == [10, 8, 7]


def found_on(fingers, fgp, *findings):
    """Tools that see these findings on a slap."""
    tools = fake_tools()
    seen = replace(tools.segment(coded(fingers).pixels, 500, fgp, ()), findings=findings)
    return replace(tools, segment=lambda *_: seen)


def test_the_other_hand_is_told_by_its_outline_where_there_are_no_rolls():
    wrong = SlapFinding("slap.wrong_hand", "this looks like the left hand", "Place the right hand.", True)
    outcome = judged(coded([2, 3, 4, 5]), FGP.PLAIN_RIGHT_FOUR, tools=found_on([2, 3, 4, 5], FGP(13), wrong))
    assert outcome.result == "wrong_finger"
    assert (outcome.finding.code, outcome.finding.with_fgp) == ("slap.wrong_hand", None)


def test_a_finger_marked_missing_that_lies_there_asks_for_the_slap_again():
    more = SlapFinding("slap.unexpected_finger", "marked as missing", "Remove the mark.", True, (1, 2, 3, 4))
    outcome = judged(coded([2, 3, 4, 5]), FGP.PLAIN_RIGHT_FOUR, tools=found_on([2, 3, 4, 5], FGP(13), more))
    assert outcome.result == "retake"
    assert [(c.code, c.advice, c.box) for c in outcome.causes[:1]] == [
        ("slap_count", "Remove the mark.", (1, 2, 3, 4))
    ]


def test_ridges_beside_the_fingers_do_not_stop_a_slap():
    beside = SlapFinding("slap.neighbour", "ridges beside", "Wipe the glass.", False)
    outcome = judged(coded([2, 3, 4, 5]), FGP.PLAIN_RIGHT_FOUR, tools=found_on([2, 3, 4, 5], FGP(13), beside))
    assert outcome.result == "accepted"
    assert all(len(one.outline) == 3 for one in outcome.segments)


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


# The live judge between reader and officer -------------------------------------------------------------------------


class PreviewReader(FakeReader):
    """Shows the given frames, then waits to be stopped, or delivers `final`."""

    def __init__(self, frames, final=None, info=None):
        super().__init__(*([info] if info else []))
        self.frames, self.final, self.stopped = frames, final, False

    def capture(self, request, preview=None, cancelled=None):
        for frame in self.frames:
            preview(frame)
            if cancelled():
                self.stopped = True
                raise CaptureRetry("capture.cancelled", "stopped", "again")
        if self.final is not None:
            return self.final
        raise CaptureRetry("capture.no_finger", "nobody", "again")


def ridged(sequence, *, ppi=500, certification="none"):
    """A preview frame with ridges on it, the same each time, 0.1 s apart."""
    base = coded([2], 80, final=False, salt=sequence)
    y, x = np.mgrid[:240, :240]
    pixels = (128 + 100 * np.cos(2 * np.pi * (x + 0.2 * y) / 9)).astype(np.uint8)
    info = replace(base.reader, certification=certification)
    return replace(base, pixels=pixels, ppi=ppi, monotonic=0.1 * sequence, reader=info, sequence=sequence)


def good(_pixels, _ppi):
    return QualityReport(80, "fake-1")


def watched(reader, *, fgp=FGP.PLAIN_RIGHT_THUMB, rules=None, assess=good, cancelled=lambda: False):
    shown = []
    frame = watch(
        reader,
        step(fgp),
        rules or CaptureRules(40),
        assess,
        lambda seen, verdict: shown.append(verdict),
        cancelled,
    )
    return frame, shown


def test_a_settled_frame_of_full_resolution_is_taken_by_the_station_itself():
    reader = PreviewReader([ridged(n) for n in range(20)])
    frame, shown = watched(reader)
    assert reader.stopped
    assert frame.final
    assert [str(verdict.state) for verdict in shown] == ["adjust", "hold", "hold", "hold", "hold", "take"]
    assert frame.sequence == 5


@pytest.mark.parametrize(
    "frames",
    [
        [ridged(n, ppi=250) for n in range(9)],
        [ridged(n, certification="AppF") for n in range(9)],
    ],
    ids=["half resolution", "certified reader"],
)
def test_a_reader_that_must_choose_for_itself_is_left_to_it(frames):
    final = coded([1])
    frame, shown = watched(PreviewReader(frames, final))
    assert frame is final
    assert "take" in {str(verdict.state) for verdict in shown}


def test_a_roll_is_never_cut_short_by_the_judge():
    final = coded([2])
    frame, shown = watched(PreviewReader([ridged(n) for n in range(12)], final), fgp=FGP(2))
    assert frame is final
    assert "take" not in {str(verdict.state) for verdict in shown}


def test_auto_capture_can_be_switched_off():
    final = coded([1])
    frame, _ = watched(
        PreviewReader([ridged(n) for n in range(12)], final), rules=CaptureRules(40, auto_capture=False)
    )
    assert frame is final


def test_an_officer_who_stops_the_capture_is_obeyed_though_a_frame_was_chosen():
    stop = []
    frames = [ridged(n) for n in range(20)]

    def show(frame, verdict):
        if str(verdict.state) == "take":
            stop.append(True)

    with pytest.raises(CaptureRetry, match="stopped"):
        watch(
            PreviewReader(frames),
            step(FGP.PLAIN_RIGHT_THUMB),
            CaptureRules(40),
            good,
            show,
            lambda: bool(stop),
        )


def test_a_retry_of_the_reader_without_a_chosen_frame_passes_through():
    with pytest.raises(CaptureRetry, match="nobody"):
        watched(PreviewReader([ridged(1)]))


def test_a_judge_that_breaks_does_not_end_the_capture():
    def broken(_pixels, _ppi):
        raise ZeroDivisionError

    final = coded([1])
    frame, shown = watched(PreviewReader([ridged(n) for n in range(3)], final), assess=broken)
    assert frame is final
    assert shown == [None, None, None]


# NFIQ 2 ------------------------------------------------------------------------------------------------------------


def with_nfiq2(scores):
    asked = []

    def score(pixels, ppi):
        asked.append((pixels.shape, ppi))
        return scores.pop(0)

    return replace(fake_tools(), nfiq2=score), asked


def test_an_accepted_impression_carries_its_nfiq2_beside_our_score():
    tools, asked = with_nfiq2([61])
    outcome = judged(coded([2], 70), FGP(2), tools=tools)
    assert (outcome.report.score, outcome.report.algorithm) == (70, "fake-1")
    assert nfiq2.noted(outcome.report) == {2: 61}
    assert asked == [((60, 80), 500)]


def test_a_slap_has_an_nfiq2_for_each_finger_and_a_failure_is_kept():
    tools, _ = with_nfiq2([50, 255, 48, 47])
    outcome = judged(coded([2, 3, 4, 5]), FGP.PLAIN_RIGHT_FOUR, rolls(2, 3, 4, 5), tools=tools)
    assert nfiq2.noted(outcome.report) == {2: 50, 3: 255, 4: 48, 5: 47}


def test_the_nfiq2_of_a_plain_thumb_is_that_of_the_thumb():
    tools, _ = with_nfiq2([61])
    assert nfiq2.noted(judged(coded([1], 70), FGP.PLAIN_RIGHT_THUMB, rolls(1), tools=tools).report) == {1: 61}


def test_nfiq2_is_not_computed_for_what_is_not_accepted():
    tools, asked = with_nfiq2([1])
    judged(coded([2], 10), FGP(2), tools=tools)
    assert asked == []


def test_without_the_library_nothing_is_noted():
    assert nfiq2.noted(judged(coded([2], 70), FGP(2)).report) == {}


def test_a_slap_that_cannot_be_counted_is_not_blamed_for_having_several_fingers():
    several = QualityCause("several_fingers", 1.0, "one only")
    tools = replace(fake_tools(), assess=lambda p, ppi: QualityReport(50, "x", (several,)))
    outcome = judged(coded([2, 3]), FGP.PLAIN_RIGHT_FOUR, tools=tools)
    assert [cause.code for cause in outcome.causes] == ["slap_count"]
