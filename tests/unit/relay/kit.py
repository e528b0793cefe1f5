"""The relay without its sockets, for tests: what a station hands in, what a sender does."""

from __future__ import annotations

from offline_queue.clock import SystemClock
from offline_queue.relay import settings
from offline_queue.relay.database import Database
from offline_queue.relay.intake import Intake, Taken, Upload
from offline_queue.relay.queue import RelayQueue
from offline_queue.relay.stations import register
from offline_queue.signers import load_signer
from offline_queue.transports import Parcel
from offline_queue.vault import Vault
from station.sim.relay_world import County, SimStation


class Desk:
    """One relay on one database."""

    def __init__(self, county: County, database: Database, url: str, **limits: int) -> None:
        self.county, self.database = county, database
        self.settings = settings.load(county.config(url, "https://localhost:9", **limits))
        register(database, self.settings.station)
        self.vault = Vault.load(self.settings.custody.vault_key)
        self.intake = Intake(
            database,
            self.vault,
            load_signer(self.settings.custody.signer),
            "SIMULATED relay",
            county.station_ca.read_bytes(),
            SystemClock(),
        )
        self.queue = RelayQueue(database, self.vault)

    def hand_in(self, station: SimStation, name: str, payload: bytes = b"payload", **more: str) -> Taken:
        return self.put(station, station.parcel(name, payload, **more))

    def put(self, station: SimStation, parcel: Parcel, client: str = "") -> Taken:
        upload = Upload(
            parcel.submission_id, parcel.transaction, parcel.manifest, parcel.signature,
            parcel.counter_signature, parcel.sealed,
        )  # fmt: skip
        return self.intake.submit(client or f"{station.id} TLS", upload)

    def state(self, name: str) -> str:
        row = self.database.one("SELECT state FROM submission WHERE submission_id = %s", (name,))
        assert row is not None
        return str(row["state"])
