"""The sync process looks at the file in a process of its own before it sends, and says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline_queue.clock import SystemClock
from offline_queue.database import PAGE_SIZE
from offline_queue.errors import StoreFault
from offline_queue.signers import Signer
from offline_queue.store import Queue
from offline_queue.vault import Vault
from station.cli import sync as sync_cli
from station.sim.pki import PkiPaths
from tests.unit.offline_queue.kit import submission


@pytest.fixture
def parts(tmp_path: Path, pki: PkiPaths, vault: Vault, signer: Signer) -> sync_cli.Parts:
    with Queue.open(tmp_path / "queue.db", vault, SystemClock(), station_id="ST-1") as queue:
        for n in range(1, 4):
            queue.enqueue(submission(n, bytes(5000)), signer)
    nothing = tmp_path / "nothing"
    return sync_cli.Parts(
        database=tmp_path / "queue.db",
        station_key=pki.station_vault_key,
        station_id="ST-1",
        url="https://localhost",
        ca=nothing,
        client_cert=nothing,
        client_key=nothing,
        receipt_ca=nothing,
        total_deadline_s=1.0,
        poll_s=1.0,
    )


def test_a_whole_file_and_one_that_is_not_there_are_nothing_to_refuse(parts: sync_cli.Parts) -> None:
    sync_cli._refuse_damage(parts)
    parts.database.unlink()
    sync_cli._refuse_damage(parts)
    assert not parts.database.exists()


def test_a_damaged_file_is_refused_before_anything_is_sent(parts: sync_cli.Parts) -> None:
    content = bytearray(parts.database.read_bytes())
    content[2 * PAGE_SIZE : 2 * PAGE_SIZE + 512] = b"\xee" * 512
    parts.database.write_bytes(content)
    with pytest.raises(StoreFault) as fault:
        sync_cli._refuse_damage(parts)
    assert fault.value.code == "queue.needs_mending"
    assert "station queue mend" in fault.value.advice


def test_a_look_that_ends_without_a_word_is_no_permission_to_send(
    parts: sync_cli.Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(StoreFault) as fault:
        sync_cli._refuse_damage(parts)
    assert fault.value.code == "queue.not_examined"
    assert "status 1" in fault.value.message
