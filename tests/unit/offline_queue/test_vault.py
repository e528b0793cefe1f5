from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline_queue.errors import VaultError
from offline_queue.vault import OVERHEAD_BYTES, Vault

KEY = bytes(range(32))


def code_of(error: pytest.ExceptionInfo[VaultError]) -> str:
    assert error.value.advice
    return error.value.code


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_sealed_bytes_open_again_and_show_nothing(plain: bytes, aad: bytes) -> None:
    sealed = Vault(KEY).seal(plain, aad)
    assert Vault(KEY).open(sealed, aad) == plain
    assert len(sealed) == len(plain) + OVERHEAD_BYTES
    assert len(plain) < 8 or plain not in sealed


def test_the_same_bytes_are_never_sealed_alike() -> None:
    vault = Vault(KEY)
    assert vault.seal(b"one", b"") != vault.seal(b"one", b"")


@given(st.data())
def test_one_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(Vault(KEY).seal(b"the ridges", b"place"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(VaultError):
        Vault(KEY).open(bytes(sealed), b"place")


@given(st.binary(max_size=200))
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(VaultError):
        Vault(KEY).open(data, b"")
    with pytest.raises(VaultError):
        Vault(KEY).open(b"LSV1" + Vault(KEY).key_id + data, b"")


def test_bytes_moved_to_another_place_do_not_open() -> None:
    sealed = Vault(KEY).seal(b"x", b"submission:1")
    with pytest.raises(VaultError) as error:
        Vault(KEY).open(sealed, b"submission:2")
    assert code_of(error) == "vault.damaged"


def test_another_key_is_named_as_such() -> None:
    sealed = Vault(KEY).seal(b"x", b"")
    with pytest.raises(VaultError) as error:
        Vault(bytes(32)).open(sealed, b"")
    assert code_of(error) == "vault.other_key"


def test_destroying_the_wrapped_key_erases_the_item() -> None:
    sealed = Vault(KEY).seal(b"x" * 100, b"")
    with pytest.raises(VaultError):
        Vault(KEY).open(sealed[:24] + bytes(48) + sealed[72:], b"")


@pytest.mark.parametrize("data", [KEY, KEY.hex().encode(), KEY.hex().encode() + b"\n"])
def test_a_key_file_is_raw_or_hexadecimal(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "vault.key"
    path.write_bytes(data)
    path.chmod(0o600)
    assert Vault.load(path).key_id == Vault(KEY).key_id
    assert "00010203" not in repr(Vault.load(path))


@pytest.mark.parametrize("data", [b"", b"short", KEY[:31], b"zz" * 32, b"\xff" * 64])
def test_a_key_of_another_length_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "vault.key"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(VaultError) as error:
        Vault.load(path)
    assert code_of(error) == "vault.key_length"
    with pytest.raises(VaultError):
        Vault(data)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "vault.key"
    path.write_bytes(KEY)
    path.chmod(mode)
    with pytest.raises(VaultError) as error:
        Vault.load(path)
    assert code_of(error) == "vault.key_too_open"


def test_a_credential_of_the_supervisor_may_show_the_group_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vault.key"
    path.write_bytes(KEY)
    path.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert Vault.load(path).key_id == Vault(KEY).key_id
    path.chmod(0o444)
    with pytest.raises(VaultError):
        Vault.load(path)


def test_a_missing_key_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VaultError) as error:
        Vault.load(tmp_path / "none")
    assert code_of(error) == "vault.key_missing"
    with pytest.raises(VaultError) as error:
        Vault.load(tmp_path)
    assert code_of(error) == "vault.keyring"


def test_a_key_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(VaultError) as error:
        Vault.load(tmp_path / "loop")
    assert code_of(error) == "vault.key_unreadable"
    assert os.path.lexists(tmp_path / "loop")
