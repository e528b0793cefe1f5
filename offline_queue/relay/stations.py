"""The relay's table of stations, brought to what relay.toml says. Who is no longer named keeps its entries."""

from __future__ import annotations

from collections.abc import Sequence

from offline_queue.relay import chain
from offline_queue.relay.database import Database
from offline_queue.relay.settings import StationEntry


def register(database: Database, stations: Sequence[StationEntry]) -> None:
    """Bring the table of stations to what the settings say. One that is no longer named stays, without access."""
    with database.write():
        chain.begin(database, chain.OWN)
        before = {row["station_id"]: row for row in database.rows("SELECT * FROM station FOR UPDATE")}
        database.rows("UPDATE station SET active = false, client = '-' || station_id WHERE active")
        for station in stations:
            quota = station.quota
            values = {
                "station_id": station.id,
                "client": station.client,
                "signer": station.signer,
                "oris": " ".join(sorted(station.oris)),
                "active": True,
                "most_waiting": quota.most_waiting,
                "most_waiting_mib": quota.most_waiting_mib,
                "most_an_hour": quota.most_an_hour,
            }
            if station.id in before:
                database.rows(
                    "UPDATE station SET client = %(client)s, signer = %(signer)s, oris = %(oris)s, active = true, "
                    "most_waiting = %(most_waiting)s, most_waiting_mib = %(most_waiting_mib)s, "
                    "most_an_hour = %(most_an_hour)s WHERE station_id = %(station_id)s",
                    values,
                )
            else:
                database.add("station", values)
                chain.begin(database, station.id)
            if before.get(station.id) != values:
                chain.append(database, chain.OWN, "station_registered", None, values)
        named = {station.id for station in stations}
        for gone in sorted(name for name, row in before.items() if row["active"] and name not in named):
            chain.append(database, chain.OWN, "station_removed", None, {"station_id": gone})
