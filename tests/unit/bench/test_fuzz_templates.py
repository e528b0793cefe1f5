"""`station bench fuzz_templates`: that it finds what it looks for, and that our readers give it nothing to find."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from station import templates
from station.__main__ import main
from station.bench import fuzz_templates as fuzz
from station.friction_ridge import SingularPoint
from station.templates import json_text


def test_every_template_it_starts_from_is_good_and_every_format_is_among_them():
    whole = fuzz.good_ones()
    assert {templates.format_of(data).NAME for data in whole} == {r.NAME for r in templates.READERS}
    assert all(fuzz.wrong_with(templates.decode_any(data)) == "" for data in whole)


def test_our_readers_refuse_or_read_what_is_damaged(capsys, tmp_path):
    (tmp_path / "more").write_bytes(fuzz.good_ones()[0])
    assert (
        main(["bench", "fuzz_templates", "--inputs", "3000", "--json", "--file", str(tmp_path / "more")]) == 0
    )
    said = json.loads(capsys.readouterr().out)
    assert sum(said["ended"].values()) == 3000
    assert said["bad"] == []
    assert {"read", "template.bad_field", "template.bad_length", "template.truncated"} < set(said["ended"])


def test_the_same_seed_damages_alike():
    assert fuzz.fuzz(fuzz.good_ones(), 300, 5).ended == fuzz.fuzz(fuzz.good_ones(), 300, 5).ended
    assert fuzz.fuzz(fuzz.good_ones(), 300, 5).ended != fuzz.fuzz(fuzz.good_ones(), 300, 6).ended


def test_a_crash_is_found_and_told(monkeypatch, capsys):
    def crash(data: bytes) -> None:
        raise IndexError("tuple index out of range")

    monkeypatch.setattr(templates, "decode_any", crash)
    assert main(["bench", "fuzz_templates", "--inputs", "3"]) == 1
    assert "BAD IndexError('tuple index out of range'): " in capsys.readouterr().out


def test_a_template_that_makes_no_sense_is_found(monkeypatch):
    good = json_text.decode(fuzz.good_ones()[0])
    monkeypatch.setattr(templates, "decode_any", lambda data: replace(good, ppi=0))
    tally = fuzz.fuzz(fuzz.good_ones(), 2, 1)
    assert tally.ended["nonsense"] == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"width": 0},
        {"x": np.full(12, 300, np.float32)},
        {"y": np.full(12, -1, np.float32)},
        {"angle": np.full(12, 360, np.float32)},
        {"quality": np.full(12, 101, np.uint8)},
        {"kind": np.full(12, 3, np.uint8)},
        {"singular": (SingularPoint("core", 300, 1),)},
    ],
)
def test_what_a_template_should_not_be(changed):
    good = json_text.decode(fuzz.good_ones()[0])
    assert fuzz.wrong_with(good) == ""
    assert fuzz.wrong_with(replace(good, **changed)) != ""
