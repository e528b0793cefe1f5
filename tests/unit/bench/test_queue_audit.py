"""The campaign `audit` counts what verifiers miss; a verifier that looks away is caught."""

from __future__ import annotations

import random
from typing import Any

import pytest

from station.bench import queue_audit


def test_a_small_campaign_finds_every_alteration() -> None:
    result = queue_audit.run(25, seed=7)
    assert result["runs"] == 100
    assert result["cases"] == dict.fromkeys(queue_audit.OPERATIONS, 25)
    assert not any(result["must_be_zero"].values())


def test_a_verifier_that_looks_away_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(*_: Any) -> dict[str, Any]:
        return {"first_broken": None}

    monkeypatch.setattr(queue_audit, "verify_document", blind)
    monkeypatch.setattr("shutil.which", lambda _: None)
    result = queue_audit.run(4, seed=7)
    assert result["must_be_zero"]["python_missed"] == 16
    assert result["second_verifier"].startswith("skipped")


def test_a_flipped_row_differs_in_one_bit() -> None:
    item = {"row": '{"id":1}', "hash": "ab" * 32}
    for seed in range(50):
        other = queue_audit.flipped(item, random.Random(seed))
        pairs = [
            (a, b) for name in item for a, b in zip(item[name].encode(), other[name].encode(), strict=True)
        ]
        assert sum((a ^ b).bit_count() for a, b in pairs) == 1
