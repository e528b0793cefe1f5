"""Pictures for the imaging tests: waves with a known dislocation, and synthetic fingers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from drivers.sim.finger import Platen, Rendering, Touch, render, render_slap, subject_finger

Image = NDArray[np.uint8]
ROLL = Platen(800, 750, 500)
PLAIN = Platen(500, 500, 500)


def wave(
    charge: int = 0, phase: float = 0.0, period: float = 9.0, size: int = 240, ridge_angle_deg: float = 90.0
) -> Image:
    """Parallel dark ridges running at an angle (counter-clockwise from +x as seen) within a disc; with charge +1 or
    -1 one ridge more on one side of the middle."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    across = np.radians(ridge_angle_deg - 90.0)
    along_normal = x * np.cos(across) - y * np.sin(across)
    turn = 2 * np.pi * along_normal / period + charge * np.arctan2(-y, x) + phase
    inside = np.hypot(x, y) < size * 0.45
    return np.where(inside, 128 - 100 * np.cos(turn), 245).astype(np.uint8)


@pytest.fixture(scope="session")
def make_wave() -> Callable[..., Image]:
    return wave


@pytest.fixture(scope="session")
def touch_of() -> Callable[..., Rendering]:
    """A synthetic right index rendered: touch_of(contact="plain", subject=1, position=2, **Touch fields)."""
    known: dict[object, Rendering] = {}

    def rendered(contact: str = "plain", subject: int = 1, position: int = 2, **touch: float) -> Rendering:
        key = (contact, subject, position, tuple(sorted(touch.items())))
        if key not in known:
            platen = ROLL if contact == "rolled" else PLAIN
            known[key] = render(subject_finger(subject, position), platen, contact, Touch(**touch))  # type: ignore[arg-type]
        return known[key]

    return rendered


@pytest.fixture(scope="session")
def slap_of() -> Callable[..., Rendering]:
    """A synthetic slap: slap_of(positions, rotation_deg)."""
    known: dict[object, Rendering] = {}

    def rendered(positions: tuple[int, ...], rotation_deg: float = 0.0) -> Rendering:
        key = (positions, rotation_deg)
        if key not in known:
            fingers = [subject_finger(3, position) for position in positions]
            known[key] = render_slap(fingers, Platen(1600, 1500, 500), Touch(rotation_deg=rotation_deg))
        return known[key]

    return rendered
