"""SoftHSM 2 for tests: tokens in a folder of their own. Skips with a reason where it is not installed."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

PIN = "1234"
LABELS = ("contract", "made", "lost", "wrong", "twins", "station")
"""All are made before the library starts in this process: it does not see a token that comes later."""
PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
)


@functools.cache
def module() -> Path:
    """The library; the first call settles, for this whole process, where the tokens lie."""
    found = next((Path(place) for place in PLACES if Path(place).exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM 2 is not installed (Debian: softhsm2)")
    if importlib.util.find_spec("pkcs11") is None:
        pytest.skip("python-pkcs11 is not installed: ./run setup")
    folder = Path(tempfile.mkdtemp(prefix="softhsm-"))
    (folder / "tokens").mkdir()
    text = f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    (folder / "softhsm2.conf").write_text(text)
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    for label in LABELS:
        _run("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "5678")
    return found


def token(label: str) -> Path:
    """The module's path; the token is there, empty at first."""
    assert label in LABELS
    return module()


def import_key(label: str, pem: Path, name: str, number: str) -> Path:
    """Put a PKCS #8 key into a token under a name and an id in hexadecimal digits."""
    path = token(label)
    _run("--import", str(pem), "--token", label, "--label", name, "--id", number, "--pin", PIN)
    return path


def _run(*words: str) -> None:
    done = subprocess.run(["softhsm2-util", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
