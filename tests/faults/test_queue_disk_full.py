"""A disk that is really full: a small file system, mounted here, and filled to the last block.

Needs root to mount; skipped with the reason elsewhere. What waits leaves, what is new is refused before it begins, and
both end by themselves once there is room.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offline_queue.ballast import MIB
from offline_queue.errors import QueueFull, StoreFault
from offline_queue.receipts import Verifier
from offline_queue.signers import Signer, load_signer
from offline_queue.states import State
from offline_queue.store import Limits, Queue
from offline_queue.sync import Sync
from offline_queue.vault import Vault
from station.sim.pki import PkiPaths, make_pki
from tests.conftest import FrozenClock
from tests.unit.offline_queue.kit import MemoryGateway, submission

LIMITS = Limits(reserve_bytes=6 * MIB, ballast_bytes=4 * MIB, audit_bytes=MIB)
NONE_KEPT = Limits(reserve_bytes=6 * MIB)
DISK_MIB = 48
BOOKINGS = 5


def run(*command: str) -> None:
    """Skip with the reason when this machine does not allow it."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed (Debian: util-linux, e2fsprogs)")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"run on a machine that allows {' '.join(command[:3])}: {done.stderr.strip()}")


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    if os.geteuid():
        pytest.skip("only root may mount a file system: run as root")
    place = tmp_path / "disk"
    place.mkdir()
    if request.param == "tmpfs":
        run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(place))
    else:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(DISK_MIB * MIB)
        run("mkfs.ext4", "-q", "-m", "0", str(image))
        run("mount", "-o", "loop", str(image), str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), FrozenClock())


@pytest.fixture
def signer(pki: PkiPaths) -> Signer:
    return load_signer(pki.signing_uri)


@pytest.fixture
def opened(disk: Path, pki: PkiPaths, clock: FrozenClock) -> Iterator[Callable[[Limits], Queue]]:
    """The queue on the small disk, with the real count of its free bytes."""
    with contextlib.ExitStack() as stack:

        def open_queue(limits: Limits) -> Queue:
            vault = Vault.load(pki.station_vault_key)
            made = Queue.open(disk / "queue.db", vault, clock, station_id="ST-1", limits=limits)
            return stack.enter_context(made)

        yield open_queue


@pytest.fixture
def sync_of(pki: PkiPaths, clock: FrozenClock) -> Callable[[Queue], tuple[Sync, MemoryGateway]]:
    def make(queue: Queue) -> tuple[Sync, MemoryGateway]:
        gateway = MemoryGateway(load_signer(pki.receipt_signing_uri), at=clock.utcnow)
        verifier = Verifier(pki.gateway_ca.read_bytes(), clock)
        return Sync(queue, gateway, verifier, clock, "sync", idle=queue.tidy), gateway

    return make


def booked(queue: Queue, signer: Signer, first: int = 1, number: int = BOOKINGS) -> None:
    for n in range(first, first + number):
        queue.enqueue(submission(n, random.Random(n).randbytes(600 * 1024)), signer)


def fill(disk: Path, name: str = "somebody-else") -> Path:
    """Another program takes every block that is left."""
    path = disk / name
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        for size in (MIB, 4096, 512):
            with contextlib.suppress(OSError):
                while os.write(descriptor, bytes(size)):
                    os.fsync(descriptor)
    finally:
        os.close(descriptor)
    with pytest.raises(OSError) as full:
        (disk / "one-more").write_bytes(bytes(8192))
    assert full.value.errno == errno.ENOSPC
    (disk / "one-more").unlink(missing_ok=True)
    return path


def test_a_full_disk_refuses_what_is_new_and_sends_what_waits(
    disk: Path,
    opened: Callable[[Limits], Queue],
    signer: Signer,
    sync_of: Callable[[Queue], tuple[Sync, MemoryGateway]],
    clock: FrozenClock,
) -> None:
    queue = opened(LIMITS)
    booked(queue, signer)
    queue.database.checkpoint()  # the log has no blocks of its own left
    filler = fill(disk)
    with pytest.raises(QueueFull) as refused:
        queue.check_room()  # what the kiosk asks before a new booking
    assert (refused.value.code, refused.value.exit_code) == ("queue.disk_low", 3)
    assert "0 MiB free" in refused.value.message
    with pytest.raises(QueueFull):
        booked(queue, signer, BOOKINGS + 1, 1)
    sync, gateway = sync_of(queue)
    report = sync.step()
    assert (report.fault, report.accepted) == (None, BOOKINGS)
    assert queue.counts() == {State.CUSTODY: BOOKINGS}
    assert len(gateway.stored) == BOOKINGS
    assert queue.room.ballast.held == 0
    assert queue.verify_audit().ok
    with pytest.raises(QueueFull):
        queue.check_room()
    filler.unlink()
    clock.move(1)
    sync.run(lambda: not queue.room.ballast.missing, lambda: None)  # the process by itself, no person
    assert (queue.room.ballast.missing, queue.room.audit_space.missing) == (0, 0)
    booked(queue, signer, BOOKINGS + 1, 1)
    sync.step()
    assert queue.counts() == {State.CUSTODY: BOOKINGS + 1}
    assert queue.check().ok


def test_without_ballast_nothing_leaves_a_full_disk_until_there_is_room(
    disk: Path,
    opened: Callable[[Limits], Queue],
    signer: Signer,
    sync_of: Callable[[Queue], tuple[Sync, MemoryGateway]],
) -> None:
    """What the ballast is for; and even so nothing is lost, and no person is needed."""
    queue = opened(NONE_KEPT)
    booked(queue, signer)
    queue.database.checkpoint()
    filler = fill(disk)
    sync, gateway = sync_of(queue)
    with pytest.raises(StoreFault) as fault:
        sync.step()
    assert fault.value.code == "queue.disk_full"
    assert not gateway.stored
    filler.unlink()
    assert sync.step().accepted == BOOKINGS
    assert queue.verify_audit().ok


def test_when_the_ballast_is_taken_too_small_rows_still_have_the_audit_space(
    disk: Path, opened: Callable[[Limits], Queue], signer: Signer
) -> None:
    queue = opened(LIMITS)
    booked(queue, signer, number=1)
    queue.database.checkpoint()
    fill(disk)
    queue.room.ballast.give_up()
    fill(disk, "somebody-else-again")
    with pytest.raises(StoreFault) as fault:
        queue.keep_response(1, "TCN", bytes(3 * MIB), tot="SRE", signature=b"")
    assert fault.value.code == "queue.disk_full"
    assert queue.responses() == []
    assert queue.hold("sub-1", "an officer stops it").state is State.HELD
    assert queue.release("sub-1").state is State.UNKNOWN
    assert queue.room.audit_space.held == 0
    assert queue.verify_audit().ok
