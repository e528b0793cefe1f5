"""The largest memory that extraction takes, in a process of its own that has imported nothing else. Out: megabytes.

The child reads the high-water mark of its own memory (VmHWM of /proc/self/status): ru_maxrss, taken where there is no
/proc, begins with the parent's peak, because a spawned child shares the parent's memory until it executes.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from station.errors import EnvironmentFault

STATUS = Path("/proc/self/status")
KIB_PER_MB = 1024.0
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Peak:
    """Megabytes (2**20 bytes). total: of the whole process; imported: after the imports and before the first image."""

    total: float
    imported: float

    @property
    def above_import(self) -> float:
        """What extraction itself adds."""
        return round(self.total - self.imported, 1)


def of_extraction(gray: NDArray[np.uint8], ppi: int = 500) -> Peak:
    """Extract once in a fresh interpreter. Raises EnvironmentFault environment.child_failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gray.npy"
        np.save(path, gray)
        command = [sys.executable, "-m", __name__, str(path), str(ppi)]
        done = subprocess.run(command, capture_output=True, env={**os.environ, **ONE_THREAD}, check=False)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise EnvironmentFault("environment.child_failed", f"the measuring process ended: {last[0]}")
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def high_water_mb(status: Path = STATUS) -> float:
    """The most memory this process has had resident, in MB."""
    try:
        lines = status.read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kib / KIB_PER_MB, 1)


def child(path: str, ppi: str) -> Peak:
    """What the child does."""
    import cv2

    from station.imaging import extract

    cv2.setNumThreads(1)
    imported = high_water_mb()
    extract(np.load(path), int(ppi))
    return Peak(high_water_mb(), imported)


if __name__ == "__main__":
    peak = child(*sys.argv[1:3])
    print(json.dumps({"total": peak.total, "imported": peak.imported}))
