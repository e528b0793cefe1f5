"""Pattern classes, singular points and the ridge orientation they cause.

In: a random generator and a pattern class. Out: a Flow (singular points) and its orientation on any grid.

Orientation is the zero-pole model of Sherlock and Monro (1993): half the argument to each core, minus half the
argument to each delta, with the turn at a core gathered at its crown (a nonlinear argument, as Vizcaya and Gerhardt,
1996, argue for) so that ridges go round it and leave in parallel legs. What the
fingertip adds (ridges follow its outline at the top, lie across it at the joint) is a harmonic field fitted to the
wanted orientation on an ellipse around the pad, so that the sum is smooth everywhere but at the singular points.
Coordinates here are complex millimetres with y UP.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivers.sim.finger_types import Pattern

_RIM_POINTS = 160
_HARMONICS = 7
_RIM_HALF = complex(15.0, 19.0)
"""Half axes of the ellipse, mm, on which the orientation is prescribed: just outside a rolled contact."""

_CROWN = (0.75, 1.0)
"""Range of the part of a core's turn gathered at its crown: 0 spread evenly (parabolas), 1 all (half circles over
parallel legs). Low values make ridges fan out of the core, with minutiae alike on all fingers of a class."""
_CROWN_MM = 12.0
"""How far from a core its crown shapes the flow, mm."""
_LEG_MM = (np.linspace(1.5, 7.0, 6)[:, None] + 1j * np.array([[-2.0, 0.0, 2.0]])).ravel()
"""Where below a single core (along its legs, and to their side) ridges are asked to run like its legs, mm."""
_LEG_WEIGHT = 3.0
_TWIST = 0.1
"""Standard deviation of each further harmonic of the rim's direction, radians."""

_SHARES: dict[Pattern, tuple[float, float, float, float, float]] = {
    # thumb, index, middle, ring, little, %: loops are split below into ulnar and radial
    Pattern.ARCH: (2.0, 6.0, 5.0, 1.5, 1.0),
    Pattern.TENTED_ARCH: (1.0, 5.5, 3.5, 1.5, 1.5),
    Pattern.WHORL: (29.0, 26.0, 16.0, 36.0, 13.0),
    Pattern.DOUBLE_LOOP: (13.0, 6.0, 3.0, 3.0, 2.0),
}
"""Rounded shares per finger. Their means agree with the natural class frequencies NIST uses (Wilson, Candela and
Watson 1993: arch 3.7 %, tented arch 2.9 %, left loop 33.8 %, right loop 31.7 %, whorl 27.9 %); the spread over
the fingers follows the well-known rule (Cummins and Midlo 1943): whorls on ring fingers and thumbs, double loops on
thumbs, arches and radial loops on index fingers. The split per finger is ours, not a published table."""

_RADIAL = (0.01, 0.33, 0.04, 0.015, 0.005)
"""Share of a finger's loops that open towards the thumb."""


@dataclass(frozen=True)
class Flow:
    """Singular points (complex mm, y up); the direction of each core's legs (radians); the lean of the finger's
    arching (radians); how steep (radians) and how low its flanks rise; how much of a core's turn is at its crown;
    further harmonics of the rim's direction (cosine, sine; radians)."""

    pattern: Pattern
    cores: tuple[complex, ...]
    legs: tuple[float, ...]
    deltas: tuple[complex, ...]
    lean: float
    steep: float = 1.15
    low: float = 1.3
    crown: float = 0.55
    twist: tuple[tuple[float, float], ...] = ()


def draw_pattern(rng: np.random.Generator, position: int) -> Pattern:
    """A pattern class for FGP `position`, in natural proportion; ulnar loops open towards the little finger, which
    on an impression is right for the right hand."""
    digit = (position - 1) % 5
    pick = float(rng.uniform(0.0, 100.0))
    for pattern, shares in _SHARES.items():
        pick -= shares[digit]
        if pick < 0.0:
            return pattern
    radial = bool(rng.uniform() < _RADIAL[digit])
    opens_right = (position <= 5) != radial
    return Pattern.RIGHT_LOOP if opens_right else Pattern.LEFT_LOOP


def draw_flow(rng: np.random.Generator, pattern: Pattern, scale: float = 1.0) -> Flow:
    """Singular points for a pattern class and the shape of the flow around them: usual places, usual spread, times
    the size of the finger (1 for an index of usual size)."""
    cores, legs, deltas = _singular_points(rng, pattern)
    return Flow(
        pattern,
        tuple(scale * c for c in cores),
        legs,
        tuple(scale * d for d in deltas),
        lean=float(rng.uniform(-0.18, 0.18)),
        steep=float(rng.uniform(0.8, 1.35)),
        low=float(rng.uniform(1.1, 1.7)),
        crown=float(rng.uniform(*_CROWN)),
        twist=tuple((float(a), float(b)) for a, b in rng.normal(0.0, _TWIST, (3, 2))),
    )


Points = tuple[complex, ...]


