"""Residues of the ridge phase: minutiae of patterns whose minutiae are known on paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.sim.finger_types import Pattern
from drivers.sim.residues import charges, residues
from drivers.sim.ridges import PERIOD_CELLS, grow_ridges
from drivers.sim.singular import Flow, draw_flow, draw_pattern, orientation
from drivers.sim.warp import Warp

SHAPE = (96, 96)


def level_ridges_with_one_minutia(turn: float, winding: int, offset: float):
    """Ridges along `turn` (radians, y up) and one dislocation in the middle."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    x, y = columns - 47.5, rows - 47.5
    t = np.mod(turn, np.pi)
    along_normal = x * np.sin(t) + y * np.cos(t)
    phase = 2 * np.pi / PERIOD_CELLS * along_normal + winding * np.arctan2(y, x) + offset
    return np.exp(1j * phase).astype(np.complex64), np.full(SHAPE, t)


def lines_on_side(z: np.ndarray, direction: float) -> float:
    """How many ridge periods a walk of 40 cells across the ridges meets, 20 cells to the side of `direction`."""
    across = np.arange(-20, 21)
    cx, cy = 47.5 + 20 * np.cos(direction), 47.5 - 20 * np.sin(direction)
    rows = np.rint(cy + across * np.cos(direction)).astype(int)
    columns = np.rint(cx + across * np.sin(direction)).astype(int)
    phase = np.unwrap(np.angle(z[rows, columns]))
    return abs(phase[-1] - phase[0]) / (2 * np.pi)


@given(
    turn=st.sampled_from([0.3, 0.8, 1.2, 1.8, 2.4, 2.9]),
    winding=st.sampled_from([-1, 1]),
    offset=st.floats(0.0, 6.2),
)
@settings(max_examples=40, deadline=None)
def test_one_dislocation_is_one_minutia_pointing_to_the_side_with_more_ridges(turn, winding, offset):
    z, theta = level_ridges_with_one_minutia(turn, winding, offset)
    found = residues(z, theta)
    assert found.column.size == 1
    assert abs(found.column[0] - 47.5) < 1.0
    assert abs(found.row[0] - 47.5) < 1.0
    direction = float(found.direction[0])
    assert abs(np.sin(direction - turn)) < 1e-6
    assert lines_on_side(z, direction) > lines_on_side(z, direction + np.pi) + 0.3


@pytest.mark.parametrize(("offset", "ending"), [(0.0, True), (np.pi, False)])
def test_an_extra_ridge_is_an_ending_and_an_extra_valley_a_bifurcation(offset, ending):
    # turn 0: on the side of the extra line (+x for winding +1) the phase beside the dislocation is `offset`
    z, theta = level_ridges_with_one_minutia(0.0, 1, offset)
    assert bool(residues(z, theta).ending[0]) is ending


def test_level_ridges_have_no_minutiae():
    z, theta = level_ridges_with_one_minutia(0.7, 0, 0.0)
    assert not charges(z, theta).any()


def test_a_pair_nearer_than_a_ripple_is_not_counted():
    one, theta = level_ridges_with_one_minutia(0.4, 1, 0.0)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    undo = np.exp(-1j * np.arctan2(rows - 47.5, columns - 49.5))
    found = residues((one * undo).astype(np.complex64), theta)
    assert found.column.size == 0


def test_grown_ridges_have_the_asked_period_and_direction():
    theta = np.full((128, 128), 0.5)
    z = grow_ridges(theta, np.random.Generator(np.random.PCG64(1)))
    spectrum = np.abs(np.fft.fft2(z.real))
    fy, fx = np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128), indexing="ij")
    peak = np.argmax(spectrum * (fy > 0))
    frequency = np.hypot(fx.flat[peak], fy.flat[peak])
    assert frequency == pytest.approx(1 / PERIOD_CELLS, rel=0.08)
    # the wave runs across the ridges, whose direction is 0.5 with y up
    assert np.arctan2(fx.flat[peak], fy.flat[peak]) == pytest.approx(0.5, abs=0.1)


