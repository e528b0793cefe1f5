"""The marker of hardware-in-loop tests."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Say what `hil` means."""
    config.addinivalue_line("markers", "hil: needs a plugged-in reader; run by ./run hil")
