"""The command line: verbs found by name, errors as one line and an exit code."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

import station.cli
from station.__main__ import VERBS, main
from station.errors import EnvironmentFault, StationError


def test_every_verb_has_its_file_and_every_file_its_verb() -> None:
    folder = Path(station.cli.__file__).parent
    files = {path.stem.replace("_", "-") for path in folder.glob("*.py") if not path.stem.startswith("_")}
    parts = {one for one in files if any(one.startswith(f"{verb}-") for verb in VERBS)} - set(VERBS)
    assert files - parts == set(VERBS)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"])
    assert caught.value.code == 0
    assert verb in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["fly"], ["doctor", "--unknown"]])
def test_wrong_usage_exits_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2


def _fake_doctor(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def run(_args: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr("station.cli.doctor.run", run)


def test_a_typed_error_is_one_line_with_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fake_doctor(monkeypatch, StationError("test.code", "it broke", "mend it"))
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err == "station: test.code: it broke\n  -> mend it\n"


def test_an_environment_error_exits_3_and_speaks_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fake_doctor(monkeypatch, EnvironmentFault("environment.test", "no disk", "buy one"))
    assert main(["doctor", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "environment.test"


def test_a_programming_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_doctor(monkeypatch, ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


def test_an_interrupt_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("station.cli.doctor.run", run)
    assert main(["doctor"]) == 130
