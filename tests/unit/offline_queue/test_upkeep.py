"""Backup, restore, vacuum and erasure of a queue."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from offline_queue import erasure, upkeep
from offline_queue.errors import StoreFault, VaultError
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import MemoryGateway, submission


def _send(queue: Queue, gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock) -> None:
    Sync(queue, gateway, verifier, clock, "sync").drain()


def test_a_backup_taken_while_the_queue_is_open_is_a_queue_with_the_same_entries(
    queue: Queue, opened: Callable[..., Queue], signer: Signer, tmp_path: Path
) -> None:
    queue.enqueue(submission(1), signer)
    size = upkeep.backup(queue, tmp_path / "copy")
    assert size == (tmp_path / "copy").stat().st_size
    assert upkeep.check(tmp_path / "copy") == 1
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600, "nobody else may read a backup"
    queue.enqueue(submission(2), signer)
    queue.close()
    aside = upkeep.put_back(tmp_path / "copy", tmp_path / "queue.db")
    assert aside is not None
    assert aside.exists()
    back = opened()
    assert [entry.submission_id for entry in back.entries()] == ["sub-1"]
    assert back.payload("sub-1") == submission(1).payload
    assert upkeep.ask_again(back, "restored") == 1
    assert back.entry("sub-1").state == "unknown", "it may have been sent since"
    assert back.verify_audit().ok


def test_a_backup_never_overwrites_a_file(queue: Queue, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("precious")
    with pytest.raises(StoreFault) as caught:
        upkeep.backup(queue, tmp_path / "copy")
    assert caught.value.code == "backup.exists"
    assert (tmp_path / "copy").read_text() == "precious"


def test_a_backup_that_cannot_be_written_says_so(queue: Queue, tmp_path: Path) -> None:
    with pytest.raises(StoreFault):
        upkeep.backup(queue, tmp_path / "absent" / "copy")


@pytest.mark.parametrize("where", [100, 5000])
def test_a_changed_backup_is_not_put_back(queue: Queue, signer: Signer, tmp_path: Path, where: int) -> None:
    queue.enqueue(submission(1), signer)
    upkeep.backup(queue, tmp_path / "copy")
    data = bytearray((tmp_path / "copy").read_bytes())
    data[where] ^= 1
    (tmp_path / "copy").write_bytes(data)
    with pytest.raises(StoreFault) as caught:
        upkeep.put_back(tmp_path / "copy", tmp_path / "queue.db")
    assert caught.value.code == "backup.digest"
    assert queue.entry("sub-1")


def test_a_backup_without_its_digest_is_not_put_back(queue: Queue, tmp_path: Path) -> None:
    upkeep.backup(queue, tmp_path / "copy")
    upkeep.sidecar(tmp_path / "copy").unlink()
    with pytest.raises(StoreFault) as caught:
        upkeep.put_back(tmp_path / "copy", tmp_path / "queue.db")
    assert caught.value.code == "backup.cannot_read"


def test_a_restore_where_nothing_was_moves_nothing_aside(queue: Queue, tmp_path: Path) -> None:
    upkeep.backup(queue, tmp_path / "copy")
    assert upkeep.put_back(tmp_path / "copy", tmp_path / "other.db") is None
    assert upkeep.put_back(tmp_path / "copy", tmp_path / "other.db") == tmp_path / "other.db.aside-1"


def test_another_database_is_no_backup(tmp_path: Path, queue: Queue) -> None:
    upkeep.backup(queue, tmp_path / "copy")
    with closing(sqlite3.connect(tmp_path / "copy")) as base:
        base.execute("PRAGMA application_id = 7")
        base.commit()
    upkeep.sidecar(tmp_path / "copy").write_text(upkeep._digest(tmp_path / "copy"))
    with pytest.raises(StoreFault) as caught:
        upkeep.check(tmp_path / "copy")
    assert caught.value.code == "queue.not_a_queue"


def test_vacuum_gives_back_what_erasure_freed(
    queue: Queue, signer: Signer, gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock
) -> None:
    queue.enqueue(submission(1, payload=bytes(400_000)), signer)
    _send(queue, gateway, verifier, clock)
    erasure.erase_due(queue.database, dt.timedelta(0))
    sizes = upkeep.vacuum(queue)
    assert sizes.before - sizes.after > 390_000


def test_erased_after_custody_and_retention_and_provable_ever_after(
    queue: Queue, signer: Signer, gateway: MemoryGateway, verifier: Verifier, clock: FrozenClock
) -> None:
    queue.enqueue(submission(1), signer)
    _send(queue, gateway, verifier, clock)
    queue.enqueue(submission(2), signer)
    keep = dt.timedelta(days=30)
    clock.sleep(29 * 86400)
    assert erasure.erase_due(queue.database, keep) == ()
    clock.sleep(86400)
    sealed = bytes(queue.database.sql("SELECT sealed FROM payload WHERE seq = 1")[0][0])
    assert erasure.erase_due(queue.database, keep) == ("sub-1",), "what waits has no receipt and stays"
    assert erasure.erase_due(queue.database, keep) == (), "once"
    with pytest.raises(VaultError) as caught:
        queue.payload("sub-1")
    assert caught.value.code == "vault.erased"
    assert queue.receipt("sub-1")
    assert queue.signature("sub-1")
    assert queue.payload("sub-2") == submission(2).payload
    assert queue.check().ok
    assert queue.verify_audit().ok
    files = b"".join(path.read_bytes() for path in queue.database.path.parent.glob("queue.db*"))
    assert sealed[12:72] not in files, "the wrapped key"
    assert sealed[100:132] not in files, "and what it opened"
