"""A key is destroyed in steps; a cut between any two of them leaves a folder of keys that opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline_queue import keyring


class Cut(BaseException):
    """The power went."""


def _cut(*_: object, **__: object) -> None:
    raise Cut


@pytest.mark.parametrize(("where", "what"), [(Path, "rename"), (keyring.os, "fsync"), (Path, "unlink")])
def test_a_cut_while_a_key_is_destroyed_leaves_keys_that_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, what: str
) -> None:
    folder = tmp_path / "keys"
    first = keyring.create(folder).current
    second = keyring.add(folder)
    keyring.use(folder, second)
    with monkeypatch.context() as patch:
        patch.setattr(where, what, _cut)
        with pytest.raises(Cut):
            keyring.destroy(folder, first)
    assert keyring.Keyring(folder).key_id == second
    keyring.destroy(folder, first)
    assert keyring.doomed(folder) == []
    assert {path.name for path in folder.iterdir()} == {"current", f"{second.hex()}.key"}


def test_a_cut_after_the_zeros_were_written_leaves_keys_that_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the kill campaign: the old key's file held zeros under its own name."""
    folder = tmp_path / "keys"
    first = keyring.create(folder).current
    second = keyring.add(folder)
    keyring.use(folder, second)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", _cut)
        with pytest.raises(Cut):
            keyring.destroy(folder, first)
    assert keyring.doomed(folder) == [first]
    assert keyring.Keyring(folder).key_id == second
