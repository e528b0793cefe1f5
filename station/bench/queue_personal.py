"""Campaign `personal`: 1,000 personal data go through the queue; not one may be found in any byte that is left.

In: how many data (tokens) to plant, a seed. Out: counts. Half are planted in submissions, half in the answers. They are
enqueued, sent, answered, put in quarantine, backed up and erased, on a small ext4 file system of their own (as root;
else in a folder), with every library's logging at its finest written there. A process that holds them is then killed
with the limit of core dumps that the systemd units set. The raw file system (free space and journal too) is scanned for
the tokens in clear, UTF-16, base64 and hexadecimal. The scan is proven first: a file written and deleted is found.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import random
import resource
import shutil
import signal
import string
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline_queue import canonical, cms, sealed
from offline_queue.clock import Clock, stamp
from offline_queue.models import Submission
from offline_queue.signers import Signer, load_signer
from offline_queue.store import Queue
from offline_queue.sync import Sync
from offline_queue.transports import Parcel
from offline_queue.wire import ResponsePage, SignedReceipt, WireResponse
from station.bench.queue_world import ORI, Progress, World

RUNS = 1000
IMAGE_BYTES = 64 << 20
BLOCK = 1 << 20
TOKENS_A_BOOKING = 20
PREFIX_LETTERS = 12


@dataclass
class Bureau:
    """A Transport that signs for everything and answers each submission with the texts it is given."""

    signer: Signer
    clock: Clock
    texts: dict[str, bytes]
    answers: list[WireResponse] = field(default_factory=list)

    def submit(self, parcel: Parcel) -> SignedReceipt:
        said = canonical.loads(parcel.manifest)
        part = said["parts"][0]
        receipt = canonical.dumps(
            {
                "schema": 1,
                "gateway": "SIMULATED",
                "submission_id": parcel.submission_id,
                "tcn": said["tcn"],
                "sha256": part["sha256"],
                "size": part["size"],
                "received_at": stamp(self.clock.utcnow()),
                "custody": True,
            }
        )
        content = self.texts[parcel.submission_id]
        number = len(self.answers) + 1
        self.answers.append(WireResponse(number, said["tcn"], "SRE", content, self._sign(content)))
        return SignedReceipt(receipt, self._sign(receipt))

    def status(self, submission_id: str) -> SignedReceipt | None:  # noqa: ARG002
        return None

    def responses(self, after: int, limit: int) -> ResponsePage:
        behind = [answer for answer in self.answers if answer.seq > after]
        return ResponsePage(tuple(behind[:limit]), len(behind) > limit)

    def close(self) -> None: ...

    def _sign(self, content: bytes) -> bytes:
        return cms.sign_detached(content, self.signer, self.clock.utcnow())


def run(runs: int, seed: int, progress: Progress = lambda _: None) -> dict[str, Any]:
    """`runs` tokens. `must_be_zero`: tokens found, and what would make the search worthless."""
    chance = random.Random(seed)
    prefix = "".join(chance.choices(string.ascii_uppercase, k=PREFIX_LETTERS))
    tokens = [f"{prefix}{number:06}" for number in range(runs)]
    with tempfile.TemporaryDirectory() as name, partition(Path(name)) as (folder, image):
        control = control_found(folder, image, f"{prefix[::-1]}{seed:06}")
        world = World(Path(name) / "keys")
        counts = live(world, folder, tokens)
        dumped = core_dumped(folder, tokens)
        progress("scanning")
        left = list(raw(folder, image))
        found = sum(count(block, prefix) for block in left)
    zero = {"tokens_found": found, "control_missed": int(not control), "core_dumped": int(dumped)}
    zero |= {"not_taken": runs - counts.pop("tokens_taken")}
    return {
        "campaign": "personal",
        "runs": runs,
        "seed": seed,
        "scanned": "raw ext4 image" if image else "files only: no loop file system here",
        "scanned_bytes": sum(len(block) for block in left) - (len(left) - 1) * OVERLAP,
        "swap": swap_note(),
        **counts,
        "must_be_zero": zero,
    }


def live(world: World, folder: Path, tokens: list[str]) -> dict[str, int]:
    """Everything the queue does with them, with all logging into the same folder."""
    groups = [tokens[at : at + TOKENS_A_BOOKING] for at in range(0, len(tokens), TOKENS_A_BOOKING)]
    bookings = {f"p-{n}": (group[::2], group[1::2]) for n, group in enumerate(groups, start=1)}
    texts = {name: _text(answer) for name, (_, answer) in bookings.items()}
    bureau = Bureau(load_signer(world.pki.receipt_signing_uri), world.clock, texts)
    with logged(folder / "all.log"), _queue(world, folder) as queue:
        for n, (name, (sent, _)) in enumerate(bookings.items(), start=1):
            queue.enqueue(Submission(name, f"PERSONAL-{n:06}", "CAR", ORI, _text(sent)), world.signer)
        report = Sync(queue, bureau, world.verifier(), world.clock, "sync").step()
        logging.getLogger("campaign").info("pass: %s", report)
        queue.quarantine_response(None, "response.signature", "not signed", _text(tokens[:1]))
        taken = sum(len(sent) for name, (sent, _) in bookings.items() if _holds(queue.payload(name), sent))
        answered = {answer.tcr: answer.content for answer in queue.responses()}
        taken += sum(
            len(kept)
            for n, (_, kept) in enumerate(bookings.values(), start=1)
            if _holds(answered[f"PERSONAL-{n:06}"], kept)
        )
        queue.database.sql("VACUUM INTO ?", (str(folder / "backup.db"),))
        erased = _erase(queue, list(bookings)[::2])
        log_bytes = (folder / "all.log").stat().st_size
    return {"tokens_taken": taken, "bookings": len(bookings), "erased": erased, "log_bytes": log_bytes}


def _queue(world: World, folder: Path) -> Queue:
    return Queue.open(
        folder / "queue.db", world.vault, world.clock, station_id="ST-BENCH", free=lambda _: 10**12
    )


def _text(tokens: list[str]) -> bytes:
    """A text with them, as long as a small transaction; synthetic."""
    return "\x1d".join(f"2.018:{token}" for token in tokens).encode() * 8


def _holds(content: bytes, tokens: list[str]) -> bool:
    return all(token.encode() in content for token in tokens)


def _erase(queue: Queue, names: list[str]) -> int:
    """Destroy the data keys of these entries' payloads."""
    for name in names:
        with queue.database.write() as tables:
            p, seq = tables.payload, queue.entry(name).seq
            was = bytes(p.select(p.sealed).where(p.seq == seq).first()["sealed"])
            p.update(sealed=sealed.destroyed(was)).where(p.seq == seq).execute()
    return len(names)


