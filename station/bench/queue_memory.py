"""The resident memory of the real sync process while a long queue waits. In: how many entries. Out: megabytes.

The process is `station sync` with a settings file, over TLS to the simulated gateway, and sends whole tenprint
transactions. It is started as an installed one is: with compiled bytecode, which saves it the compiler's memory, and
without the database driver of the relay, which peewee loads where it finds it and a station does not have.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from offline_queue.models import Submission
from offline_queue.states import State
from offline_queue.store import Queue
from station.bench.queue_world import ORI, STATION, TCN, World
from station.demo.world import SETTINGS
from station.friction_ridge import FGP, IMP
from station.imaging import codecs
from station.records.encode import encode
from station.records.header import Header
from station.records.prints import TenprintImage
from station.records.tot import car
from station.sim.gateway import running_gateway

SENT = 100
LONGEST_S = 300.0
KIB_PER_MB = 1024.0
ROLLED = (800, 750)
AS_INSTALLED = "import sys; sys.modules['psycopg'] = None; sys.modules['psycopg2'] = None; "
LOADED = AS_INSTALLED + "import station.cli.sync, offline_queue.transports.https, station.sdnotify"
STARTED = AS_INSTALLED + "from station.__main__ import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True)
class Resident:
    """Megabytes (2**20 bytes): the highest, and when it was read; queued: entries at the start; sent: until then."""

    peak_mb: float
    now_mb: float
    queued: int
    sent: int
    payload_bytes: int


def of_sync(folder: Path, entries: int, seed: int) -> Resident:
    """Start it, let it send SENT entries, read its memory, stop it. RuntimeError when it ends before."""
    world = World(folder)
    template = tenprint(seed)
    with world.open_queue() as queue:
        for n in range(1, entries + 1):
            payload = template.replace(TCN.format(0).encode(), TCN.format(n).encode())
            queue.enqueue(Submission(f"m-{n}", TCN.format(n), car.TOT, ORI, payload), world.signer)
        with running_gateway(world.pki, folder / "gateway") as gateway:
            config = _settings(world, gateway.url)
            return _watched(queue, config, min(SENT, entries), len(template))


def tenprint(seed: int) -> bytes:
    """A transaction that the gateway takes, with ten pictures of noise: about 600 KiB, which do not compress."""
    codec, chance = codecs.by_name("WSQ20"), np.random.default_rng(seed)
    width, height = ROLLED
    images = []
    for position in range(1, 11):
        noise = chance.integers(0, 256, (height, width), np.uint8)
        coded = codec.encode(noise, 500)
        images.append(
            TenprintImage(
                FGP(position), IMP.LIVESCAN_ROLLED, width, height, 500, "WSQ20", coded, "M", "M", "S", True
            )
        )
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return encode(car.example(Header(TCN.format(0), "ZZSIMSIB0", ORI, day.date(), day), images))


def _settings(world: World, url: str) -> Path:
    port = url.rpartition(":")[2]
    text = SETTINGS.format(
        tty="/dev/null",
        run=world.folder,
        data=world.folder,
        web_port=1,
        gateway_port=port,
        station_key=world.pki.station_vault_key,
        signing_uri=world.pki.signing_uri,
        gateway_ca=world.pki.gateway_ca,
        client_cert=world.pki.station_client_cert,
        client_key=world.pki.station_client_key,
    )
    path = world.folder / "station.toml"
    path.write_text(text.replace("SIM-STATION-01", STATION))
    return path


def _watched(queue: Queue, config: Path, wanted: int, size: int) -> Resident:
    queued = queue.counts().get(State.READY, 0)
    compiled = os.environ | {"PYTHONPYCACHEPREFIX": str(config.parent / "bytecode")}
    compiled.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, "-c", LOADED], env=compiled, check=True)
    command = [sys.executable, "-c", STARTED, "sync", "--config", str(config)]
    with subprocess.Popen(command, env=compiled, stdout=subprocess.DEVNULL) as process:
        try:
            sent, began = 0, time.monotonic()
            while sent < wanted and time.monotonic() - began < LONGEST_S:
                if process.poll() is not None:
                    raise RuntimeError("the sync process ended by itself")
                time.sleep(0.1)
                counts = queue.counts()
                sent = counts.get(State.CUSTODY, 0) + counts.get(State.ANSWERED, 0)
            peak, now = (_status(process.pid, field) for field in ("VmHWM", "VmRSS"))
        finally:
            process.send_signal(signal.SIGTERM)
    return Resident(peak, now, queued, sent, size)


def _status(pid: int, field: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith(field + ":"))
    return round(int(kib) / KIB_PER_MB, 1)
