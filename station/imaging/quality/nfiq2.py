"""The real NFIQ 2 of an accepted impression, through the optional package nbis-python (`pip install '….[nbis]'`).

In: uint8 [h, w] at ppi; out: 0 to 100, FAILED, or NOT_ATTEMPTED. Its registered identity (CBEFF vendor and product)
goes with it into records. NFIQ 2 is defined for plain prints of 500 ppi: others are resampled, and of rolled prints it
says less. About 100 ms, so never for a preview.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import QualityReport
from station.imaging import check
from station.imaging.normalise import resample

VENDOR: Final = 0x0101
"""CBEFF id of ISO/IEC JTC 1/SC 37, 257."""
PRODUCT: Final = 57
"""CBEFF product id of NFIQ 2 version 2.3."""
FAILED: Final = 255
"""ISO/IEC 29794: the algorithm gave up on the image."""
NOT_ATTEMPTED: Final = 254
"""ISO/IEC 29794: no attempt was made; here: the library is not installed."""


PREFIX: Final = "nfiq2."
"""of the measures that hold NFIQ 2, followed by the finger position."""


@dataclass(frozen=True)
class Library:
    """Whether NFIQ 2 can be computed here. why: the reason when not."""

    works: bool
    why: str = ""


@cache
def library() -> Library:
    """Load the library once and say how that went."""
    try:
        _extractor()
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("nbis")
        return Library(
            False, "nbis-python is not installed" if missing else f"nbis-python does not load: {error}"
        )
    except Exception as error:  # a foreign library may fail in its own ways, and none may stop a booking
        return Library(False, f"nbis-python does not work: {error}")
    return Library(True)


def score(gray: NDArray[np.uint8], ppi: int) -> int:
    """NFIQ 2 of an image: 0 to 100, FAILED when it gives up, NOT_ATTEMPTED without the library. Raises ImageError."""
    check.check_gray(gray, ppi)
    if not library().works:
        return NOT_ATTEMPTED
    data = cv2.imencode(".bmp", resample(gray, ppi))[1].tobytes()
    try:
        found = int(_extractor().extract_minutiae(data).quality().score)
    except Exception:  # it raises kinds of its own on hopeless images; a score must not end a booking
        return FAILED
    return found if 0 <= found <= 100 else FAILED


def noted(report: QualityReport) -> dict[int, int]:
    """NFIQ 2 by finger position, as `note` wrote it into a report: 0 to 100 or FAILED."""
    return {
        int(name.removeprefix(PREFIX)): int(value)
        for name, value in report.measures.items()
        if name.startswith(PREFIX)
    }


def note(report: QualityReport, scores: Mapping[int, int]) -> QualityReport:
    """The report with NFIQ 2 scores by finger position beside its own score; what was not attempted is left out."""
    kept = {f"{PREFIX}{int(fgp)}": float(one) for fgp, one in scores.items() if one != NOT_ATTEMPTED}
    return replace(report, measures={**report.measures, **kept})


@cache
def _extractor() -> Any:
    """The library's extractor with NFIQ 2 switched on. Raises ImportError when it is absent."""
    nbis: Any = importlib.import_module("nbis")
    return nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=True, ppi=500.0
        )
    )
