"""The simulated gateway as a process: `python -m station.sim.gateway --pki DIR --data DIR --port N …`.

TLS 1.2 or later on loopback; a client certificate of the station's authority is required. It prints `ready PORT` once
it listens and runs until SIGTERM. `running_gateway` runs the same in a thread, for tests. SIMULATED: it stands where a
state bureau would, and its answers describe nobody.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding
from uvicorn.protocols.http.h11_impl import H11Protocol

from offline_queue import certificates
from offline_queue.outward import Openers
from offline_queue.revocation import Lists, Revocation
from offline_queue.signers import load_signer
from station.clock import SystemClock
from station.sim.gateway_app import Bureau, Clock, application
from station.sim.gateway_bureau import USUAL, Rates
from station.sim.gateway_faults import FaultScript
from station.sim.gateway_store import Answer, Store, Stored
from station.sim.pki import Authority, PkiPaths

DATABASE = "gateway.sqlite"
START_S = 20.0


@dataclass(frozen=True)
class Options:
    """How a gateway runs. pki: where its keys lie; data: its folder; port: 0 for any free one; lists: a folder of
    revocation lists about its stations: one on them is refused, with its TLS certificate in the handshake, with its
    signing certificate by an answer."""

    pki: PkiPaths
    data: Path
    port: int = 0
    faults: Path | None = None
    answer_after: float = 0.0
    second_stage_after: float = 0.0
    rates: Rates = USUAL
    lists: Path | None = None


class _Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, which lets the application close its connection without a reply."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def serve(options: Options, clock: Clock, on_start: Callable[[uvicorn.Server, int], None]) -> None:
    """Listen on loopback until the server is told to stop; on_start gets it and the port once it listens.

    Raises OSError when the port is taken, SettingsError when the fault script is wrong, SignerError without its key.
    """
    faults = FaultScript(options.faults)
    state = Bureau(
        Store(options.data / DATABASE),
        faults,
        load_signer(options.pki.receipt_signing_uri),
        options.pki.station_ca.read_bytes(),
        clock,
        options.answer_after,
        options.second_stage_after,
        options.rates,
        Openers.load([options.pki.gateway_sealing_key]),
        _revocation(options),
    )
    context = _tls(options, faults, clock)
    with socket.create_server(("127.0.0.1", options.port)) as listener:
        port = int(listener.getsockname()[1])
        config = uvicorn.Config(
            application(state),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            server_header=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
            ssl_context_factory=lambda *_: context,
        )
        server = _Server(config, lambda: on_start(server, port))
        server.run(sockets=[listener])


def _tls(options: Options, faults: FaultScript, clock: Clock) -> ssl.SSLContext:
    """The right certificate, and the wrong ones that a fault swaps in during the handshake."""
    pki = options.pki
    wrong = {
        "unknown_authority": _context(pki, *_strangers(options.data, clock)),
        "wrong_name": _context(pki, pki.gateway_wrong_name_cert, pki.gateway_wrong_name_key),
        "expired": _context(pki, pki.gateway_expired_cert, pki.gateway_expired_key),
    }

    def choose(connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
        fault = faults.handshake()
        if fault is not None:
            connection.context = wrong[fault.certificate]

    context = _context(pki, pki.gateway_server_cert, pki.gateway_server_key)
    _look_at_lists(context, options)
    context.sni_callback = choose  # OpenSSL calls it for a client that names no host, too
    return context


def _revocation(options: Options) -> Revocation | None:
    if options.lists is None:
        return None
    return Revocation(Lists(options.lists), certificates.from_pem(options.pki.station_ca.read_bytes()))


def _look_at_lists(context: ssl.SSLContext, options: Options) -> None:
    """OpenSSL's own check, with the lists as they are now."""
    revocation = _revocation(options)
    if revocation is not None:
        found = [each.parsed.public_bytes(Encoding.PEM) for each in revocation.lists.all()]
        together = options.data / "lists.pem"
        together.write_bytes(b"".join(found))
        context.load_verify_locations(together)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _context(pki: PkiPaths, certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(pki.station_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _strangers(folder: Path, clock: Clock) -> tuple[Path, Path]:
    """A server certificate for loopback of an authority that nobody trusts."""
    now = clock.utcnow()
    authority = Authority.new("SIMULATED TEST stranger", now)
    ends = authority.issued.certificate.not_valid_after_utc
    starts = authority.issued.certificate.not_valid_before_utc
    issued = authority.issue(
        "SIMULATED TEST stranger TLS", "server", starts, ends, ("localhost", "127.0.0.1")
    )
    certificate, key = folder / "stranger.pem", folder / "stranger.key"
    certificate.write_bytes(issued.cert_pem)
    key.touch(mode=0o600)
    key.write_bytes(issued.key_pem)
    return certificate, key


@dataclass(frozen=True)
class RunningGateway:
    """A gateway in a thread of this process. url: `https://localhost:PORT`."""

    url: str
    _store: Store
    _script: Path

    def submissions(self) -> tuple[Stored, ...]:
        """What is in custody, in the order it came."""
        return self._store.submissions()

    def answers(self) -> tuple[Answer, ...]:
        """The answers that came out so far."""
        return self._store.answers(0, 1000)

    def set_faults(self, rules: Sequence[dict[str, Any]]) -> None:
        """Replace the fault script."""
        self._script.write_text(json.dumps(list(rules)))


@contextmanager
def running_gateway(
    pki: PkiPaths,
    data: Path,
    faults: Sequence[dict[str, Any]] | Path = (),
    *,
    answer_after: float = 0.0,
    second_stage_after: float = 0.0,
    rates: Rates = USUAL,
    clock: Clock | None = None,
    lists: Path | None = None,
) -> Iterator[RunningGateway]:
    """The gateway in a thread, on a free port. faults: rules, or the path of a script; lists: as in Options. The same
    data folder again is the same gateway after a restart. Raises what `serve` raises."""
    data.mkdir(parents=True, exist_ok=True)
    script = faults if isinstance(faults, Path) else data / "faults.json"
    if not isinstance(faults, Path):
        script.write_text(json.dumps(list(faults)))
    options = Options(pki, data, 0, script, answer_after, second_stage_after, rates, lists)
    thread, server, port = _in_thread(options, clock or SystemClock())
    try:
        yield RunningGateway(f"https://localhost:{port}", Store(data / DATABASE), script)
    finally:
        server.should_exit = True
        thread.join(START_S)


def _in_thread(options: Options, clock: Clock) -> tuple[threading.Thread, uvicorn.Server, int]:
    """A listening gateway in a thread. Raises what `serve` raises, TimeoutError when it says nothing."""
    started = threading.Event()
    running: list[tuple[uvicorn.Server, int]] = []
    failed: list[BaseException] = []

    def start(server: uvicorn.Server, port: int) -> None:
        running.append((server, port))
        started.set()

    def work() -> None:
        try:
            serve(options, clock, start)
        except BaseException as failure:
            failed.append(failure)
        finally:
            started.set()

    thread = threading.Thread(target=work, name="simulated-gateway", daemon=True)
    thread.start()
    started.wait(START_S)
    if not running:
        raise failed[0] if failed else TimeoutError("the simulated gateway did not start")
    return thread, *running[0]


def main(argv: Sequence[str] | None = None) -> int:
    """The process. Exit 0 after SIGTERM, 3 when it cannot start."""
    parser = argparse.ArgumentParser(description="The simulated state gateway, for tests and the demo.")
    parser.add_argument("--pki", type=Path, required=True, help="folder of `station.sim.pki`")
    parser.add_argument("--data", type=Path, required=True, help="folder for its database")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--faults", type=Path, help="fault script, JSON")
    parser.add_argument(
        "--answer-after", type=float, default=1.0, metavar="S", help="seconds to the first answer"
    )
    parser.add_argument("--second-stage-after", type=float, default=5.0, metavar="S")
    parser.add_argument("--candidate-rate", type=float, default=USUAL.search, help="0 to 1, first answer")
    parser.add_argument(
        "--second-candidate-rate", type=float, default=USUAL.second, help="0 to 1, second message"
    )
    parser.add_argument("--lists", type=Path, metavar="DIR", help="revocation lists about its stations")
    args = parser.parse_args(argv)
    args.data.mkdir(parents=True, exist_ok=True)
    options = Options(
        PkiPaths.at(args.pki),
        args.data,
        args.port,
        args.faults,
        args.answer_after,
        args.second_stage_after,
        Rates(args.candidate_rate, args.second_candidate_rate),
        args.lists,
    )
    try:
        serve(options, SystemClock(), lambda _server, port: _say(f"ready {port}", sys.stdout))
    except Exception as failure:
        _say(f"simulated gateway: {failure}", sys.stderr)
        return 3
    return 0


def _say(line: str, stream: Any) -> None:
    print(line, file=stream, flush=True)


if __name__ == "__main__":
    sys.exit(main())