def test_growing_is_the_same_for_the_same_generator():
    theta = np.full((64, 64), 1.0)
    first = grow_ridges(theta, np.random.Generator(np.random.PCG64(4)))
    again = grow_ridges(theta, np.random.Generator(np.random.PCG64(4)))
    assert np.array_equal(first, again)


def winding_of_orientation(flow: Flow, centre: complex, radius: float) -> float:
    """Turns of the ridge direction along a circle (+0.5 a core, -0.5 a delta)."""
    circle = centre + radius * np.exp(1j * np.linspace(0, 2 * np.pi, 400))
    return float(np.ptp(np.unwrap(2 * orientation(flow, circle))[[0, -1]]) / (4 * np.pi))


@pytest.mark.parametrize("pattern", list(Pattern))
@pytest.mark.parametrize("seed", range(4))
def test_each_pattern_has_its_cores_and_deltas_and_no_others(pattern, seed):
    flow = draw_flow(np.random.Generator(np.random.PCG64(seed)), pattern)
    wanted = {Pattern.ARCH: 0, Pattern.WHORL: 2, Pattern.DOUBLE_LOOP: 2}.get(pattern, 1)
    assert len(flow.cores) == len(flow.deltas) == wanted
    for point in flow.cores + flow.deltas:
        assert winding_of_orientation(flow, point, 0.3) == pytest.approx(0.5, abs=0.01)
    assert winding_of_orientation(flow, 0j, 14.5) == pytest.approx(0.0, abs=0.01)


def test_a_right_loop_opens_to_the_right_and_its_delta_lies_left():
    for seed in range(20):
        flow = draw_flow(np.random.Generator(np.random.PCG64(seed)), Pattern.RIGHT_LOOP)
        assert np.cos(flow.legs[0]) > 0
        assert np.sin(flow.legs[0]) < 0
        assert flow.deltas[0].real < flow.cores[0].real
        below = flow.cores[0] + 4.0 * np.exp(1j * flow.legs[0])
        ridge = orientation(flow, np.array([below]))[0]
        assert abs(np.sin(ridge - flow.legs[0])) < 0.35


def test_patterns_come_in_natural_proportion():
    rng = np.random.Generator(np.random.PCG64(3))
    drawn = [draw_pattern(rng, i % 10 + 1) for i in range(8000)]
    share = {p: drawn.count(p) / len(drawn) for p in Pattern}
    loops = share[Pattern.LEFT_LOOP] + share[Pattern.RIGHT_LOOP]
    whorls = share[Pattern.WHORL] + share[Pattern.DOUBLE_LOOP]
    arches = share[Pattern.ARCH] + share[Pattern.TENTED_ARCH]
    assert loops == pytest.approx(0.655, abs=0.03)
    assert whorls == pytest.approx(0.279, abs=0.03)
    assert arches == pytest.approx(0.066, abs=0.02)


def test_loops_of_the_right_hand_open_right_but_often_not_on_the_index():
    rng = np.random.Generator(np.random.PCG64(5))
    ring = [draw_pattern(rng, 4) for _ in range(1500)]
    index = [draw_pattern(rng, 2) for _ in range(1500)]
    left_ring = [draw_pattern(rng, 9) for _ in range(1500)]
    assert ring.count(Pattern.RIGHT_LOOP) > 20 * ring.count(Pattern.LEFT_LOOP)
    assert index.count(Pattern.RIGHT_LOOP) > index.count(Pattern.LEFT_LOOP) > 200
    assert left_ring.count(Pattern.LEFT_LOOP) > 20 * left_ring.count(Pattern.RIGHT_LOOP)


@given(seed=st.integers(0, 10_000), x=st.floats(-15, 15), y=st.floats(-20, 20))
@settings(max_examples=60, deadline=None)
def test_a_warp_is_undone_by_its_inverse(seed, x, y):
    warp = Warp.draw(np.random.Generator(np.random.PCG64(seed)), 0.5, (14.0, 30.0))
    px, py = warp.inverse(np.array([x]), np.array([y]))
    dx, dy = warp.field(px, py)
    assert px[0] + dx[0] == pytest.approx(x, abs=0.02)
    assert py[0] + dy[0] == pytest.approx(y, abs=0.02)
