"""Every way in which the last user of a serial module may have left it: found, or refused by the right name."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from drivers.models.zfm import ZfmReader
from drivers.sim import left_behind
from drivers.sim.left_behind import Case, one
from drivers.sim.small import SMALL
from drivers.sim.sweep import RECOVERY_S


@pytest.mark.parametrize(
    ("driver", "codes"),
    [
        # 2 models × 12 baud rates × 4 packet sizes; one of the models says its own size
        ("zfm", Counter({"right": 96 * 2 + 48 * 2, "reader.password": 96, "reader.geometry": 48 * 2})),
        # with and without blocks × 8 baud rates
        ("sfm", Counter({"right": 16 * 3, "reader.locked": 16, "reader.geometry": 16 * 3})),
        # 3 models × 5 baud rates
        ("gt521", Counter({"right": 15 * 2, "reader.geometry": 15 * 2})),
    ],
)
def test_what_was_left_behind_is_found_or_named_and_mended_within_three_seconds(
    driver: str, codes: Counter[str]
) -> None:
    tallies = list(left_behind.tallies([driver]))
    assert [(one.subject, one.trouble, one.outcomes) for one in tallies if one.bad_at] == []
    assert sum((one.outcomes for one in tallies), Counter()) == codes
    assert 0 < max(one.recovery_s for one in tallies) <= RECOVERY_S
    assert sum(one.wrong + one.hung + one.stuck for one in tallies) == 0


def cases(left: str) -> list[Case]:
    return [case for case in left_behind._zfm() if case.left == left and case.subject == "zfm zfm20"][:2]


def test_a_driver_that_guesses_the_geometry_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ZfmReader, "_size", lambda self, count: (2 * count // 24, 24))
    case, _ = cases("+ a wider sensor")
    assert one(case).outcome == "right instead of reader.geometry"
    assert not one(case).good
    monkeypatch.setattr(ZfmReader, "_size", lambda self, count: (24, 2 * count // 24))
    assert one(case).wrong


def test_a_driver_that_goes_on_without_the_password_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ZfmReader, "_find_baud", lambda self: self.link.set_baud(57600))  # asks for nothing
    case = cases("+ a password that we do not know")[0]
    assert case.baud == 57600
    assert one(case).outcome == "reader.no_answer instead of reader.password"


def test_a_driver_that_is_still_wrong_after_mending_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ZfmReader, "_size", lambda self, count: None)
    case, _ = cases("+ a wider sensor")
    assert one(case).outcome == "reader.geometry, then reader.geometry"
    assert one(case).recovery_s is None


def test_a_driver_that_waits_for_ever_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(self: Any, *_: object) -> bytes:
        while True:
            self.clock.sleep(1.0)

    monkeypatch.setattr(ZfmReader, "_upload", wait)
    case, _ = cases("baud, packet size")
    assert one(case).hung


def test_the_other_sensors_pictures_are_none_that_a_profile_knows() -> None:
    assert all(width != SMALL[0] for width in left_behind.OTHERS.values())
    assert np.sign([width - SMALL[0] for width in left_behind.OTHERS.values()]).tolist() == [-1, 1]
