"""`station convert`, and `station match` on template files, as a person or a script calls them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from station import templates
from station.__main__ import main
from tests.unit.templates.test_templates import template


@pytest.fixture
def source(tmp_path: Path) -> Path:
    chance = np.random.default_rng(5)
    rows = [
        (int(chance.integers(50, 460)), int(chance.integers(50, 350)), float(chance.integers(0, 360)), 1, 80)
        for _ in range(40)
    ]
    path = tmp_path / "one.json"
    path.write_bytes(templates.encode("json", template(rows)))
    return path


@pytest.mark.parametrize("name", sorted(templates.CODECS))
def test_a_template_goes_through_any_format_and_match_tells_it_by_itself(source, tmp_path, capsys, name):
    target = tmp_path / "out"
    assert main(["convert", str(source), str(target), "--format", name, "--fgp", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "out": str(target),
        "format": name,
        "bytes": target.stat().st_size,
        "minutiae": 40,
    }
    assert main(["match", str(source), str(target), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["candidate"] is True


def test_convert_says_what_it_wrote(source, tmp_path, capsys):
    assert main(["convert", str(source), str(tmp_path / "out"), "--format", "iso19794-2:2011"]) == 0
    assert "40 minutiae, " in capsys.readouterr().out


def test_a_damaged_template_a_missing_file_and_a_place_that_is_none_are_one_line_each(
    source, tmp_path, capsys
):
    damaged = tmp_path / "damaged"
    damaged.write_bytes(templates.encode("incits378:2004", template([(1, 1, 1, 1, 1)]))[:-3])
    assert main(["convert", str(damaged), str(tmp_path / "out")]) == 1
    assert "template.bad_length" in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "none"), str(tmp_path / "out")]) == 1
    assert "image.missing" in capsys.readouterr().err
    assert main(["convert", str(source), str(tmp_path / "none" / "out")]) == 3
    assert "environment.cannot_write" in capsys.readouterr().err
