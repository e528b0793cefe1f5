"""A county in a folder, for tests and loads: stations with certificates of their own, a relay, a counting bureau.

In: a folder, how many stations, the address of a database. Out: keys, `relay.toml`, uploads ready to send.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import http.client
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from offline_queue import cms
from offline_queue.clock import SystemClock
from offline_queue.envelope import Manifest
from offline_queue.signers import Signer, load_signer
from offline_queue.transports import COUNTER_NAME, SEALED_NAME, Parcel
from station.sim.pki import Authority, Issued, PkiPaths, make_pki

ORI = "ZZ000000{}"
BOUNDARY = "relay-world-7a1d5c"
HEAD = (
    '--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
)
FILES = {
    "transaction": "transaction.an2",
    "manifest": "manifest.json",
    "signature": "manifest.p7s",
    "counter_signature": COUNTER_NAME,
}


@dataclass(frozen=True)
class SimStation:
    """One station: its number, id, agency, keys."""

    number: int
    id: str
    ori: str
    client_cert: Path
    client_key: Path
    signer: Signer

    def parcel(self, name: str, payload: bytes, *, tcn: str = "") -> Parcel:
        """A signed submission."""
        manifest = Manifest(
            submission_id=name,
            tcn=tcn or f"TCN-{name}",
            tot="CAR",
            ori=self.ori,
            station_id=self.id,
            seq=1,
            created_at=SystemClock().utcnow(),
            sha256=hashlib.sha256(payload).hexdigest(),
            size=len(payload),
            prev_audit="0" * 64,
        ).to_bytes()
        return Parcel(
            name, payload, manifest, cms.sign_detached(manifest, self.signer, SystemClock().utcnow())
        )


@dataclass(frozen=True)
class County:
    """folder/{pki,relay,stations}; the relay's TLS and receipt certificates are under `relay_ca`."""

    folder: Path
    pki: PkiPaths
    stations: tuple[SimStation, ...]

    @property
    def relay_ca(self) -> Path:
        return self.folder / "relay-ca.pem"

    @property
    def station_ca(self) -> Path:
        return self.folder / "stations-ca.pem"

    def config(self, database: str, bureau: str, **more: int) -> Path:
        """Write relay.toml. more: processes, workers, most_waiting, most_an_hour."""
        names = {"processes": 1, "workers": 2, "most_waiting": 10**6, "most_an_hour": 10**6} | more
        text = f"""
database = "{database}"
[listen]
host = "127.0.0.1"
port = 0
cert = "relay-tls.pem"
key = "relay-tls.key"
station_ca = "stations-ca.pem"
processes = {names["processes"]}
[page]
port = 0
[custody]
name = "SIMULATED relay"
signer = "file:{self.folder}/relay-sign.key?cert={self.folder}/relay-sign.pem&chain={self.relay_ca}"
vault_key = "relay-vault.key"
[bureau]
url = "{bureau}"
ca = "{self.pki.gateway_ca}"
client_cert = "{self.pki.station_client_cert}"
client_key = "{self.pki.station_client_key}"
receipt_ca = "{self.pki.gateway_ca}"
total_deadline_s = 20
poll_s = 1
workers = {names["workers"]}
"""
        for one in self.stations:
            text += f"""
[[station]]
id = "{one.id}"
client = "{one.id} TLS"
signer = "{one.id} signing"
oris = ["{one.ori}"]
quota = {{ most_waiting = {names["most_waiting"]}, most_waiting_mib = 100000, most_an_hour = {names["most_an_hour"]} }}
"""
        path = self.folder / "relay.toml"
        path.write_text(text)
        return path

    def options(self, station: SimStation) -> dict[str, str]:
        """What the station's HTTPS transport takes."""
        return {
            "ca": str(self.relay_ca),
            "client_cert": str(station.client_cert),
            "client_key": str(station.client_key),
            "total_deadline_s": "20",
        }


def make_county(folder: Path, stations: int) -> County:
    """Provision everything; the bureau's part as `make_pki` does."""
    pki, now = make_pki(folder / "pki", SystemClock()), SystemClock().utcnow()
    start, end = now - dt.timedelta(minutes=10), now + dt.timedelta(days=20)
    authority = Authority.new("SIMULATED TEST county stations", now)
    relay = Authority.new("SIMULATED TEST county relay", now)
    (folder / "stations-ca.pem").write_bytes(authority.cert_pem)
    (folder / "relay-ca.pem").write_bytes(relay.cert_pem)
    tls = relay.issue("SIMULATED TEST relay TLS", "server", start, end, ("localhost", "127.0.0.1"))
    _keep(folder / "relay-tls", tls)
    _keep(folder / "relay-sign", relay.issue("SIMULATED TEST relay receipts", "signing", start, end))
    _secret(folder / "relay-vault.key", os.urandom(32))
    made = []
    for n in range(1, stations + 1):
        name = f"ST-{n:03d}"
        _keep(folder / f"{name}-tls", authority.issue(f"{name} TLS", "client", start, end))
        _keep(folder / f"{name}-sign", authority.issue(f"{name} signing", "signing", start, end))
        signer = load_signer(f"file:{folder}/{name}-sign.key?cert={folder}/{name}-sign.pem")
        made.append(
            SimStation(n, name, f"ZZ{n:06d}0", folder / f"{name}-tls.pem", folder / f"{name}-tls.key", signer)
        )
    return County(folder, pki, tuple(made))


def _keep(stem: Path, issued: Issued) -> None:
    stem.with_name(stem.name + ".pem").write_bytes(issued.cert_pem)
    _secret(stem.with_name(stem.name + ".key"), issued.key_pem)


def _secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


@contextmanager
def process(*argv: str, start_s: float = 60.0) -> Iterator[tuple[subprocess.Popen[bytes], tuple[int, ...]]]:
    """`python -m …` that prints `ready PORT…`: the process and its ports. Ends with SIGTERM. What it prints goes to a
    file, because a pipe that nobody reads would stop it."""
    with (
        tempfile.TemporaryFile() as out,
        subprocess.Popen([sys.executable, "-m", *argv], stdout=out) as child,
    ):
        try:
            yield child, _ready(child, out, time.monotonic() + start_s)
        finally:
            child.terminate()
            child.wait(30)


def _ready(child: subprocess.Popen[bytes], out: IO[bytes], end: float) -> tuple[int, ...]:
    while child.poll() is None and time.monotonic() < end:
        printed = os.pread(out.fileno(), 65536, 0)
        for line in printed.splitlines(keepends=True):
            if line.startswith(b"ready ") and line.endswith(b"\n"):
                return tuple(int(word) for word in line.split()[1:])
        time.sleep(0.02)
    raise RuntimeError(f"it did not start: {child.poll()}")


def body_of(parcel: Parcel) -> bytes:
    """The multipart body of an upload, without a library."""
    pieces: list[bytes] = []
    for name, file in FILES.items():
        part = SEALED_NAME if parcel.sealed and name == "transaction" else name
        content = getattr(parcel, name)
        if content or name != "counter_signature":
            pieces += [HEAD.format(boundary=BOUNDARY, name=part, file=file).encode(), content, b"\r\n"]
    return b"".join([*pieces, f"--{BOUNDARY}--\r\n".encode()])


def put(context: ssl.SSLContext, port: int, parcel: Parcel) -> tuple[int, bytes]:
    """One upload on a connection of its own: status and body. OSError, http.client.HTTPException."""
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Idempotency-Key": parcel.submission_id,
        "Connection": "close",
    }
    try:
        connection.request("PUT", f"/v1/submissions/{parcel.submission_id}", body_of(parcel), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
