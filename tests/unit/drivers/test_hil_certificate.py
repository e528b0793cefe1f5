"""`./run hil` where nothing is plugged in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drivers import registry
from tests.hil import certify


def test_without_a_reader_the_certificate_says_that_nothing_was_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry, "discover", list)
    assert certify.main(["--out", str(tmp_path / "paper")]) == 3
    facts = json.loads((tmp_path / "paper.json").read_text())
    assert facts["units"] == []
    assert facts["reason"].startswith("no reader is attached")
    assert "Nothing was tested" in (tmp_path / "paper.md").read_text()
    assert "no reader is attached" in capsys.readouterr().err
