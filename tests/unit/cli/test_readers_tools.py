"""`station readers` list, test, calibrate, record, udev: what they find, show and write."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from drivers import calibration, registry
from drivers.clock import SystemClock
from drivers.errors import ReaderFault
from drivers.links import address as addresses
from drivers.links.memory import MemoryLink
from drivers.models.zfm import ZfmReader
from drivers.reader import CaptureKind, CaptureRequest, Frame
from drivers.registry import Candidate
from drivers.sim import rig as rigs
from drivers.sim.clock import VirtualClock
from drivers.sim.peers import fap60, zfm
from drivers.sim.person import Placed
from drivers.sim.replay_serial import SerialRecording, steps
from firmware_profiles import udev
from firmware_profiles.profile import load
from station.cli import readers, readers_calibrate, readers_preview, readers_record
from station.cli import readers_survey as survey
from station.cli.readers_ruler import RulerError, measure
from tests.kit.helpers import running

URU = Candidate("uru4500@1-2", "uru4500", "uru4500", "usb:05ba:000a@1-2", "DigitalPersona", True, False)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    readers.add_arguments(parser)
    return parser.parse_args(list(words))


def call(*words: str) -> int:
    return readers.run(parsed(*words))


# ---------------------------------------------------------------- list


@pytest.fixture
def machine(tmp_path: Path) -> survey.Machine:
    """A U.are.U at 1-2, asleep when it likes; a Futronic at 1-3; a capture service and fprintd hold the first."""
    place = survey.Machine(tmp_path / "proc", tmp_path / "sys", tmp_path / "dev")
    node = place.dev / "bus/usb/001/007"
    node.parent.mkdir(parents=True)
    node.touch()
    for name, facts in {
        "1-2": {
            "busnum": "1",
            "devnum": "7",
            "idVendor": "05ba",
            "idProduct": "000a",
            "power/control": "auto",
        },
        "1-3": {"busnum": "1", "devnum": "8", "idVendor": "1491", "idProduct": "0088"},
        "1-3:1.0": {"idVendor": "1491", "idProduct": "0088"},
        "1-4": {"idVendor": "046d", "idProduct": "c077"},
    }.items():
        for key, value in facts.items():
            path = place.sys_usb / name / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(value + "\n")
    for pid, command in (("41", "/usr/libexec/fprintd\0"), ("9", "python\0-m\0station\0capture-service\0")):
        (place.proc / pid / "fd").mkdir(parents=True)
        (place.proc / pid / "cmdline").write_text(command)
        (place.proc / pid / "fd" / "3").symlink_to(node)
    (place.proc / str(os.getpid()) / "fd").mkdir(parents=True)
    (place.proc / str(os.getpid()) / "fd" / "3").symlink_to(node)
    (place.proc / "50").mkdir()
    return place


def test_the_node_of_a_usb_address_is_found_through_the_kernel(machine: survey.Machine) -> None:
    assert survey.node_of(URU.address, machine) == machine.dev / "bus/usb/001/007"
    assert survey.node_of("usb:1491:0088@1-3", machine) is None  # no node was made
    assert survey.node_of("usb:05ba:000a@1-9", machine) is None
    assert survey.node_of("usb:05ba:000a", machine) is None
    assert survey.node_of("serial:/no/such", machine) is None
    assert survey.node_of("serial:/dev/null", machine) == Path("/dev/null")


def test_who_holds_a_device_is_named_and_never_ourselves(machine: survey.Machine) -> None:
    node = survey.node_of(URU.address, machine)
    assert node is not None
    held = survey.holders(node, machine)
    assert [(one.pid, one.command, one.service) for one in held] == [
        (9, "python", True),
        (41, "fprintd", False),
    ]
    assert str(held[0]) == "capture service (process 9)"
    busy = survey.lacks(URU, node, held, machine)[-1]
    assert busy.kind == "busy"
    assert "fprintd (process 41)" in busy.message
    assert "socket" in busy.advice
    assert "End that program" in survey.lacks(URU, node, held[1:], machine)[-1].advice


def test_this_very_process_is_found_by_another(tmp_path: Path) -> None:
    with (tmp_path / "node").open("w") as node, running(["sleep", "60"], stdout=node) as held:
        assert [one.pid for one in survey.holders(tmp_path / "node")] == [held.pid]


def test_a_closed_node_names_the_rule_and_the_group(
    machine: survey.Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    node = survey.node_of(URU.address, machine)
    permission, power = survey.lacks(URU, node, [], machine)
    assert permission.kind == "permission"
    assert 'ATTR{idProduct}=="000a"' in permission.message
    assert "99-livescan-readers.rules" in permission.advice
    assert "livescan-capture" in permission.advice
    assert (power.kind, "auto" in power.message) == ("power", True)
    port = Candidate("zfm20@x", "zfm", "zfm20", "serial:/dev/x", "", False, False)
    assert "rule:" not in survey.lacks(port, Path("/dev/x"), [], machine)[0].message


def test_a_driver_that_does_not_load_is_missing(machine: survey.Machine) -> None:
    odd = Candidate("x", "nosuch", "uru4500", URU.address, "", True, False)
    assert survey.lacks(odd, None, [], machine)[0].kind == "driver"


def test_readers_without_a_profile_are_named_and_mice_are_not(machine: survey.Machine) -> None:
    assert survey.without_profile([URU], machine) == [("usb:1491:0088@1-3", "Futronic")]
    assert [one for one, _ in survey.without_profile([], machine)] == [
        "usb:05ba:000a@1-2",
        "usb:1491:0088@1-3",
    ]


def test_list_prints_what_is_missing(
    machine: survey.Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(registry, "discover", lambda: [URU])
    for name in ("node_of", "holders", "lacks", "without_profile"):
        real = getattr(survey, name)
        monkeypatch.setattr(survey, name, lambda *args, real=real: real(*args, machine))
    assert call("list", "--socket", str(tmp_path / "none")) == 0
    out = capsys.readouterr().out
    assert "uru4500@1-2" in out
    assert "busy: held by capture service (process 9), fprintd (process 41)" in out
    assert "Futronic: no profile" in out
    (tmp_path / "stale.sock").touch()
    assert call("list", "--json", "--socket", str(tmp_path / "stale.sock")) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["held_by"][0]["service"] is True
    assert rows[1]["missing"][0]["kind"] == "profile"
    assert "link." in rows[2]["status"]["state"]


def test_udev_prints_the_rules_that_are_shipped(capsys: pytest.CaptureFixture[str], repo: Path) -> None:
    assert call("udev") == 0
    shipped = (repo / "systemd" / "99-livescan-readers.rules").read_text("utf-8")
    assert capsys.readouterr().out == shipped == udev.rules()


# ---------------------------------------------------------------- test


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))), st.integers(1, 60))
def test_any_picture_becomes_lines_of_one_width(pixels: np.ndarray, columns: int) -> None:
    lines = readers_preview.blocks(pixels, columns).split("\n")
    assert {len(line) for line in lines} == {min(columns, pixels.shape[1])}
    assert set("".join(lines)) <= set(" ░▒▓█")


def test_dark_ridges_are_full_blocks_and_an_empty_platen_is_empty() -> None:
    pixels = np.full((20, 40), 230, np.uint8)
    assert set(readers_preview.blocks(pixels, 40)) <= {" ", "\n"}
    pixels[:, :20] = 20
    assert readers_preview.blocks(pixels, 40).split("\n")[0] == "█" * 20 + " " * 20


def opened(reader: Any) -> Any:
    reader.open()
    return reader


@pytest.fixture
def fap(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """open_reader gives the simulated tenprint reader; what was opened."""
    made: list[Any] = []

    def open_reader(*_: Any) -> Any:
        made.append(opened(fap60.rig(rigs.person()).reader))
        return made[-1]

    monkeypatch.setattr(registry, "open_reader", open_reader)
    return made


FAP = ("--driver", "fap60", "--address", "serial:/x", "--kind", "roll")


def test_the_live_picture_ends_after_the_frames_asked_for(
    fap: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("test", *FAP, "--frames", "3", "--columns", "20") == 0
    out = capsys.readouterr().out
    assert out.count("ppi SIMULATED") == 3
    assert "preview 3" in out
    assert "█" in out
    assert fap[0].state == "closed"


def test_the_newest_frame_goes_into_a_png(fap: list[Any], tmp_path: Path) -> None:
    assert call("test", *FAP, "--frames", "9", "--out", str(tmp_path / "p.png")) == 0
    assert cv2.imread(str(tmp_path / "p.png"), cv2.IMREAD_GRAYSCALE) is not None
    assert call("test", *FAP, "--out", str(tmp_path / "no" / "p.png")) == 2


def test_nobody_there_ends_the_live_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"placements": [{"no_finger": true}]}')
    reader = opened(zfm.rig(rigs.person(tmp_path / "p.json")).reader)
    request = CaptureRequest(CaptureKind.PLAIN, finger_s=0.2)
    assert readers_preview.run(reader, request, parsed("test", *FAP), io.StringIO()) == 1
    assert "capture.no_finger" in capsys.readouterr().err


# ---------------------------------------------------------------- calibrate


def target(
    pitch_x: float, pitch_y: float, tilt: float = 0.0, noise: float = 2.0, size: tuple[int, int] = (300, 260)
) -> np.ndarray:
    """A ruled grid, lines `pitch` pixels apart, turned by tilt degrees; dark on light with noise."""
    y, x = np.mgrid[: size[0], : size[1]].astype(float)
    turn = np.radians(tilt)
    along_x = x * np.cos(turn) - y * np.sin(turn)
    along_y = x * np.sin(turn) + y * np.cos(turn)
    lines = np.zeros(size)
    for along, pitch in ((along_x, pitch_x), (along_y, pitch_y)):
        if pitch:
            off = np.abs((along / pitch + 0.3) % 1.0 - 0.5) * pitch
            lines = np.maximum(lines, np.clip(2.5 - off, 0.0, 1.0))
    shade = 220 - 180 * lines + np.random.default_rng(1).normal(0, noise, size)
    return np.clip(shade, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("tilt", [0.0, 1.5, -4.0])
@pytest.mark.parametrize("pitch", [19.7, 20.157, 23.4])
def test_the_spacing_of_a_grid_is_right_to_a_thousandth(pitch: float, tilt: float) -> None:
    pixels = target(pitch, pitch * 1.02, tilt)
    for axis, true in (("x", pitch), ("y", pitch * 1.02)):
        found = measure(pixels, axis)
        assert found.px == pytest.approx(true, rel=1e-3)
        assert abs(found.tilt_deg) == pytest.approx(abs(tilt), abs=0.2)
        assert abs(found.px - true) < 0.02
        assert found.rms_px < 0.5
    assert measure(pixels, "x").ppi(1.0) == pytest.approx(pitch * 25.4, rel=1e-3)


def test_lines_one_way_measure_only_that_way() -> None:
    pixels = target(20.0, 0.0)
    assert measure(pixels, "x").px == pytest.approx(20.0, rel=1e-3)
    with pytest.raises(RulerError, match="along y"):
        measure(pixels, "y")


@pytest.mark.parametrize("tilt", [12.0, 45.0])
def test_a_crooked_target_is_refused(tilt: float) -> None:
    with pytest.raises(RulerError):
        measure(target(20.0, 0.0, tilt), "x")


def test_what_is_no_target_is_refused() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (200, 200)).astype(np.uint8)
    for pixels in (noise, np.full((200, 200), 200, np.uint8), target(90.0, 90.0)):
        with pytest.raises(RulerError):
            measure(pixels, "x")


class Platen:
    """A reader whose pictures are the test's."""

    def __init__(self, pictures: Sequence[np.ndarray], serial: str = "SIM1") -> None:
        self.inner = opened(fap60.rig(rigs.person()).reader)
        self.pictures = list(pictures)
        self.serial = serial

    @property
    def info(self) -> Any:
        from dataclasses import replace

        return replace(self.inner.info, serial=self.serial)

    def capture(self, request: CaptureRequest) -> Frame:
        del request
        clock = VirtualClock()
        return Frame(self.pictures.pop(0), 500, self.info, 0.0, clock.utcnow(), False, True, 1)