def _singular_points(rng: np.random.Generator, pattern: Pattern) -> tuple[Points, tuple[float, ...], Points]:
    """Cores, the directions of their legs, deltas."""
    side = -1.0 if rng.uniform() < 0.5 else 1.0
    low, wide = float(rng.uniform(5.0, 10.0)), float(rng.uniform(4.5, 9.0))
    if pattern is Pattern.ARCH:
        return (), (), ()
    if pattern is Pattern.TENTED_ARCH:
        core = complex(0.0, float(rng.uniform(-2.5, 1.0)))
        delta = core - complex(side * float(rng.uniform(0.0, 1.2)), float(rng.uniform(2.5, 5.5)))
        return (core,), (-np.pi / 2,), (delta,)
    if pattern in (Pattern.LEFT_LOOP, Pattern.RIGHT_LOOP):
        opens = 1.0 if pattern is Pattern.RIGHT_LOOP else -1.0
        core = complex(opens * float(rng.uniform(-1.5, 1.0)), float(rng.uniform(-1.5, 2.0)))
        down = float(rng.uniform(0.6, 1.3))
        leg = -down if opens > 0 else down - np.pi
        return (core,), (leg,), (core + complex(-opens * wide, -low),)
    return _two_cores(rng, pattern, complex(wide, low), side)


def _two_cores(
    rng: np.random.Generator, pattern: Pattern, delta: complex, side: float
) -> tuple[Points, tuple[float, ...], Points]:
    apart, tilt = float(rng.uniform(0.9, 4.2)), float(rng.uniform(-0.7, 0.7))
    if pattern is Pattern.DOUBLE_LOOP:
        apart, tilt = float(rng.uniform(3.8, 7.0)), side * float(rng.uniform(0.2, 1.0))
    half = 0.5 * apart * complex(np.sin(tilt), np.cos(tilt))
    middle = complex(float(rng.uniform(-1.2, 1.2)), float(rng.uniform(-1.2, 1.5)))
    other = complex(float(rng.uniform(4.5, 9.0)), -float(rng.uniform(5.0, 10.0)))
    axis = float(np.angle(half))
    return (middle + half, middle - half), (axis - np.pi, axis), (middle - delta, middle + other)


def orientation(flow: Flow, z: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Ridge direction at points z (complex mm, y up), radians in any branch, modulo pi."""
    return _singular_part(flow, z) + _harmonic(z, _fit_rim(flow))


def near_singular(flow: Flow, z: NDArray[np.complex128], size: float) -> NDArray[np.float32]:
    """1 on singular points, falling to 0 within about twice `size` (mm) of them."""
    near = np.zeros(z.shape, np.float32)
    for point in flow.cores + flow.deltas:
        near = np.maximum(near, np.exp(-((np.abs(z - point) / size) ** 2)).astype(np.float32))
    return near


def _singular_part(flow: Flow, z: NDArray[np.complex128]) -> NDArray[np.float64]:
    theta = np.zeros(z.shape)
    for core, leg in zip(flow.cores, flow.legs, strict=True):
        around, distance = np.angle(z - core), np.abs(z - core)
        theta += 0.5 * around - 0.5 * flow.crown * np.sin(around - leg) * np.exp(
            -((distance / _CROWN_MM) ** 2)
        )
    for delta in flow.deltas:
        theta -= 0.5 * np.angle(z - delta)
    return theta


def _rim_target(flow: Flow, phi: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wanted ridge direction where the rim has polar angle phi: along the outline at the tip, across at the joint."""
    lift = np.sin(phi)
    steep = np.cos(phi) * np.clip((lift + 1.0) / flow.low, 0.0, 1.0) ** 1.5
    target = -flow.steep * steep + flow.lean * (1.0 + 0.5 * lift)
    for k, (cosine, sine) in enumerate(flow.twist, start=1):
        target = target + cosine * np.cos(k * phi) + sine * np.sin(k * phi)
    return np.asarray(target, np.float64)


def _fit_rim(flow: Flow) -> NDArray[np.float64]:
    """Coefficients of the harmonic field that makes the rim come out as wanted."""
    phi = np.linspace(-np.pi, np.pi, _RIM_POINTS, endpoint=False)
    rim = _RIM_HALF.real * np.cos(phi) + 1j * _RIM_HALF.imag * np.sin(phi)
    singular = np.unwrap(2.0 * _singular_part(flow, rim)) / 2.0
    top = _RIM_POINTS * 3 // 4
    wanted = np.asarray(_rim_target(flow, phi) - singular, np.float64)
    wanted -= np.pi * np.round(wanted[top] / np.pi)
    rows = _basis(rim)
    first = _solve(rows, wanted)
    if len(flow.cores) != 1:
        return first
    along = flow.cores[0] + np.exp(1j * flow.legs[0]) * _LEG_MM
    missing = flow.legs[0] - _singular_part(flow, along)
    missing -= np.pi * np.round((missing - _harmonic(along, first)) / np.pi)
    return _solve(
        np.concatenate([rows, _LEG_WEIGHT * _basis(along)]), np.concatenate([wanted, _LEG_WEIGHT * missing])
    )


def _solve(rows: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares, rounded so that another machine's linear algebra gives the same finger."""
    return np.asarray(np.round(np.linalg.lstsq(rows, values, rcond=None)[0], 9), np.float64)


def _basis(z: NDArray[np.complex128]) -> NDArray[np.float64]:
    unit = z / abs(_RIM_HALF)
    powers = [np.ones_like(unit)]
    for _ in range(_HARMONICS - 1):
        powers.append(powers[-1] * unit)
    return np.stack([p.real for p in powers] + [p.imag for p in powers[1:]], axis=-1)


def _harmonic(z: NDArray[np.complex128], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """The field itself, by Horner's rule on the complex polynomial whose real part the basis spells out."""
    unit = z / abs(_RIM_HALF)
    complex_ = coefficients[:_HARMONICS] - 1j * np.concatenate([[0.0], coefficients[_HARMONICS:]])
    total = np.full(z.shape, complex_[-1])
    for c in complex_[-2::-1]:
        total *= unit
        total += c
    return np.asarray(total.real, np.float64)
