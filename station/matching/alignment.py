"""Lays one impression over the other and counts what coincides. In: Pairs; out: Overlay of the best alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from station.matching import parameters as p
from station.matching.consistency import Index, Pairs
from station.matching.descriptors import Matrix, Prepared, wrap


@dataclass(frozen=True, eq=False)
class Overlay:
    """a, b: matched minutiae [m]; closeness: float32 [m], 0 to 1; common: minutiae of either impression in the
    common area; rotation_deg: of the first against the second."""

    a: Index
    b: Index
    closeness: Matrix
    common: tuple[int, int]
    rotation_deg: float


EMPTY = Overlay(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.float32), (0, 0), 0.0)


def best(first: Prepared, second: Prepared, pairs: Pairs) -> Overlay:
    """Try the best supported pairs as seeds; keep the overlay with the most closeness."""
    found = EMPTY
    tried = np.zeros(pairs.a.size, np.bool_)
    for _ in range(p.SEEDS):
        left = np.flatnonzero(~tried)
        if left.size == 0:
            break
        seed = int(left[0])
        cluster = np.flatnonzero((pairs.agree[seed] > 0.4) | (np.arange(pairs.a.size) == seed))
        tried[cluster] = True
        if cluster.size >= 2:
            overlay = _overlay(first, second, pairs.a[cluster], pairs.b[cluster], pairs.support[cluster])
            found = max(found, overlay, key=lambda o: float(o.closeness.sum()))
            if _settled(found):
                break
    return found


def _settled(overlay: Overlay) -> bool:
    """So much coincides that another seed can hardly do better."""
    return overlay.a.size >= max(p.SETTLED_COUNT, p.SETTLED_SHARE * min(overlay.common))


def _overlay(first: Prepared, second: Prepared, a: Index, b: Index, weight: Matrix) -> Overlay:
    x, y, turn = _rigid(first, second, a, b, weight)
    a, b, _ = _coincide(x, y, first.angle + turn, second, p.ALIGN_DISTANCE)
    if a.size >= 6:
        x, y = _affine(x, y, second, a, b)
    a, b, closeness = _coincide(x, y, first.angle + turn, second, p.FINE_DISTANCE)
    return Overlay(a, b, closeness, _common(x, y, second), float(np.degrees(turn)))


def _rigid(
    first: Prepared, second: Prepared, a: Index, b: Index, weight: Matrix
) -> tuple[Matrix, Matrix, float]:
    """First impression rotated and shifted onto the second: weighted least squares (Kabsch) over the pairs."""
    w = weight / weight.sum()
    za, zb = first.x[a] + 1j * first.y[a], second.x[b] + 1j * second.y[b]
    ca, cb = (w * za).sum(), (w * zb).sum()
    lever = (w * (zb - cb) * np.conj(za - ca)).sum()
    spin = (w * np.exp(1j * (second.angle[b] - first.angle[a]))).sum() * 200.0
    turn = float(np.angle(lever + spin))
    z = (first.x + 1j * first.y - ca) * np.exp(1j * turn) + cb
    return z.real.astype(np.float32), z.imag.astype(np.float32), turn


def _affine(x: Matrix, y: Matrix, second: Prepared, a: Index, b: Index) -> tuple[Matrix, Matrix]:
    """A damped affine correction: skin shears and stretches; the damping keeps a few pairs from bending it."""
    design = np.stack([x[a] - x[a].mean(), y[a] - y[a].mean(), np.ones(a.size, np.float32)], axis=1) / 50.0
    damp = np.diag([1.0, 1.0, 1e-3]).astype(np.float32)
    target = np.stack([second.x[b] - x[a], second.y[b] - y[a]], axis=1)
    shift = np.linalg.solve(design.T @ design + damp, design.T @ target)
    every = np.stack([x - x[a].mean(), y - y[a].mean(), np.ones_like(x)], axis=1) / 50.0
    moved = every @ shift
    return (x + moved[:, 0]).astype(np.float32), (y + moved[:, 1]).astype(np.float32)


def _coincide(
    x: Matrix, y: Matrix, angle: Matrix, second: Prepared, reach: float
) -> tuple[Index, Index, Matrix]:
    """Mutual nearest minutiae within reach and ALIGN_ANGLE: indices and closeness."""
    gap = ((x[:, None] - second.x) ** 2 + (y[:, None] - second.y) ** 2) / np.float32(reach**2)
    turn = wrap(angle[:, None] - second.angle) / np.float32(np.radians(p.ALIGN_ANGLE))
    cost = gap + turn**2
    cost[(gap > 1) | (np.abs(turn) > 1)] = 9.0
    to_b, to_a = cost.argmin(axis=1), cost.argmin(axis=0)
    a = np.flatnonzero((to_a[to_b] == np.arange(x.size)) & (cost[np.arange(x.size), to_b] < 9.0))
    b = to_b[a]
    return a, b, (1.0 - 0.5 * cost[a, b]).astype(np.float32)


def _common(x: Matrix, y: Matrix, second: Prepared) -> tuple[int, int]:
    near = (x[:, None] - second.x) ** 2 + (y[:, None] - second.y) ** 2 <= p.OVERLAP_REACH**2
    return int(near.any(axis=1).sum()), int(near.any(axis=0).sum())
