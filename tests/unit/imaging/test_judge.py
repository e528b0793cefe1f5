"""The live judge: steady frames are taken once, motion and trouble hold it back; and the picture of where."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.friction_ridge import QualityReport
from station.imaging.quality import LiveJudge, LiveState, assess, motion, where
from station.imaging.quality.causes import cause
from station.imaging.quality.report import BLANK

EMPTY = np.full((500, 500), 250, np.uint8)
FRAME_S = 0.07


def judge_of(**keywords):
    return LiveJudge(assess, 40, **keywords)


def watch(judge, frames, ppi=500):
    return [judge.see(frame, ppi, k * FRAME_S) for k, frame in enumerate(frames)]


def states(verdicts):
    return [verdict.state for verdict in verdicts]


def codes(verdict):
    return [one.code for one in verdict.report.causes]


def test_a_still_good_finger_is_taken_once_after_the_needed_frames(touch_of):
    print_ = touch_of("plain").pixels
    seen = watch(judge_of(needed=3), [EMPTY, *[print_] * 7])
    assert states(seen) == ["empty", "adjust", "hold", "hold", "take", "taken", "taken", "taken"]
    assert [verdict.steady for verdict in seen][:5] == [0, 0, 1, 2, 3]
    assert seen[0].needed == 3


def test_a_finger_that_was_lifted_may_be_taken_again(touch_of):
    print_ = touch_of("plain").pixels
    seen = watch(judge_of(needed=2), [print_, print_, print_, EMPTY, print_, print_, print_])
    assert states(seen).count(LiveState.TAKE) == 2


def test_noise_of_the_reader_is_no_motion(touch_of):
    chance, print_ = np.random.default_rng(1), touch_of("plain").pixels
    noisy = [np.clip(print_ + chance.normal(0, 6, print_.shape), 0, 255).astype(np.uint8) for _ in range(4)]
    assert states(watch(judge_of(needed=3), noisy))[-1] == LiveState.TAKE


def test_a_sliding_finger_is_told_to_hold_still_and_never_taken(touch_of):
    print_ = touch_of("plain").pixels
    seen = watch(judge_of(needed=2), [np.roll(print_, 5 * k, axis=1) for k in range(5)])
    assert set(states(seen)) == {LiveState.ADJUST}
    assert codes(seen[-1])[0] == "moved"
    assert seen[-1].motion > 0.5


def test_motion_starts_the_count_again(touch_of):
    print_ = touch_of("plain").pixels
    shifted = np.roll(print_, 6, axis=0)
    seen = watch(judge_of(needed=3), [print_, print_, print_, shifted, shifted, shifted, shifted])
    assert [verdict.steady for verdict in seen] == [0, 1, 2, 0, 1, 2, 3]


def test_a_roll_may_move_and_is_never_taken_by_the_judge(touch_of):
    print_ = touch_of("plain").pixels
    seen = watch(judge_of(still=False, needed=2), [np.roll(print_, 5 * k, axis=1) for k in range(6)])
    assert LiveState.TAKE not in states(seen)
    assert all("moved" not in codes(verdict) for verdict in seen)


def test_frames_far_apart_say_nothing_about_stillness(touch_of):
    judge, print_ = judge_of(needed=2), touch_of("plain").pixels
    assert [judge.see(print_, 500, at).steady for at in (0.0, 5.0, 10.0)] == [0, 0, 0]


def test_a_low_score_is_not_taken_however_still(touch_of):
    dry = touch_of("plain", moisture=0.0).pixels
    assert set(states(watch(judge_of(needed=2), [dry] * 5))) == {LiveState.ADJUST}


def test_a_high_score_does_not_outvote_a_blocking_cause(touch_of):
    report = QualityReport(90, "x", (cause("double_touch", 0.9),), {})
    judge = LiveJudge(lambda _gray, _ppi: report, 40, needed=2)
    assert set(states(watch(judge, [touch_of("plain").pixels] * 4))) == {LiveState.ADJUST}


def test_a_mild_cause_does_not_hold_the_shutter(touch_of):
    report = QualityReport(90, "x", (cause("double_touch", 0.2), cause("too_light", 0.9)), {})
    judge = LiveJudge(lambda _gray, _ppi: report, 40, needed=2)
    assert states(watch(judge, [touch_of("plain").pixels] * 3))[-1] == LiveState.TAKE


def test_several_fingers_are_only_wrong_where_one_is_expected(touch_of):
    report = QualityReport(90, "x", (cause("several_fingers", 1.0),), {})
    frames = [touch_of("plain").pixels] * 3
    one = watch(LiveJudge(lambda _g, _p: report, 40, needed=2), frames)
    four = watch(LiveJudge(lambda _g, _p: report, 40, fingers=4, needed=2), frames)
    assert states(one)[-1] == LiveState.ADJUST
    assert states(four)[-1] == LiveState.TAKE
    assert codes(four[-1]) == []


def test_an_earlier_finger_s_marks_are_a_dirty_platen_and_no_finger(touch_of):
    faint = (250 - (250 - touch_of("plain").pixels.astype(float)) * 0.12).astype(np.uint8)
    seen = watch(judge_of(needed=2), [faint] * 4)
    assert set(states(seen)) == {LiveState.EMPTY}
    assert codes(seen[-1]) == ["blank", "dirty_platen"]
    assert seen[-1].report.score == 0


def test_a_frame_that_is_no_picture_counts_as_empty():
    assert judge_of().see(np.zeros((10, 10), np.uint8), 500, 0.0).state == LiveState.EMPTY


def test_a_reader_that_changes_its_frame_size_has_moved(touch_of):
    print_ = touch_of("plain").pixels
    judge = judge_of(needed=2)
    judge.see(print_, 500, 0.0)
    assert judge.see(np.ascontiguousarray(print_[:, :400]), 500, 0.1).motion == 1.0


@given(st.integers(0, 2**31))
def test_motion_lies_between_zero_and_one_for_any_pictures(seed):
    a, b = np.random.default_rng(seed).integers(0, 256, (2, 120, 120), dtype=np.uint8)
    first, second = motion.ridges_of(a, 500), motion.ridges_of(b, 500)
    assert 0.0 <= motion.between(first, second) <= 1.0
    assert motion.between(first, first) == pytest.approx(0.0, abs=1e-5)


def test_more_slide_is_more_motion(touch_of):
    print_ = touch_of("plain").pixels
    still = motion.ridges_of(print_, 500)
    slides = [
        motion.between(still, motion.ridges_of(np.roll(print_, k, axis=1), 500)) for k in (0, 1, 2, 3, 5)
    ]
    assert slides == sorted(slides)
    assert slides[1] < 0.2 < 0.5 < slides[3]


def test_two_fingers_side_by_side_are_named_with_the_place_of_the_second(touch_of):
    left, right = touch_of("plain").pixels, touch_of("plain", subject=2).pixels
    both = np.hstack([left, right[:, 100:]])
    found = {one.code: one for one in assess(both, 500).causes}
    assert found["several_fingers"].box[0] > 250


def test_a_finger_that_came_down_twice_is_named(touch_of):
    first = touch_of("plain").pixels
    second = np.roll(touch_of("plain", rotation_deg=80.0).pixels, 10, axis=1)
    found = {one.code: one for one in assess(np.minimum(first, second), 500).causes}
    assert found["double_touch"].box is not None
    assert "double_touch" not in {one.code for one in assess(first, 500).causes}


def test_an_old_print_beside_the_finger_is_a_dirty_platen_there(touch_of):
    old = np.full((500, 700), 250, np.uint8)
    old[:, 200:] = 250 - (250 - touch_of("plain", subject=2).pixels.astype(float)) * 0.15
    old[:, :500] = np.minimum(old[:, :500], np.roll(touch_of("plain").pixels, -120, axis=1))
    found = {one.code: one for one in assess(old, 500).causes}
    assert found["dirty_platen"].box[0] > 250
    assert "several_fingers" not in found


def test_the_frame_of_a_reader_s_window_is_no_dirt(touch_of):
    framed = touch_of("plain").pixels.copy()
    framed[:, :12] = 90
    framed[:, -12:] = 255
    framed[480:] = 120
    assert "dirty_platen" not in {one.code for one in assess(framed, 500).causes}


def test_the_tip_alone_is_named(touch_of):
    tip = touch_of("plain").pixels.copy()
    top = int(np.flatnonzero((tip < 120).any(axis=1))[0])
    tip[top + 110 :] = 250
    assert "tip_only" in {one.code for one in assess(tip, 500).causes}


def test_the_picture_of_where_has_the_size_of_the_print_and_frames_the_cause(touch_of):
    wet = touch_of("plain", moisture=1.0).pixels
    report = assess(wet, 500)
    picture = where(wet, report)
    assert picture.shape == (*wet.shape, 3)
    x, y, _, height = report.causes[0].box
    assert tuple(picture[y + height // 2, x]) == (30, 40, 200)


def test_the_picture_of_where_tints_only_the_contact(touch_of):
    print_ = touch_of("plain").pixels
    picture = where(print_, assess(print_, 500))
    coloured = picture.max(axis=2).astype(int) - picture.min(axis=2) > 8
    assert coloured.mean() > 0.1
    assert not coloured[:10].any()


def test_the_picture_of_an_empty_platen_is_the_platen():
    assert np.array_equal(where(EMPTY, BLANK)[:, :, 0], EMPTY)
