"""How long to wait after the n-th failure: doubling, with a ceiling, and jitter so that stations do not
march in step."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_S = 3600.0
"""No schedule reaches further, whatever a Retry-After says; one that seems to is void (the clock stepped)."""


@dataclass(frozen=True)
class Backoff:
    """base_s doubles up to cap_s; jitter() in [0, 1) takes away up to half of it."""

    base_s: float = 2.0
    cap_s: float = 60.0
    jitter: Callable[[], float] = random.SystemRandom().random

    def delay_s(self, failures: int) -> float:
        """Seconds after `failures` (1, 2, ...) in a row; 0.0 for none."""
        if failures < 1:
            return 0.0
        whole: float = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 30))
        return whole * (1 - 0.5 * self.jitter())
