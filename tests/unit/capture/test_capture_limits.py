"""Every limit of a capture at its edge: deadlines, thresholds, margins, counts, and what is said to the officer."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from station import booking_plan
from station.capture import SLAP_MARGIN, CaptureRules, cut, examine
from station.capture_watch import may_take
from station.friction_ridge import FGP, QualityCause, QualityReport
from station.imaging.slap_types import SlapFinding
from tests.unit.kiosk.fakes import coded, fake_tools, template_of


def judged(frame, fgp, tools, taken=None):
    step = next(one for one in booking_plan.steps("tenprint", {}) if one.fgp == fgp)
    return examine(frame, step, taken or {}, tools, CaptureRules(), officer="avery", number=1)


def test_the_usual_rules_are_those_of_the_page():
    rules = CaptureRules()
    assert (rules.quality_threshold, rules.finger_s, rules.lift_s, rules.auto_capture) == (
        40,
        30.0,
        10.0,
        True,
    )
    assert rules.deadline_s == 60.0
    assert CaptureRules(finger_s=1.0, lift_s=2.0).deadline_s == 23.0


@pytest.mark.parametrize(
    ("score", "result"), [(0, "retake"), (39, "retake"), (40, "accepted"), (100, "accepted")]
)
def test_the_usual_threshold_is_40(score, result):
    tools = replace(fake_tools(), assess=lambda pixels, ppi: QualityReport(score, "x"))
    assert judged(coded([2]), FGP(2), tools).result == result


def test_what_the_plan_asks_for_again_is_the_gravest_cause_and_comes_first():
    dry = QualityCause("too_dry", 0.4, "moisten")
    narrow = SimpleNamespace(advice="roll it", box=None)
    tools = replace(
        fake_tools(), assess=lambda *_: QualityReport(50, "x", (dry,)), plain_as_roll=lambda *_: narrow
    )
    assert [(one.code, one.severity) for one in judged(coded([2]), FGP(2), tools).causes] == [
        ("plain_for_roll", 1.0),
        ("too_dry", 0.4),
    ]
    more = SlapFinding("slap.unexpected_finger", "x", "Remove the mark.", True, (1, 2, 3, 4))
    seen = fake_tools().segment(coded([2, 3, 4, 5]).pixels, 500, FGP(13), ())
    slap = replace(fake_tools(), segment=lambda *_: replace(seen, findings=(more,)))
    assert judged(coded([2, 3, 4, 5]), FGP(13), slap).causes[0].severity == 1.0
    few = replace(fake_tools(), segment=lambda *_: replace(seen, fingers=seen.fingers[:2]))
    assert judged(coded([2, 3, 4, 5]), FGP(13), few).causes[0].severity == 1.0


COUNTS = {
    0: "No finger",
    1: "One finger",
    2: "Two fingers",
    3: "Three fingers",
    5: "5 fingers",
    6: "6 fingers",
}


@pytest.mark.parametrize(("count", "words"), list(COUNTS.items()))
def test_the_fingers_of_a_slap_are_counted_in_words(count, words):
    tools = fake_tools()
    seen = tools.segment(coded([2, 3, 4, 5]).pixels, 500, FGP(13), ())
    fingers = (seen.fingers * 2)[:count]
    outcome = judged(coded([2]), FGP(13), replace(tools, segment=lambda *_: replace(seen, fingers=fingers)))
    assert outcome.causes[0].advice.startswith(f"{words} seen, four fingers expected")


def test_of_several_findings_of_the_same_hand_the_first_is_told():
    rolls = {FGP(n): [template_of([n])] for n in range(2, 6)}
    outcome = judged(coded([3, 2, 4, 5]), FGP(13), fake_tools(), rolls)
    assert (outcome.result, outcome.finding.with_fgp) == ("wrong_finger", 3)


@pytest.mark.parametrize(("strangers", "code"), [(1, "sequence.same_finger"), (2, "sequence.hands_swapped")])
def test_two_fingers_of_the_other_hand_mean_that_the_hands_were_swapped(strangers, code):
    shown = [7, 8, 9, 10][:strangers] + [2, 3, 4, 5][strangers:]
    rolls = {FGP(n): [template_of([n])] for n in range(1, 11)}
    outcome = judged(coded(shown), FGP(13), fake_tools(), rolls)
    assert (outcome.result, outcome.finding.code, outcome.finding.with_fgp) == ("wrong_finger", code, 7)


def test_a_finger_of_a_slap_is_scored_with_16_pixels_around_it_and_no_more_than_there_are():
    assert SLAP_MARGIN == 16
    seen = []
    tools = fake_tools()
    box, corner, edge = (100, 200, 30, 40), (0, 0, 30, 40), (290, 0, 10, 40)
    frame = replace(coded([2]), pixels=np.zeros((250, 300), np.uint8))
    base = tools.segment(coded([2, 3, 4, 5]).pixels, 500, FGP(13), ())
    boxes = (corner, corner, edge, box)
    fingers = tuple(replace(one, box=each) for one, each in zip(base.fingers, boxes, strict=True))

    def assess(pixels, ppi):
        seen.append(pixels.shape)
        return QualityReport(80, "x", (QualityCause("dirty", 0.1, "wipe", (1, 2, 3, 4)),))

    tools = replace(tools, assess=assess, segment=lambda *_: replace(base, fingers=fingers))
    outcome = judged(frame, FGP(13), tools)
    assert seen == [(56, 46), (56, 46), (56, 300 - 274), (250 - 184, 146 - 84)]
    assert outcome.causes[0].box == (1, 2, 3, 4)
    last = iter((90, 90, 90, 50))

    def worst(pixels, ppi):
        return replace(assess(pixels, ppi), score=next(last))

    worst_one = judged(frame, FGP(13), replace(tools, assess=worst))
    assert (worst_one.report.score, worst_one.causes[0].box) == (50, (85, 186, 3, 4))


@pytest.mark.parametrize(
    ("x", "y", "inside"),
    [
        (10, 20, True),
        (9.5, 20, False),
        (10, 19.5, False),
        (39.5, 59.5, True),
        (40, 59, False),
        (39, 60, False),
    ],
)
def test_a_minutia_belongs_to_a_box_from_its_first_pixel_to_before_its_end(x, y, inside):
    one = replace(template_of([1]), x=np.array([x], np.float32), y=np.array([y], np.float32))
    part = cut(one, (10, 20, 30, 40))
    assert len(part) == inside
    assert (part.width, part.height, part.ppi) == (30, 40, 500)
    if inside:
        assert (float(part.x[0]), float(part.y[0])) == (x - 10, y - 20)


@pytest.mark.parametrize(
    ("ppi", "certification", "may"),
    [
        (500, "none", True),
        (499, "none", False),
        (250, "none", False),
        (500, "AppF", False),
        (500, "PIV", False),
    ],
)
def test_the_station_takes_a_preview_of_full_resolution_from_an_uncertified_reader_only(
    ppi, certification, may
):
    frame = coded([1])
    assert may_take(replace(frame, ppi=ppi, reader=replace(frame.reader, certification=certification))) == may
