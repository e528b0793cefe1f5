"""The true ppi of one unit: its file, and the reader that says it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import calibration
from drivers.calibration import CalibratedReader, UnitCalibration
from drivers.errors import ReaderFault
from drivers.reader import CaptureKind, CaptureRequest, Frame, ReaderInfo, ReaderState
from drivers.sim import rig as rigs
from drivers.sim.peers import fap60
from firmware_profiles.profile import load as profile

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
INFO = ReaderInfo.of(profile("zfm20"), "AB/../1", "1")


def made(**changes: object) -> UnitCalibration:
    facts: dict[str, object] = {
        "schema": 1, "reader": INFO.id, "profile": "zfm20", "serial": INFO.serial, "firmware": "1",
        "ppi_x": 510.2, "ppi_y": 508.9, "error_ppi": 0.1, "rms_px": 0.2, "pitch_mm": 1.0, "target": "grid",
        "made": NOW, "expires": NOW + dt.timedelta(days=365), **changes,
    }  # fmt: skip
    return UnitCalibration(**facts)  # type: ignore[arg-type]


def test_a_calibration_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path = calibration.save(tmp_path / "state", made())
    assert path.parent == tmp_path / "state"  # whatever the device called itself
    assert calibration.load(tmp_path / "state", INFO) == made()
    assert calibration.load(tmp_path, INFO) is None


def test_it_knows_its_one_ppi_whether_it_is_square_and_when_it_ends() -> None:
    assert made().ppi == 510
    assert made().square
    assert not made(ppi_x=520.0).square
    assert not made().expired(NOW)
    assert made().expired(NOW + dt.timedelta(days=365))


@pytest.mark.parametrize(
    "changes",
    [{"schema": 2}, {"reader": "another"}, {"ppi_x": 5.0}, {"made": NOW.replace(tzinfo=None)}],
)
def test_a_file_that_contradicts_itself_or_the_unit_is_refused(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    wrong = made(**changes)
    path = calibration.save(tmp_path, wrong)
    path.replace(calibration.path_of(tmp_path, INFO.id))
    with pytest.raises(ReaderFault) as caught:
        calibration.load(tmp_path, INFO)
    assert caught.value.code == "reader.calibration"
    assert caught.value.advice


@given(st.binary(max_size=80))
def test_any_file_is_a_calibration_or_a_fault(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("c")
    calibration.path_of(folder, INFO.id).write_bytes(content)
    with pytest.raises(ReaderFault):
        calibration.load(folder, INFO)


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = calibration.save(tmp_path, made())
    path.write_text(path.read_text() + "gamma = 1\n")
    with pytest.raises(ReaderFault, match="gamma"):
        calibration.load(tmp_path, INFO)


def test_frames_of_a_calibrated_unit_say_its_ppi(tmp_path: Path) -> None:
    reader = CalibratedReader(fap60.rig(rigs.person()).reader, tmp_path)
    reader.open()
    assert reader.info.ppi == 500
    calibration.save(tmp_path, replace_reader(reader.info))
    reader.close()
    assert reader.state is ReaderState.CLOSED
    reader.open()
    previews: list[Frame] = []
    frame = reader.capture(CaptureRequest(CaptureKind.ROLL), previews.append)
    assert frame.ppi == reader.info.ppi == frame.reader.ppi == 495
    assert previews[0].ppi == round(495 / 2)
    assert reader.calibration is not None
    reader.close()


def replace_reader(info: ReaderInfo) -> UnitCalibration:
    return made(reader=info.id, ppi_x=495.0, ppi_y=495.2)


def test_a_wrong_file_closes_the_reader_again(tmp_path: Path) -> None:
    inner = fap60.rig(rigs.person()).reader
    inner.open()
    calibration.path_of(tmp_path, inner.info.id).write_text("nonsense")
    inner.close()
    reader = CalibratedReader(inner, tmp_path)
    with pytest.raises(ReaderFault):
        reader.open()
    assert reader.state is ReaderState.CLOSED


def test_frames_are_as_they_were_without_a_calibration(tmp_path: Path) -> None:
    reader = CalibratedReader(fap60.rig(rigs.person()).reader, tmp_path)
    reader.open()
    assert reader.capture(CaptureRequest(CaptureKind.ROLL)).ppi == 500
    assert reader.info == replace(reader.info)


def test_the_folder_is_the_services_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
    assert calibration.default_folder() == Path("/var/lib/a/calibration")
    monkeypatch.delenv("STATE_DIRECTORY")
    assert calibration.default_folder() == Path("/var/lib/livescan-capture/calibration")
