"""match and wrong_finger on synthetic fingers: who is who is known."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest

from drivers.sim.finger import Platen, Touch, render, subject_finger
from station import imaging
from station.friction_ridge import FGP, MinutiaTemplate
from station.matching import SAME, compare, match
from station.matching.sequence import wrong_finger


@cache
def taken(position: int, touch_seed: int = 0, subject: int = 5, contact: str = "rolled") -> MinutiaTemplate:
    touch = Touch(seed=touch_seed, rotation_deg=touch_seed % 7 - 3.0, dx_mm=0.2 * (touch_seed % 3))
    platen = Platen(800, 750, 500) if contact == "rolled" else Platen(400, 480, 500)
    rendering = render(subject_finger(subject, position), platen, contact, touch)  # type: ignore[arg-type]
    return imaging.extract(rendering.pixels, 500)


@pytest.mark.parametrize("position", [1, 2, 4, 7, 10])
def test_two_rolls_of_a_finger_agree(position: int) -> None:
    assert match(taken(position, 1), taken(position, 2)) >= SAME


@pytest.mark.parametrize("position", [1, 2, 8])
def test_a_plain_agrees_with_its_roll(position: int) -> None:
    assert match(taken(position, 3, contact="plain"), taken(position, 1)) >= SAME


def test_different_fingers_stay_well_below() -> None:
    scores = [match(taken(a, 1), taken(b, 1)) for a in range(1, 11) for b in range(a + 1, 11)]
    assert max(scores) < SAME
    assert np.median(scores) < SAME / 2


def test_a_turned_print_still_agrees() -> None:
    template = taken(2, 1)
    turned = dataclasses.replace(
        template,
        x=(template.width - 1 - template.x).astype(np.float32),
        y=(template.height - 1 - template.y).astype(np.float32),
        angle=((template.angle + 180) % 360).astype(np.float32),
    )
    found = compare(taken(2, 2), turned)
    assert found.score >= SAME
    assert abs(abs(found.rotation_deg) - 180) < 12


def test_the_order_of_the_two_hardly_matters() -> None:
    for a, b in ((taken(2, 1), taken(2, 2)), (taken(2, 1), taken(3, 1))):
        assert abs(match(a, b) - match(b, a)) < 6


def test_nothing_agrees_with_nothing() -> None:
    template = taken(2, 1)
    few = dataclasses.replace(
        template,
        **{name: getattr(template, name)[:2].copy() for name in ("x", "y", "angle", "kind", "quality")},
    )
    assert match(few, template) == 0
    assert match(few, few) == 0


def test_the_right_finger_raises_nothing() -> None:
    rolls = {FGP(position): [taken(position, 1)] for position in range(1, 11)}
    for position in range(1, 11):
        before = {fgp: one for fgp, one in rolls.items() if fgp != position}
        assert wrong_finger(taken(position, 2), FGP(position), before) is None
        assert wrong_finger(taken(position, 2), FGP(position), rolls) is None


def test_a_finger_taken_twice_is_named_with_its_first_place() -> None:
    finding = wrong_finger(
        taken(3, 2), FGP.RIGHT_RING, {FGP.RIGHT_MIDDLE: [taken(3, 1)], FGP.RIGHT_INDEX: [taken(2, 1)]}
    )
    assert finding is not None
    assert (finding.code, finding.with_fgp) == ("sequence.repeated", FGP.RIGHT_MIDDLE)
    assert finding.score >= SAME
    assert "right ring finger" in finding.advice


def test_a_swapped_finger_agrees_with_the_other_place_and_not_its_own() -> None:
    rolls = {FGP.RIGHT_INDEX: [taken(2, 1)], FGP.RIGHT_MIDDLE: [taken(3, 1)]}
    finding = wrong_finger(taken(3, 2), FGP.RIGHT_INDEX, rolls)
    assert finding is not None
    assert (finding.code, finding.with_fgp) == ("sequence.swapped", FGP.RIGHT_MIDDLE)
    assert finding.own_score is not None
    assert finding.own_score < finding.score


def test_another_persons_finger_disagrees_with_its_roll() -> None:
    finding = wrong_finger(taken(2, 2, subject=77), FGP.RIGHT_INDEX, {FGP.RIGHT_INDEX: [taken(2, 1)]})
    assert finding is not None
    assert finding.code == "sequence.disagrees"


def test_with_nothing_taken_there_is_nothing_to_say() -> None:
    assert wrong_finger(taken(2, 1), FGP.RIGHT_INDEX, {}) is None
    assert wrong_finger(taken(2, 1), FGP.RIGHT_INDEX, {FGP.RIGHT_THUMB: []}) is None
