"""NIST's own programs as a peer: mindtct, bozorth3 and NFIQ 2 through the package nbis-python.

In: grey images. Out: nbis.Minutiae, and Points of ours. Only benchmarks and tests use it.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from station.bench.minutia_agreement import Points

PPI = 500


def loads() -> bool:
    """Whether nbis-python is there and its wheel loads on this machine."""
    try:
        importlib.import_module("nbis")
    except ImportError:
        return False
    return True


@functools.cache
def extractor(ppi: int, scored: bool = False) -> Any:
    """mindtct at a resolution, with NFIQ 2 where scored. Raises ImportError where nbis-python is absent."""
    return _extractor(importlib.import_module("nbis"), ppi, scored)


def _extractor(nbis: Any, ppi: int, scored: bool) -> Any:
    return nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=scored, ppi=float(ppi)
        )
    )


def as_bmp(gray: NDArray[np.uint8]) -> bytes:
    """A picture as the package wants it; nothing is lost and little time."""
    return cv2.imencode(".bmp", gray)[1].tobytes()


def extract(gray: NDArray[np.uint8], ppi: int) -> Any:
    """nbis.Minutiae by mindtct."""
    return extractor(ppi).extract_minutiae(as_bmp(gray))


def match(first: Any, second: Any) -> float:
    """bozorth3's score."""
    return float(first.compare(second))


class Nbis:
    """mindtct, bozorth3 and NFIQ 2 through nbis-python, at 500 ppi. ImportError when it is absent."""

    def __init__(self) -> None:
        self._nbis = importlib.import_module("nbis")
        self._extractors = {scored: _extractor(self._nbis, PPI, scored) for scored in (False, True)}

    def extract(self, gray: NDArray[np.uint8]) -> tuple[Any, int]:
        """nbis.Minutiae of an image and its NFIQ 2 score; 0 where NFIQ 2 gives up (it raises on a hopeless image)."""
        data = as_bmp(gray)
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
