"""`station bench readers` and `station bench fuzz`: what they print, when they fail, how an image's time is found."""

from __future__ import annotations

import argparse
import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from drivers.sim import fuzz as engine
from drivers.sim import sweep
from drivers.sim.sweep import Run
from station.bench import fuzz, readers, readers_timing
from station.bench.readers_timing import Row, image_part


def arguments(module: ModuleType, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return parser.parse_args(words)


def test_the_table_has_a_row_for_each_trouble_and_ends_with_the_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--driver", "zfm", "--stride", "300", "--trouble", "lose", "--trouble", "unplug")
    assert readers.run(arguments(readers, *words)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1:3] for line in lines[2:4]] == [[" zfm ", " lose "], [" zfm ", " unplug "]]
    assert "link.disconnected 3" in lines[3]
    assert lines[-1].startswith("12 conversations: 0 wrong pictures, 0 hangs, 0 not good")


def test_as_json_every_count_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--driver", "gt521", "--stride", "800", "--trouble", "flip", "--json")
    assert readers.run(arguments(readers, *words)) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["subject"], first["trouble"], first["outcomes"]) == ("gt521", "flip", {"right": 2})
    assert first["bad_at"] == []


def test_a_run_that_is_not_good_makes_it_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sweep, "one", lambda subject, fault, usual: Run(fault.at, "right", 1.0, 3.5))
    words = ("--driver", "zfm", "--stride", "400", "--trouble", "flip")
    assert readers.run(arguments(readers, *words)) == 1
    assert "recovery 3.50 s" in capsys.readouterr().out


def test_a_trouble_nobody_knows_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert readers.run(arguments(readers, "--trouble", "fire")) == 2
    assert "delay 2 s" in capsys.readouterr().err


def test_what_was_left_behind_has_a_row_for_each_thing(capsys: pytest.CaptureFixture[str]) -> None:
    assert readers.run(arguments(readers, "--left-behind", "--driver", "gt521")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1:3] for line in lines[2:4]] == [
        [" gt521 gt521 ", " baud "],
        [" gt521 gt521 ", " + its light on "],
    ]
    assert lines[-1].startswith("60 conversations: 0 wrong pictures, 0 hangs, 0 not good")


def test_a_driver_that_keeps_nothing_behind_has_nothing_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert readers.run(arguments(readers, "--left-behind", "--driver", "nb1010")) == 1
    assert capsys.readouterr().out.startswith("0 conversations")


def test_the_time_of_an_image_runs_from_its_command_to_its_last_byte() -> None:
    poll = [(0.0, 0, 12), (0.05, 12, 0)]
    image = [(0.1, 0, 12), (0.12, 500, 0), (0.15, 5000, 0), (0.2, 500, 0)]
    assert image_part([*poll, *image, (0.3, 0, 12), (0.31, 12, 0)]) == (pytest.approx(0.1), 6012)
    assert image_part(poll) == (0.0, 0)


def test_blocks_with_acknowledges_between_are_one_image_and_the_wait_for_the_finger_is_not() -> None:
    scan = [(0.0, 0, 13), (0.5, 13, 0)]  # half a second for the finger
    blocks = [(0.51, 4000, 0), (0.6, 0, 13), (0.7, 4000, 0)]
    seconds, count = image_part([*scan, *blocks], baud=130_000)
    assert count == 13 + 8013
    assert seconds == pytest.approx(0.7 - 0.5 + 13 * 10 / 130_000)


@pytest.mark.parametrize(
    ("row", "ok"),
    [
        (Row("a", 1000, 1.04, 1.0, None, 0.01), True),
        (Row("a", 1000, 1.06, 1.0, None, 0.01), False),
        (Row("a", 1000, 9.0, None, 0.2, 0.01), True),
        (Row("a", 1000, 9.0, None, 0.4, 0.01), False),
        (Row("a", 1000, 1.0, 1.0, None, 0.03), False),
    ],
)
def test_each_limit_of_time_and_load_is_judged(row: Row, ok: bool) -> None:
    assert row.ok == ok
    assert readers_timing.text(row).endswith("ok |" if ok else "MISSED |")


def test_timing_measures_a_peer_on_a_pty(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fast = readers_timing.Case("r503", "zfm", "r503", 115200, ("--profile", "r503", "--baud", "115200"))
    monkeypatch.setattr(readers_timing, "CASES", (fast,))
    monkeypatch.setattr(readers_timing.readers_usb, "images", lambda drivers: {})
    monkeypatch.setattr(readers_timing, "_IDLE_S", 0.2)
    monkeypatch.setattr(
        readers_timing, "IMAGE_LIMIT", 100.0
    )  # what is asked of time is asked by the bench, not here
    monkeypatch.setattr(readers_timing, "IDLE_LIMIT", 1.0)
    assert readers.run(arguments(readers, "--timing", "--json")) == 0
    row, descrambling = json.loads(capsys.readouterr().out)
    # A busy machine's pause may pass for the wait for the person: then the first bytes, at most so many, are left out
    assert 20040 - readers_timing._GAP_BYTES <= row["image_bytes"] <= 20040
    assert row["image_s"] > 1.6
    assert descrambling["median_s"] > 0


@pytest.mark.parametrize("words", [("--json",), ()])
def test_timing_of_a_usb_reader_is_a_row_like_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    image = readers_timing.readers_usb.Image(48_600, 0.044, 0.043)
    monkeypatch.setattr(readers_timing.readers_usb, "images", lambda drivers: {"nb1010": (image, None)})
    monkeypatch.setattr(readers_timing.readers_usb, "idle", lambda make, load_of: 0.021)
    assert readers.run(arguments(readers, "--timing", "--driver", "nb1010", *words)) == 1, (
        "idle load too high"
    )
    told = capsys.readouterr().out
    if words:
        row, _ = json.loads(told)
        assert (row["name"], row["image_bytes"], row["ok"]) == ("nb1010 USB", 48_600, False)
    else:
        assert "| nb1010 USB | 48600 B | 0.044 s | 0.043 s | 1.023 | - | 2.10 % | MISSED |" in told


def test_fuzzing_prints_inputs_and_findings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fuzz.run(arguments(fuzz, "--count", "50", "--target", "zfm stream")) == 0
    assert "50 inputs, 0 findings" in capsys.readouterr().out
    bad = engine.Report({"x": 1}, {"x": 0.1}, [("x", b"\x01", "IndexError: 1")])
    monkeypatch.setattr(engine, "run", lambda count, seed, only: bad)
    assert fuzz.run(arguments(fuzz)) == 1
    assert "x: IndexError: 1: 01" in capsys.readouterr().out
    assert fuzz.run(arguments(fuzz, "--json")) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["input"] == "01"
    assert fuzz.run(arguments(fuzz, "--target", "nothing")) == 2


def test_atheris_is_asked_for_one_target_and_missed_when_it_is_absent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    assert fuzz.run(arguments(fuzz, "--atheris")) == 3
    assert "pip install atheris" in capsys.readouterr().err
    asked: list[object] = []

    class Imports:
        def __init__(self, include: list[str]) -> None:
            asked.append(include)

        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    fake = SimpleNamespace(
        instrument_imports=Imports,
        Setup=lambda words, call: asked.append(words[1]),
        Fuzz=lambda: asked.append("ran"),
    )
    monkeypatch.setitem(sys.modules, "atheris", fake)
    assert fuzz.run(arguments(fuzz, "--atheris")) == 2
    assert fuzz.run(arguments(fuzz, "--atheris", "--target", "sfm stream", "--count", "7")) == 0
    assert asked[-2:] == ["-runs=7", "ran"]
