"""The spacing that suits a flow: what it does to ridges that fan out, and that it keeps its bounds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sim.residues import charges
from drivers.sim.ridges import grow_ridges
from drivers.sim.spacing import LIMIT, spacing

SHAPE = (160, 160)
NOWHERE = np.zeros(SHAPE, np.float32)


def fan() -> np.ndarray:
    """Ridges that run out from a point far below and left, radians, y up."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    return np.arctan2(270.0 - rows, columns + 110.0)


def net_charge(theta: np.ndarray, level: np.ndarray) -> int:
    z = grow_ridges(theta, np.random.Generator(np.random.PCG64(2)), level)
    return abs(int(charges(z, theta)[20:-20, 20:-20].sum()))


def test_level_ridges_keep_the_usual_spacing():
    assert np.abs(spacing(np.full(SHAPE, 0.4), NOWHERE)).max() < 1e-6


def test_ridges_that_fan_out_spread():
    level = spacing(fan(), NOWHERE)
    assert level[140, 20] > level[20, 140] + 0.1


def test_spreading_ridges_branch_less():
    theta = fan()
    assert net_charge(theta, spacing(theta, NOWHERE)) < 0.7 * net_charge(theta, NOWHERE)


def test_the_flow_may_be_turned_by_half_a_circle_without_effect():
    """The solver stops after so many rounds, not when it has converged, so the last bit of an angle moves the result by
    some 1e-5, which differs from processor to processor; a turn that counted would move it by 0.1."""
    theta = fan()
    assert np.allclose(spacing(theta, NOWHERE), spacing(theta + np.pi, NOWHERE), atol=1e-3)


@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_spacing_keeps_its_bounds_on_any_flow(seed):
    coarse = np.random.Generator(np.random.PCG64(seed)).uniform(-4.0, 4.0, (8, 8))
    theta = np.kron(coarse, np.ones((20, 20)))
    level = spacing(theta, NOWHERE)
    assert level.shape == SHAPE
    assert np.isfinite(level).all()
    assert np.abs(level).max() <= LIMIT
