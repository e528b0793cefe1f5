"""The simulated roll as frames: windows on one print, the same for ever, with the faults that are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from drivers.sim.finger import Platen, Touch, subject_finger
from drivers.sim.rolling import Rolling, Slip, roll_frames

PLATEN = Platen(400, 375, 250)


def rolled(**how):
    return roll_frames(
        subject_finger(5, 2), PLATEN, Touch(seed=4), Rolling(**{"frames": 8, "empty": 1, **how})
    )


def ink(frame):
    return (255.0 - frame).clip(20, None) - 20


def test_frames_begin_and_end_with_empty_glass_and_the_contact_travels_right():
    made = rolled()
    assert len(made.frames) == len(made.centres) == 10
    assert np.isnan(made.centres[0])
    assert np.isnan(made.centres[-1])
    assert ink(made.frames[0]).mean() < 1.0
    middles = [float((ink(f).sum(axis=0) * np.arange(400)).sum() / ink(f).sum()) for f in made.frames[1:-1]]
    assert middles == sorted(middles)
    assert middles[-1] - middles[0] > 100


def test_every_frame_is_a_window_on_the_truth():
    made = rolled(stretch_mm=0.0)
    frame, truth = made.frames[4], made.truth.pixels
    seen = np.zeros_like(frame, bool)
    seen[140:240, int(made.centres[4]) - 20 : int(made.centres[4]) + 20] = True
    assert np.corrcoef(frame[seen], truth[seen])[0, 1] > 0.9


def test_the_same_input_gives_the_same_frames():
    assert all(np.array_equal(a, b) for a, b in zip(rolled().frames, rolled().frames, strict=True))


def test_a_slip_moves_the_skin_and_stays():
    still, slid = rolled(stretch_mm=0.0), rolled(stretch_mm=0.0, slips=(Slip(0.4, 1.2, 0.0, 1),))
    assert np.array_equal(still.frames[1], slid.frames[1])
    assert not np.array_equal(still.frames[7], slid.frames[7])
    before, after = still.frames[7].astype(float), slid.frames[7].astype(float)
    shift = round(1.2 / 25.4 * 250)
    assert np.corrcoef(np.roll(before, shift, 1)[100:250].ravel(), after[100:250].ravel())[0, 1] > 0.7


def test_to_the_left_backwards_lifted_and_smeared_do_what_they_say():
    left = rolled(right_to_left=True)
    assert left.centres[1] > left.centres[-2]
    back = [c for c in rolled(back_mm=4.0, frames=12).centres if not np.isnan(c)]
    assert min(np.diff(back)) < 0 < back[-1] - back[0]
    assert sum(np.isnan(rolled(lift=(0.4, 0.7)).centres)) > 2
    sharp, soft = rolled(), rolled(smear=(0.0, 1.0, 1.0))
    assert (
        np.abs(np.diff(soft.frames[4].astype(float))).mean()
        < np.abs(np.diff(sharp.frames[4].astype(float))).mean()
    )


def test_a_gap_is_touched_by_no_frame():
    made = rolled(gap=(0.45, 0.55), frames=20)
    darkest = np.min(made.frames, axis=0)
    assert (darkest[150:230, 196:204] > 150).mean() > 0.9


def test_reach_nought_is_a_plain_touch():
    assert np.ptp([c for c in rolled(reach=0.0).centres if not np.isnan(c)]) == pytest.approx(0.0)
