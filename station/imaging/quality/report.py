"""A Scene → QualityReport: measures, score and causes with boxes in the original image's px."""

from __future__ import annotations

from station.friction_ridge import QualityReport
from station.imaging import parameters as p
from station.imaging.quality import causes, measures
from station.imaging.quality import parameters as q
from station.imaging.quality.score import score

BLANK = QualityReport(0, q.ALGORITHM, (causes.cause("blank", 1.0),), {})
"""Of an empty platen."""


def report(scene: measures.Scene, scale: float) -> QualityReport:
    """scale: the image's ppi over 500."""
    found, solid = measures.measure(scene)
    where = _Where(scene, solid, scale)
    return QualityReport(score(found), q.ALGORITHM, causes.find(found, where), found.as_dict())


class _Where:
    """Finds the place of a cause when asked for it."""

    def __init__(self, scene: measures.Scene, solid: measures.Mask, scale: float) -> None:
        self._scene, self._solid, self._scale = scene, solid, scale

    def __call__(self, code: str) -> tuple[int, int, int, int] | None:
        scene = self._scene
        if code == "too_wet":
            return measures.box_of(self._solid, self._scale)
        if code in {"too_dry", "smeared"}:
            return measures.box_of(scene.mask & (scene.coherence < q.COHERENT), self._scale)
        if code in {"left", "right", "top"}:
            return self._side(code)
        return measures.box_of(scene.mask, self._scale)

    def _side(self, side: str) -> tuple[int, int, int, int]:
        """A strip of four ridges along a side."""
        height, width = (round(n * p.GRID * self._scale) for n in self._scene.mask.shape)
        strip = round(36 * self._scale)
        return {
            "left": (0, 0, strip, height),
            "right": (width - strip, 0, strip, height),
            "top": (0, 0, width, strip),
        }[side]
