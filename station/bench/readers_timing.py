"""Real time of the serial readers: peers as processes on ptys, paced at the baud rate; image, preview and idle load.
USB readers beside them: readers_usb.

In: which drivers. Out: rows with the bytes of the image on the line, how long they took against what the line needs
(bytes x 10 / baud, answers of the host included), the time to the first preview, and the CPU of the waiting driver.
A pty has no adapter: a USB one adds up to 16 ms per exchange.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from drivers.clock import SystemClock
from drivers.errors import CaptureRetry
from drivers.reader import CaptureKind, CaptureRequest, Frame
from drivers.registry import make_reader
from station.bench import readers_usb

IMAGE_LIMIT = 1.05
PREVIEW_LIMIT_S = 0.3
IDLE_LIMIT = 0.02
_IDLE_S = 4.0
_WAIT_S = 0.08  # silence of this length is a wait for a person, not a pause of the line
_GAP_BYTES = 1000  # reads between two writes that are more than answers: part of an image


@dataclass(frozen=True)
class Case:
    """driver, profile, baud of the line while the image travels (0: unpaced), more arguments of the peer."""

    name: str
    driver: str
    profile: str
    baud: int
    peer: tuple[str, ...] = ()


CASES = (
    Case("zfm20 57600", "zfm", "zfm20", 57600, ("--profile", "zfm20", "--baud", "57600")),
    Case("zfm20 115200", "zfm", "zfm20", 115200, ("--profile", "zfm20", "--baud", "115200")),
    Case("r503 57600", "zfm", "r503", 57600, ("--profile", "r503", "--baud", "57600")),
    Case("sfm-slim 115200", "sfm", "sfm-slim", 115200, ("--baud", "115200")),
    Case("sfm-slim 921600", "sfm", "sfm-slim", 921600, ("--baud", "921600")),
    Case("gt521 115200", "gt521", "gt521", 115200),
    Case("fap60", "fap60", "fap60-simulated", 0),
)


@dataclass
class Row:
    """image_bytes on the line in image_s seconds; line_s: what the line itself needs; None where there is no line
    speed or no preview."""

    name: str
    image_bytes: int
    image_s: float
    line_s: float | None
    preview_s: float | None
    idle_cpu: float

    @property
    def ok(self) -> bool:
        return (
            (self.line_s is None or self.image_s <= self.line_s * IMAGE_LIMIT)
            and (self.preview_s is None or self.preview_s <= PREVIEW_LIMIT_S)
            and self.idle_cpu <= IDLE_LIMIT
        )


def run(drivers: Sequence[str], *, as_json: bool) -> int:
    """Measure and print; 0 when all is within its limit."""
    rows = [measure(case) for case in CASES if not drivers or case.driver in drivers]
    for name, (image, make) in readers_usb.images(drivers).items():
        rows.append(
            Row(
                f"{name} USB", image.bytes, image.took_s, image.bus_s, None, readers_usb.idle(make, idle_load)
            )
        )
    descramble_s = readers_usb.descramble_s() if not drivers or "uru4500" in drivers else 0.0
    if as_json:
        told: list[dict[str, Any]] = [{**asdict(row), "ok": row.ok} for row in rows]
        print(json.dumps([*told, {"name": "descrambling", "median_s": descramble_s}], indent=1))
    else:
        print("| reader | image on the line | took | line needs | ratio | first preview | idle CPU | |")
        print("|--|--|--|--|--|--|--|--|")
        for row in rows:
            print(text(row), flush=True)
        print(f"descrambling a U.are.U image: {descramble_s * 1000:.2f} ms")
    fast = descramble_s <= readers_usb.DESCRAMBLE_LIMIT_S
    return 0 if rows and fast and all(row.ok for row in rows) else 1


def text(row: Row) -> str:
    """One line of the table."""
    line = "-" if row.line_s is None else f"{row.line_s:.3f} s"
    ratio = "-" if row.line_s is None else f"{row.image_s / row.line_s:.3f}"
    preview = "-" if row.preview_s is None else f"{row.preview_s * 1000:.0f} ms"
    return (
        f"| {row.name} | {row.image_bytes} B | {row.image_s:.3f} s | {line} | {ratio} | {preview} "
        f"| {row.idle_cpu * 100:.2f} % | {'ok' if row.ok else 'MISSED'} |"
    )


@dataclass
class Meter:
    """A ByteLink that notes when how many bytes went each way."""

    link: Any
    now: Callable[[], float] = time.monotonic
    events: list[tuple[float, int, int]] = field(default_factory=list)  # time, read, written

    def __getattr__(self, name: str) -> Any:
        return getattr(self.link, name)

    def read(self, limit: int, timeout_s: float) -> bytes:
        data: bytes = self.link.read(limit, timeout_s)
        self.events.append((self.now(), len(data), 0))
        return data

    def write(self, data: bytes, timeout_s: float) -> None:
        self.events.append((self.now(), 0, len(data)))
        self.link.write(data, timeout_s)


def image_part(events: Sequence[tuple[float, int, int]], baud: int = 0) -> tuple[float, int]:
    """(seconds, bytes both ways) from the command that the image follows to its last byte. Where the reader waits for
    the finger in between, from the first bytes after that wait."""
    turns: list[list[tuple[float, int, int]]] = []  # each begins with a write
    for event in events:
        if event[2]:
            turns.append([event])
        elif turns:
            turns[-1].append(event)
    big = [index for index, turn in enumerate(turns) if sum(got for _, got, _ in turn) > _GAP_BYTES]
    if not big:
        return 0.0, 0
    part = [event for turn in turns[big[0] : big[-1] + 1] for event in turn]
    waits = [at for at in range(1, len(turns[big[0]])) if part[at][0] - part[at - 1][0] > _WAIT_S]
    waits = [at for at in waits if sum(got for _, got, _ in part[:at]) < _GAP_BYTES]
    if not waits:
        return part[-1][0] - part[0][0], sum(got + sent for _, got, sent in part)
    count = sum(got + sent for _, got, sent in part[waits[-1] :])
    arrived_s = (
        part[waits[-1]][1] * 10 / baud if baud else 0.0
    )  # what the first read found was on its way before
    return part[-1][0] - part[waits[-1]][0] + arrived_s, count


def measure(case: Case) -> Row:
    """One capture, and a while of waiting for a finger that does not come."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "person.json")
        with peer(case, Path(folder, "tty"), script) as tty:
            reader: Any = make_reader(case.driver, case.profile, f"serial:{tty}", {}, SystemClock())
            meter = Meter(reader.link)
            reader.link = meter
            reader.open()
            try:
                preview_s = capture(reader, meter)
                seconds, count = image_part(meter.events, case.baud)
                script.write_text('{"placements": [{"no_finger": true}]}', encoding="utf-8")
                idle = idle_load(reader)
            finally:
                reader.close()
    line_s = count * 10 / case.baud if case.baud else None
    return Row(case.name, count, seconds, line_s, preview_s, idle)


