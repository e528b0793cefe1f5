"""NIST's own programs as a peer: mindtct, bozorth3 and NFIQ 2 through the package nbis-python.

In: grey images at 500 ppi. Out: nbis.Minutiae, and Points of ours. Only benchmarks and tests use it.
"""

from __future__ import annotations

import importlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.bench.minutia_agreement import Points


class Nbis:
    """mindtct, bozorth3 and NFIQ 2 through nbis-python, at 500 ppi. ImportError when it is absent."""

    def __init__(self) -> None:
        self._nbis = importlib.import_module("nbis")
        self._extractors = {scored: self._extractor(scored) for scored in (False, True)}

    def _extractor(self, scored: bool) -> Any:
        return self._nbis.new_nbis_extractor(
            self._nbis.NbisExtractorSettings(
                min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=scored, ppi=500.0
            )
        )

    def extract(self, gray: NDArray[np.uint8]) -> tuple[Any, int]:
        """nbis.Minutiae of an image and its NFIQ 2 score; 0 where NFIQ 2 gives up (it raises on a hopeless image)."""
        data = cv2.imencode(".bmp", gray)[1].tobytes()
        try:
            minutiae = self._extractors[True].extract_minutiae(data)
        except self._nbis.NbisError.Nfiq2ComputeFailed:
            return self._extractors[False].extract_minutiae(data), 0
        return minutiae, int(minutiae.quality().score)

    def points(self, minutiae: Any) -> Points:
        """All minutiae mindtct found, without any quality cut."""
        found = minutiae.get()
        ending = self._nbis.MinutiaKind.RIDGE_ENDING
        return Points(
            np.array([m.x() for m in found], float),
            np.array([m.y() for m in found], float),
            np.array([m.angle() for m in found], float),
            np.array([m.kind() == ending for m in found], bool),
        )
