"""The command line as it is, on a bus that umockdev makes of a recording's folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.reader import Pixels

needs_umockdev = pytest.mark.skipif(
    shutil.which("umockdev-run") is None, reason="umockdev-run is not installed (Debian: umockdev)"
)


def picture(path: Path) -> Pixels:
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


def sysfs_of(description: str) -> str:
    return "/sys" + next(line for line in description.splitlines() if line.startswith("P: "))[3:]


def node_of(description: str) -> str:
    line = next(line for line in description.splitlines() if line.startswith("N: "))
    return "/dev/" + line[3:].partition("=")[0]


def under_umockdev(folder: Path, words: list[str], repo: Path) -> subprocess.CompletedProcess[str]:
    """The command line as it is, on a bus that umockdev makes of a recording."""
    description = (folder / "device").read_text(encoding="utf-8")
    ioctl, pcapng = folder / "capture.ioctl", folder / "capture.pcapng"
    said = ["-p", f"{sysfs_of(description)}={pcapng}"]
    if ioctl.is_file():
        said = ["-i", f"{node_of(description)}={ioctl}"]
    station = [sys.executable, "-m", "station", *words]
    command = ["umockdev-run", "-d", str(folder / "device"), *said, "--", *station]
    return subprocess.run(command, cwd=repo, capture_output=True, text=True, timeout=50, check=False)
