"""Readers that wait long for a peer which a busy machine may keep waiting itself."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from drivers import registry
from drivers.models import gt521, sfm, zfm
from firmware_profiles.profile import Profile

LONGER = 20


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a peer in a process of its own: the times of the profile, LONGER times; half a second for a probe."""
    real = registry._profile

    def longer(*words: Any) -> Profile:
        profile = real(*words)
        times = profile.timeouts
        names = ("command_ms", "packet_idle_ms", "image_ms")
        return replace(
            profile, timeouts=replace(times, **{name: getattr(times, name) * LONGER for name in names})
        )

    monkeypatch.setattr(registry, "_profile", longer)
    for model in (gt521, sfm, zfm):
        monkeypatch.setattr(model, "_PROBE_S", 0.5)
