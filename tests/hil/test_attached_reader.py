"""The contract of every reader, held against real units: the same test functions as tests/contract/test_reader.py.

Skips in an ordinary run; `./run hil` names the units. What lay on a real platen is not known, so pixels are judged by
size and contrast instead.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers import registry
from drivers.clock import SystemClock
from drivers.reader import CaptureKind, Frame, ReaderState
from drivers.remote import RemoteReader
from firmware_profiles.profile import load
from tests.contract.test_reader import (  # noqa: F401  collected here, with the bench of this file
    Bench,
    served,
    test_a_cancel_is_a_retry_and_leaves_the_reader_idle,
    test_a_capture_on_a_closed_reader_is_a_fault,
    test_a_pulled_cable_is_a_typed_fault_with_advice,
    test_a_reader_begins_closed_and_is_idle_once_open,
    test_captures_follow_one_another_and_are_numbered,
    test_every_kind_it_claims_works_and_others_are_refused,
    test_info_before_open_is_a_fault,
    test_nobody_there_is_a_retry_and_leaves_the_reader_idle,
    test_opening_without_a_device_is_a_typed_fault,
    test_previews_come_before_the_end_and_say_so,
)
from tests.hil.units import Assistant, Unit, units

pytestmark = [pytest.mark.hil, pytest.mark.limits(cpu_s=300, waiting_s=600)]
RECOVERY_S = 3.0
_REASON = "no reader was named: ./run hil tests what is plugged in"


class Attached:
    """The part of a Rig that a real unit has."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self.pulled = False

    def unplug(self) -> None:
        refused = self._assistant.unplug()
        if refused:
            pytest.skip(refused)
        self.pulled = True


class AttendedBench(Bench):
    """A bench whose person is told, or asked, what to do."""

    assistant: Assistant

    def tell_person(self, **script: object) -> None:
        import msgspec

        refused = self.assistant.tell_person(msgspec.json.encode(script), nobody=bool(script))
        if refused:
            pytest.skip(refused)

    def request(self, **changes: object) -> Any:
        return super().request(**{"finger_s": 30.0, "lift_s": 30.0, **changes})


CASES = [
    pytest.param((unit, where), id=f"{unit.name}-{where}") for unit in units() for where in ("here", "remote")
]
NONE = [pytest.param(None, id="none", marks=pytest.mark.skip(reason=_REASON))]


@pytest.fixture(params=CASES or NONE)
def bench(request: pytest.FixtureRequest, tmp_path: Path, record_property: Any) -> Iterator[Bench]:
    unit, where = request.param
    record_property("unit", unit.name)
    record_property("where", where)
    local = registry.make_reader(unit.driver, unit.profile, unit.address, {}, SystemClock())
    assistant = Assistant(unit)
    if unit.script:
        Path(unit.script).write_text("{}")
    rig = Attached(assistant)
    if where == "here":
        yield _bench(local, rig, tmp_path, assistant)
        if local.state is not ReaderState.CLOSED:
            local.close()
    else:
        with served(lambda: local, tmp_path / "capture.sock") as path:
            yield _bench(RemoteReader(path, SystemClock()), rig, tmp_path, assistant)
    if rig.pulled:
        assistant.plug()


def _bench(reader: Any, rig: Attached, folder: Path, assistant: Assistant) -> AttendedBench:
    made = AttendedBench(reader, rig, folder / "person.json")  # type: ignore[arg-type]
    made.assistant = assistant
    return made


def test_it_says_who_it_is_and_keeps_to_its_profile(bench: Bench, record_property: Any) -> None:
    bench.reader.open()
    info = bench.reader.info
    for key in ("id", "make", "model", "serial", "firmware", "ppi", "certification", "simulated"):
        record_property(key, getattr(info, key))
    profile = load(info.profile)
    assert profile.driver == info.driver
    assert set(info.kinds) <= {CaptureKind(kind) for kind in profile.kinds}
    assert info.firmware not in {bad.version for bad in profile.firmware.known_bad}


def test_a_picture_has_the_size_of_its_profile_and_shows_something(
    bench: Bench, record_property: Any
) -> None:
    bench.reader.open()
    began = time.monotonic()
    first: list[float] = []

    def preview(_: Frame) -> None:
        if not first:
            first.append(time.monotonic() - began)

    frame = bench.reader.capture(bench.request(), preview)
    record_property("capture_s", round(time.monotonic() - began, 3))
    record_property("first_preview_s", round(first[0], 3) if first else None)
    profile = load(frame.reader.profile)
    height, width = frame.pixels.shape
    sizes = {(one.width, one.height) for one in profile.image.sizes}
    assert (width, height) in sizes or profile.image.size_from_device
    dark, light = np.percentile(frame.pixels, [5, 95])
    assert light - dark > 20
    assert frame.ppi == frame.reader.ppi


def test_it_is_ready_again_within_three_seconds_of_closing(bench: Bench, record_property: Any) -> None:
    bench.reader.open()
    bench.reader.close()
    began = time.monotonic()
    bench.reader.open()
    took = time.monotonic() - began
    record_property("reopen_s", round(took, 3))
    assert took <= RECOVERY_S


def test_units_are_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESCAN_HIL", '[{"driver": "zfm", "profile": "zfm20", "address": "serial:/x"}]')
    assert units() == [Unit("zfm", "zfm20", "serial:/x")]
    assert Assistant(units()[0]).unplug().startswith("nobody attends")
