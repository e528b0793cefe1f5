"""Stage 7: how likely a residue is a minutia. In: residues and what they were found in; out: probability 0 to 1.

A small convolutional network looks at a square around each residue, turned so that the residue's direction points to
the right: a broken ridge, a pore, a scar, a wet blob and the rim of the contact look different from an ending or a
fork, however strong the ridge wave is there. It is trained on the synthetic finger alone, whose minutiae are known
(docs/training/README.md says how to train it again); no real print went into its weights.
"""

from __future__ import annotations

import functools
import importlib.resources
import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from station.imaging import parameters as p
from station.imaging.normalise import Plane
from station.imaging.residues import Residues

WEIGHTS = "minutia_confidence.onnx"
_lock = threading.Lock()
"""cv2.dnn keeps a network's layers' outputs in it: one image at a time."""


@functools.cache
def _network() -> cv2.dnn.Net:
    data = (importlib.resources.files("station.imaging") / "weights" / WEIGHTS).read_bytes()
    return cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))


def patches(found: Residues, band: Plane, real: Plane, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """float32 [n, 3, PATCH, PATCH]: equalised band, real part of the ridge wave, contact area; 0 outside the picture.

    Columns run along each residue's direction, PATCH_PITCH px apart. band, real: full size; mask: coarse grid.
    """
    n, side = len(found), p.PATCH
    if n == 0:
        return np.zeros((0, 3, side, side), np.float32)
    line = (np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)) * np.float32(p.PATCH_PITCH)
    u, v = (a.reshape(1, -1) for a in np.meshgrid(line, line))
    turn = np.radians(found.angle)[:, None]
    cos, sin = np.cos(turn), np.sin(turn)
    x = (found.x[:, None] + 0.5 + u * cos + v * sin).astype(np.float32)
    y = (found.y[:, None] + 0.5 - u * sin + v * cos).astype(np.float32)
    out = np.empty((n, 3, side, side), np.float32)
    grid_x, grid_y = (x + 0.5) / np.float32(p.GRID) - 0.5, (y + 0.5) / np.float32(p.GRID) - 0.5
    planes = ((band, x, y), (real, x, y), (mask.astype(np.float32), grid_x, grid_y))
    for k, (plane, column, row) in enumerate(planes):
        seen = cv2.remap(plane, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        out[:, k] = seen.reshape(n, side, side)
    out[:, 1] *= np.float32(p.PATCH_WAVE)
    return out


def _logit(squares: NDArray[np.float32]) -> NDArray[np.float32]:
    network = _network()
    network.setInput(squares)
    return np.asarray(network.forward(), np.float32).reshape(-1)


def judge(found: Residues, band: Plane, real: Plane, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Probability, float32 [n], that each residue is a minutia. Arguments as in `patches`."""
    if len(found) == 0:
        return np.zeros(0, np.float32)
    parts = [found.keep(np.arange(k, min(k + p.BATCH, len(found)))) for k in range(0, len(found), p.BATCH)]
    with _lock:
        logit = np.concatenate([_logit(patches(part, band, real, mask)) for part in parts])
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0))), np.float32)