def capture(reader: Any, meter: Meter) -> float | None:
    """Take one; the time from the reader's `finger is on` (its first word after START) to the first preview."""
    kind = CaptureKind.ROLL if CaptureKind.ROLL in reader.info.kinds else CaptureKind.PLAIN
    shown: list[float] = []

    def preview(_: Frame) -> None:
        shown.append(time.monotonic())

    reader.capture(CaptureRequest(kind, (2,), finger_s=20.0, lift_s=20.0), preview)
    if not shown:
        return None
    last_write = max(when for when, _, sent in meter.events if sent and when < shown[0])
    words = [when for when, got, _ in meter.events if got and last_write < when < shown[0]]
    return shown[0] - words[1]  # the first is the answer to START


def idle_load(reader: Any) -> float:
    """CPU of this process while the driver waits for a finger, as a share of one core."""
    began, cpu = time.monotonic(), time.process_time()
    with suppress(CaptureRetry):
        reader.capture(CaptureRequest(CaptureKind.PLAIN, (2,), finger_s=_IDLE_S))
    return (time.process_time() - cpu) / (time.monotonic() - began)


@contextmanager
def peer(case: Case, tty: Path, script: Path) -> Iterator[Path]:
    """The device side as a process of its own, with its world grown before anything is timed."""
    command = [
        sys.executable,
        "-m",
        f"drivers.sim.peers.{case.driver}",
        "--tty",
        str(tty),
        "--script",
        str(script),
    ]
    with subprocess.Popen([*command, *case.peer], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield tty
        finally:
            process.terminate()