@contextlib.contextmanager
def logged(path: Path) -> Iterator[None]:
    """All logging of all libraries, at its finest, into one file."""
    handler, root = logging.FileHandler(path), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()


def core_dumped(folder: Path, tokens: list[str]) -> bool:
    """A process that holds them dies in this folder with LimitCORE=0, as in the units. True when it left a core."""
    child = os.fork()
    if child == 0:  # pragma: no cover - it dies
        held = [bytearray(token.encode()) for token in tokens]
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(folder)
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        os.abort() if held else os._exit(0)
    _, status = os.waitpid(child, 0)
    left = [path for path in folder.iterdir() if path.name.startswith("core")]
    return os.WCOREDUMP(status) or bool(left)


@contextlib.contextmanager
def partition(base: Path) -> Iterator[tuple[Path, Path | None]]:
    """(folder to write to, image of its file system); the image is None where none can be mounted."""
    folder, image = base / "disk", base / "disk.img"
    folder.mkdir()
    if os.geteuid() or not shutil.which("mkfs.ext4"):
        yield folder, None
        return
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    made = _ran("mkfs.ext4", "-q", str(image)) and _ran("mount", "-o", "loop", str(image), str(folder))
    try:
        yield folder, image if made else None
    finally:
        if made:
            _ran("umount", str(folder))


def _ran(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


OVERLAP = 256


def raw(folder: Path, image: Path | None) -> Iterator[bytes]:
    """Every byte that is left, in blocks that overlap."""
    os.sync()
    files = [image] if image else sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        before = b""
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield before.rjust(OVERLAP, b"\0") + block
                before = block[-OVERLAP:]


def spellings(prefix: str) -> list[bytes]:
    """The prefix in clear, in UTF-16, in hexadecimal, and in base64 at its three alignments (the part that does not
    depend on what stands around it)."""
    clear = prefix.encode()
    found = [clear, prefix.encode("utf-16-le"), clear.hex().encode(), clear.hex().upper().encode()]
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + clear)
        first = -(-shift * 8 // 6)
        last = (shift + len(clear)) * 8 // 6
        found.append(coded[first:last])
    return found


def count(block: bytes, prefix: str) -> int:
    """Places in the block where a token begins, in any spelling."""
    return sum(block.count(spelling) for spelling in spellings(prefix))


def control_found(folder: Path, image: Path | None, token: str) -> bool:
    """The search finds a token that was written; on a file system also after its file was deleted."""
    path = folder / "control"
    path.write_text(token * 100)
    os.sync()
    if image:
        path.unlink()
    found = any(count(block, token[:PREFIX_LETTERS]) for block in raw(folder, image))
    path.unlink(missing_ok=True)
    return found


def swap_note() -> str:
    """Swap of this machine: pages of a process may go there, so a station has none, or the units forbid it."""
    try:
        devices = Path("/proc/swaps").read_text("ascii").splitlines()[1:]
    except OSError:
        devices = []
    return "none" if not devices else f"{len(devices)} areas: the units set MemorySwapMax=0"
