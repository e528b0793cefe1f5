"""`station readers list` and `capture`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import msgspec
import pytest

from drivers import registry
from drivers.errors import CaptureRetry, LinkError
from drivers.links import link_error
from drivers.registry import Candidate
from drivers.sim import rig as rigs
from drivers.sim.peers import fap60, nb1010
from firmware_profiles.profile import Firmware
from station.__main__ import main
from station.cli import readers

URU = Candidate("uru4500@1-2", "uru4500", "uru4500", "usb:05ba:000a@1-2", "DigitalPersona", True, False)


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    readers.add_arguments(parser)
    return readers.run(parser.parse_args(list(words)))


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """open_reader gives the simulated tenprint reader; what it was asked for."""
    asked: list[tuple[Any, ...]] = []

    def open_reader(*args: Any) -> Any:
        asked.append(args[:4])
        reader = fap60.rig(rigs.person()).reader
        reader.open()
        return reader

    monkeypatch.setattr(registry, "open_reader", open_reader)
    return asked


def test_list_shows_what_is_attached(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "discover", lambda: [URU])
    assert call("list") == 0
    assert capsys.readouterr().out == "uru4500@1-2\tusb:05ba:000a@1-2\tDigitalPersona\n"
    assert call("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["certain"] is True


def test_list_of_nothing_says_so_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "discover", list)
    assert call("list") == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "--driver and --address" in told.err


def test_capture_writes_a_picture_and_its_facts(
    simulated: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "slap.png"
    words = ["capture", "--driver", "fap60", "--address", "serial:/x", "--option", "a=b=c", "--kind", "slap"]
    assert call(*words, "--lamps", "2,3,4,5", "--out", str(out)) == 0
    assert simulated == [("fap60", "", "serial:/x", {"a": "b=c"})]
    assert "SIMULATED" in capsys.readouterr().out
    picture = cv2.imread(str(out), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture.shape == (1500, 1600)
    facts = json.loads(out.with_suffix(".json").read_text())
    assert facts["simulated"] is True
    assert facts["valid_for_submission"] is False
    assert facts["lamps"] == [2, 3, 4, 5]
    assert facts["reader"]["make"] == "SIMULATED"


def test_capture_says_what_keeps_a_unit_in_training(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def open_reader(*_: Any) -> Any:
        reader = nb1010.rig(rigs.person()).reader
        reader.profile = msgspec.structs.replace(reader.profile, firmware=Firmware(known_good=("0009",)))
        reader.open()
        return reader

    monkeypatch.setattr(registry, "open_reader", open_reader)
    words = ["capture", "--driver", "nb1010", "--address", "usb:298d:1010", "--out", str(tmp_path / "a.png")]
    assert call(*words) == 0
    assert "training only: nobody has tested this firmware (0001)" in capsys.readouterr().err
    assert call(*words, "--json") == 0
    told = capsys.readouterr()
    assert "firmware.unknown" in json.loads(told.out)["reader"]["limits"]
    assert told.err == ""


def test_a_serial_address_alone_does_not_say_which_reader_it_is(tmp_path: Path) -> None:
    with pytest.raises(LinkError) as caught:
        call("capture", "--reader", "serial:/tmp/x", "--out", str(tmp_path / "a.png"))
    assert caught.value.code == "link.not_found"
    assert "--driver" in caught.value.advice


def test_capture_as_json_prints_the_facts(
    simulated: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "capture",
        "--driver",
        "fap60",
        "--address",
        "serial:/x",
        "--out",
        str(tmp_path / "a.png"),
        "--json",
    ]
    assert call(*words) == 0
    assert json.loads(capsys.readouterr().out)["ppi"] == 500


def test_a_listed_reader_is_opened_by_its_id(
    simulated: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(registry, "discover", lambda: [URU])
    assert call("capture", "--reader", "uru4500@1-2", "--out", str(tmp_path / "a.png")) == 0
    assert simulated == [("uru4500", "uru4500", "usb:05ba:000a@1-2", {})]
    assert call("capture", "--reader", "usb:05ba:000a", "--out", str(tmp_path / "a.png")) == 0
    assert simulated[0] == simulated[1]
    with pytest.raises(LinkError) as caught:
        call("capture", "--reader", "usb:05ba:000b", "--out", str(tmp_path / "a.png"))
    assert caught.value.code == "link.not_found"


@pytest.mark.parametrize(
    "words",
    [["--driver", "fap60"], ["--driver", "fap60", "--address", "serial:/x", "--option", "novalue"],
     ["--driver", "fap60", "--address", "serial:/x", "--lamps", "two"]],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(
    simulated: list[tuple[Any, ...]], tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("capture", *words, "--out", str(tmp_path / "a.png")) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    words = [
        "capture",
        "--driver",
        "fap60",
        "--address",
        "serial:/x",
        "--out",
        str(tmp_path / "no" / "a.png"),
    ]
    assert call(*words) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(link_error("link.not_found", "x"), 3), (CaptureRetry("capture.no_finger", "x", "again"), 1)],
)
def test_errors_become_a_line_or_json_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Any, code: int
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(registry, "open_reader", refuse)
    words = [
        "readers",
        "capture",
        "--driver",
        "fap60",
        "--address",
        "serial:/x",
        "--out",
        str(tmp_path / "a.png"),
    ]
    assert main(words) == code
    assert error.code in capsys.readouterr().err
    assert main([*words, "--json"]) == code
    assert json.loads(capsys.readouterr().out)["error"]["code"] == error.code


def test_progress_is_shown_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    rig = fap60.rig(rigs.person())
    rig.reader.open()
    request = readers.CaptureRequest(readers.CaptureKind.ROLL)
    rig.reader.capture(request, readers._progress)
    assert "preview 5" in capsys.readouterr().err
