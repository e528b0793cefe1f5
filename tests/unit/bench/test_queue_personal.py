"""The search for personal data finds what is there, and nothing of the queue's."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue.vault import Vault
from station.bench import queue_personal


@pytest.fixture(autouse=True)
def no_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)


def test_nothing_of_a_small_campaign_is_found() -> None:
    result = queue_personal.run(40, seed=3)
    assert result["bookings"] == 2
    assert result["erased"] == 1
    assert result["scanned"].startswith("files only")
    assert not any(result["must_be_zero"].values())


def test_a_queue_that_does_not_seal_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Vault, "seal", lambda self, plain, aad: plain)
    monkeypatch.setattr(Vault, "open", lambda self, sealed, aad: sealed)
    monkeypatch.setattr(Vault, "is_current", lambda self, sealed: True)
    monkeypatch.setattr(queue_personal, "_erase", lambda queue, names: 0)
    assert queue_personal.run(40, seed=3)["must_be_zero"]["tokens_found"] > 0


@given(before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_a_token_is_found_in_any_spelling(before: bytes, after: bytes) -> None:
    text = before + b"QWERTYUIOPAS000001" + after
    for spelled in (text, text.hex().encode(), text.hex().upper().encode(), base64.b64encode(text)):
        assert queue_personal.count(spelled, "QWERTYUIOPAS") >= 1


def test_a_token_across_two_blocks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_personal, "BLOCK", 300)
    (tmp_path / "x").write_bytes(b"." * 295 + b"QWERTYUIOPAS" + b"." * 500)
    found = [queue_personal.count(block, "QWERTYUIOPAS") for block in queue_personal.raw(tmp_path, None)]
    assert sum(found) == 1
