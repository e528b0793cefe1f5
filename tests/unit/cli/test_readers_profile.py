"""`station readers profile check`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from firmware_profiles import check
from station.cli import readers_profile


def tell(*words: str) -> int:
    parser = argparse.ArgumentParser()
    readers_profile.add_arguments(parser)
    return readers_profile.run(parser.parse_args(["check", *words]))


def test_the_shipped_profiles_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell() == 0
    assert f"{len(check.shipped())} profiles, 0 mistakes" in capsys.readouterr().out


def test_a_mistake_is_named_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "zfm20.toml"
    path.write_text((check.FOLDER / "zfm20.toml").read_text().replace("invert", "inwert"))
    assert tell(str(path)) == 1
    assert "inwert" in capsys.readouterr().out
    assert tell("--json", str(path)) == 1
    told = json.loads(capsys.readouterr().out)
    assert told[0]["file"] == str(path)
    assert len(told[0]["problems"]) == 1
    assert told[0]["remarks"] == []