def calibrate(reader: Any, tmp_path: Path, *more: str, answers: Sequence[str] = ()) -> int:
    words = ["calibrate", *FAP, "--pitch-mm", "1", "--state", str(tmp_path / "state")]
    args = parsed(*words, "--look", str(tmp_path / "look.png"), *more)
    left = list(answers)
    return readers_calibrate.run(reader, CaptureRequest(CaptureKind.ROLL), args, lambda _: left.pop(0))


def test_a_unit_is_calibrated_from_one_picture_of_a_grid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = Platen([target(20.157, 20.157)])
    assert calibrate(reader, tmp_path, answers=["", "y"]) == 0
    saved = calibration.load(tmp_path / "state", reader.info)
    assert saved is not None
    assert saved.ppi == 512
    assert saved.ppi_x == pytest.approx(512.0, rel=1e-3)
    assert saved.square
    assert (saved.expires - saved.made).days == load("fap60-simulated").calibration.expires_days
    look = cv2.imread(str(tmp_path / "look.png"))
    assert look is not None
    assert np.all(look == (0, 0, 255), axis=2).any()
    told = capsys.readouterr()
    assert "512 ppi" in told.out
    assert "No finger on it" in told.err


def test_a_unit_is_calibrated_from_two_pictures_of_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = Platen([target(20.0, 0.0), target(0.0, 20.6)])
    assert calibrate(reader, tmp_path, "--target", "lines", "--yes", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["ppi_x"] == pytest.approx(508.0, rel=1e-3)
    assert facts["ppi_y"] == pytest.approx(523.2, rel=1e-3)
    assert facts["square"] is False


def test_nothing_is_written_without_agreement_or_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(Platen([target(20.0, 20.0)]), tmp_path, answers=["", "n"]) == 1
    assert calibrate(Platen([np.full((300, 300), 200, np.uint8)]), tmp_path, "--yes") == 1
    assert "reader.calibration" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_wizard_that_nobody_can_answer_says_how_to_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    args = parsed("calibrate", *FAP, "--pitch-mm", "1", "--state", str(tmp_path))
    with pytest.raises(ValueError, match="--yes"):
        readers_calibrate.run(Platen([target(20.0, 20.0)]), CaptureRequest(CaptureKind.ROLL), args)


def test_a_unit_without_a_serial_number_needs_a_word(tmp_path: Path) -> None:
    reader = Platen([target(20.0, 20.0)], serial="unknown")
    with pytest.raises(ReaderFault, match="no serial number"):
        calibrate(reader, tmp_path, "--yes")
    assert calibrate(reader, tmp_path, "--yes", "--no-serial") == 0
    with pytest.raises(ValueError, match="pitch"):
        calibrate(reader, tmp_path, "--pitch-mm", "0")


def test_the_verb_calibrates_the_reader_it_opened(fap: list[Any], tmp_path: Path) -> None:
    words = ["calibrate", *FAP, "--pitch-mm", "1", "--yes", "--state", str(tmp_path)]
    assert call(*words, "--look", str(tmp_path / "l.png")) == 1  # stripes of a made-up finger are no target
    assert fap[0].state == "closed"


# ---------------------------------------------------------------- record


def test_nothing_is_recorded_without_the_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["record", "--driver", "zfm", "--address", "serial:/x", "--out", str(tmp_path / "r.jsonl")]
    assert call(*words) == 2
    told = capsys.readouterr().err
    assert "NEVER record a real person's finger" in told
    assert "--no-real-finger" in told
    (tmp_path / "r.jsonl").touch()
    assert call(*words, "--no-real-finger") == 2


def test_a_serial_unit_is_recorded_and_replays_pixel_for_pixel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = VirtualClock()
    someone = rigs.person()
    module = zfm.ZfmDevice(someone, load("zfm20"), 57600)
    monkeypatch.setattr(addresses, "SerialLink", lambda *_: MemoryLink(module, clock))
    monkeypatch.setattr(readers, "SystemClock", lambda: clock)
    out = tmp_path / "r.jsonl"
    words = ["record", "--driver", "zfm", "--address", "serial:/x", "--no-real-finger", "--out", str(out)]
    assert call(*words) == 0
    assert json.loads(out.read_text().splitlines()[0])["real_person"] is False
    again = VirtualClock()
    reader = opened(
        ZfmReader(load("zfm20"), MemoryLink(SerialRecording(steps(out.read_text())), again), again)
    )
    frame = reader.capture(CaptureRequest(CaptureKind.PLAIN))
    lay: Placed = rigs.watched(someone)[-1]
    np.testing.assert_array_equal(frame.pixels, (lay.pixels >> 4) * 17)


def recorder(calls: list[Sequence[str]], code: int = 0) -> Callable[[Sequence[str]], Any]:
    def run(words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        calls.append(words)
        return subprocess.CompletedProcess(words, code, b"P: /devices/x\n")

    return run


def test_a_usb_unit_is_recorded_by_umockdev(
    machine: survey.Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(readers_record.shutil, "which", lambda name: f"/usr/bin/{name}")
    real = survey.node_of
    monkeypatch.setattr(survey, "node_of", lambda address: real(address, machine))
    args = parsed("record", "--reader", "x", "--out", str(tmp_path / "r.ioctl"), "--no-real-finger")
    calls: list[Sequence[str]] = []
    assert readers_record.usb(args, URU, ["host_seed=0x51ea2124"], recorder(calls)) == 0
    node = machine.dev / "bus/usb/001/007"
    assert calls[0] == ["/usr/bin/umockdev-record", str(node)]
    assert calls[1][1:3] == [f"--ioctl={node}={tmp_path / 'r.ioctl'}", "--"]
    assert calls[1][-2:] == ["--option", "host_seed=0x51ea2124"]
    assert (tmp_path / "r.umockdev").read_bytes() == b"P: /devices/x\n"
    with pytest.raises(ReaderFault, match="ended with 1"):
        readers_record.usb(args, URU, [], recorder([], 1))
    monkeypatch.setattr(readers_record.shutil, "which", lambda _: None)
    with pytest.raises(ReaderFault, match="not installed"):
        readers_record.usb(args, URU, [])


def test_a_usb_address_goes_to_umockdev(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(readers_record, "usb", lambda args, one, options: asked.append((one, options)) or 0)
    words = ["record", "--driver", "uru4500", "--address", URU.address, "--no-real-finger"]
    assert call(*words, "--out", str(tmp_path / "r"), "--option", "a=b") == 0
    assert asked[0][0].address == URU.address
    assert asked[0][1] == ["a=b"]


# ---------------------------------------------------------------- capture


def test_the_host_seed_of_a_ureru_is_an_option_of_capture() -> None:
    reader = registry.make_reader(
        "uru4500", "", "usb:05ba:000a", dict([readers._option("host_seed=0x51ea2124")]), SystemClock()
    )
    assert vars(reader)["_host_seed"] == 0x51EA2124


def test_a_calibrated_unit_says_so_in_the_sidecar(tmp_path: Path) -> None:
    reader = calibration.CalibratedReader(fap60.rig(rigs.person()).reader, tmp_path)
    reader.open()
    source = Platen([target(20.157, 20.157)])
    assert calibrate(source, tmp_path, "--yes", "--state", str(tmp_path)) == 0
    own = calibration.load(tmp_path, source.info)
    request = CaptureRequest(CaptureKind.ROLL)
    frame = reader.capture(request)
    assert readers.sidecar(frame, request)["ppi_calibrated"] is load("fap60-simulated").ppi.calibrated
    facts = readers.sidecar(frame, request, own)
    assert facts["ppi_calibrated"] is True
    assert facts["ppi_source"].startswith("ruled target")
