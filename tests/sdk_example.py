"""Builds drivers/vendor/example_reader.c once per run; without a C compiler the test that asks for it is skipped."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

import drivers

VENDOR = Path(drivers.__path__[0]) / "vendor"


@cache
def _build() -> tuple[Path, tempfile.TemporaryDirectory[str]] | None:
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    folder = tempfile.TemporaryDirectory(prefix="sdk-example-")
    library = Path(folder.name) / "example_reader.so"
    flags = "-std=c11 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden".split()
    subprocess.run([compiler, *flags, "-o", library, VENDOR / "example_reader.c"], check=True)
    library.chmod(0o755)
    return library, folder


def example_library() -> Path:
    """The shared library. Skips the test when nothing can build it."""
    built = _build()
    if built is None:
        pytest.skip(
            "no C compiler here (Debian: gcc libc6-dev): the example of a vendor's library cannot be built"
        )
    return built[0]
