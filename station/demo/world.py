"""A whole station on one machine: keys, settings, simulated person and reader, gateway, cable, shipped processes.

In: a folder and a seed. Out: running processes and the addresses to reach them. Everything is SIMULATED.
"""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from station.access import hash_pin
from station.clock import SystemClock
from station.demo.network import Cable
from station.demo.supervisor import Supervisor
from station.sim.pki import make_pki

OFFICER, OFFICER_PIN = "avery", "24681357"
SUPERVISOR, SUPERVISOR_PIN = "morgan", "86427531"

OFFICERS = (
    (OFFICER, "Avery Officer (simulated)", "officer", OFFICER_PIN),
    (SUPERVISOR, "Morgan Supervisor (simulated)", "supervisor", SUPERVISOR_PIN),
)

SETTINGS = """\
# Written by the demonstration. Everything here is SIMULATED.
[station]
id = "SIM-STATION-01"
ori = "ZZ0000000"
dai = "ZZSIMSIB0"
agency = "Simulated County Jail"

[reader]
driver = "fap60"
profile = "fap60-simulated"
address = "serial:{tty}"
socket = "{run}/capture.sock"

[web]
host = "127.0.0.1"
port = {web_port}

[booking]
database = "{data}/bookings.db"
quality_threshold = 40
max_attempts = 3

[queue]
database = "{data}/queue.db"
station_key = "{station_key}"
reserve_mib = 64

[signing]
uri = "{signing_uri}"

[gateway]
kind = "simulated"
url = "https://localhost:{gateway_port}"
ca = "{gateway_ca}"
client_cert = "{client_cert}"
client_key = "{client_key}"
receipt_ca = "{gateway_ca}"
total_deadline_s = 20.0
poll_s = 0.5
retry_cap_s = 4.0

[access]
officers = "{run}/officers.toml"
"""


@dataclass(frozen=True)
class Story:
    """What the simulated person does: fingers that are not there, and where the script departs from obeying."""

    missing: tuple[int, ...] = ()
    placements: Sequence[dict[str, Any]] = ()
    answer_after_s: float = 1.0
    second_stage_after_s: float = 2.5


@dataclass
class World:
    """Start with `with World(...) as world`; everything stops at the end."""

    data: Path
    seed: int
    story: Story = field(default_factory=Story)
    web_port: int = 0
    speed: float = 1.0
    session: int = 0

    def __enter__(self) -> World:
        self.data = self.data.resolve()  # settings take relative paths from their own folder, not from ours
        self.data.mkdir(parents=True, exist_ok=True)
        # Unix socket paths are limited to 107 bytes, so sockets live in a short folder of their own.
        self._run = tempfile.TemporaryDirectory(prefix="livescan-")
        self.run = Path(self._run.name)
        self.web_port = self.web_port or _free_port()
        self.processes = Supervisor(self.data / "logs")
        try:
            self._start()
        except BaseException:
            self.processes.stop()
            self._run.cleanup()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.processes.stop()
        self.cable.close()
        self._run.cleanup()

    @property
    def url(self) -> str:
        """Where the kiosk is."""
        return f"http://127.0.0.1:{self.web_port}"

    def _start(self) -> None:
        self.pki = make_pki(self.data / "pki", SystemClock())
        tty = self._start_reader()
        self._start_gateway()
        (self.run / "officers.toml").write_text("".join(_officer(*who) for who in OFFICERS))
        self.config = self.data / "station.toml"
        self.config.write_text(self._settings(tty))
        for name in ("capture-service", "web", "sync"):
            self.processes.start(name, "station", name, "--config", str(self.config))

    def _start_reader(self) -> Path:
        """The simulated reader with its simulated person; returns the terminal it answers on."""
        tty, script = self.run / "reader", self.run / "person.json"
        placements = [dict(one) for one in self.story.placements]
        script.write_text(json.dumps({"missing": list(self.story.missing), "placements": placements}))
        arguments: dict[str, object] = {
            "--tty": tty,
            "--seed": self.seed,
            "--script": script,
            "--speed": self.speed,
        }
        arguments["--session"] = self.session
        self.processes.start("reader", "drivers.sim.peers.fap60", *_words(arguments))
        return tty

    def _start_gateway(self) -> None:
        """The simulated bureau, and the cable to it."""
        port = _free_port()
        arguments = {
            "--pki": self.data / "pki",
            "--data": self.data / "gateway",
            "--port": port,
            "--faults": self.run / "faults.json",
            "--answer-after": self.story.answer_after_s,
            "--second-stage-after": self.story.second_stage_after_s,
        }
        self.processes.start("gateway", "station.sim.gateway", *_words(arguments))
        self.cable = Cable(port)

    def _settings(self, tty: Path) -> str:
        return SETTINGS.format(
            tty=tty,
            run=self.run,
            data=self.data,
            web_port=self.web_port,
            gateway_port=self.cable.port,
            station_key=self.pki.station_vault_key,
            signing_uri=self.pki.signing_uri,
            gateway_ca=self.pki.gateway_ca,
            client_cert=self.pki.station_client_cert,
            client_key=self.pki.station_client_key,
        )


def _words(arguments: dict[str, object]) -> list[str]:
    return [str(word) for pair in arguments.items() for word in pair]


def _officer(who: str, name: str, role: str, pin: str) -> str:
    return f'[[officer]]\nid = "{who}"\nname = "{name}"\nrole = "{role}"\npin = "{hash_pin(pin)}"\n\n'


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
