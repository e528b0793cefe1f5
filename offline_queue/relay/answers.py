"""What the bureau answers: kept once, sealed, and given to the stations it belongs to under numbers of their own.

A response belongs to the station whose submission it names (TCR); one that answers nothing we sent goes to every
station of an agency it is addressed to (`Addressees` reads that from the content). What belongs to nobody is kept and
shown on the status page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from offline_queue.clock import stamp
from offline_queue.errors import ResponseError
from offline_queue.relay import chain
from offline_queue.relay.database import Database, Row
from offline_queue.vault import Vault

Addressees = Callable[[bytes], Iterable[str]]
"""Response bytes to the ORIs it is addressed to."""
PAGE_BYTES = 8 * 1024 * 1024
GIVEN = """
    SELECT g.seq, r.tcr, r.tot, r.sha256, r.sealed, r.signature, sum(length(r.sealed)) OVER (ORDER BY g.seq) AS bytes
    FROM (SELECT seq, response_seq FROM station_response WHERE station_id = %s AND seq > %s ORDER BY seq LIMIT %s) g
    JOIN response r ON r.seq = g.response_seq ORDER BY g.seq
"""


@dataclass(frozen=True)
class Kept:
    """A response; seq is the bureau's number in the relay's tables, the station's own in what it is given."""

    seq: int
    tcr: str
    tot: str
    content: bytes
    signature: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def keep(database: Database, vault: Vault, response: Kept, addressees: Addressees) -> tuple[bool, Row | None]:
    """Inside the caller's transaction: whether it is new, and the entry it answers. ResponseError `response.changed`
    when its number already has other bytes."""
    digest = response.sha256
    chain.lock(database, chain.OWN)  # two workers may pull the same page
    known = database.one(
        "SELECT seq, sha256 FROM response WHERE seq = %s OR sha256 = %s ORDER BY seq <> %s LIMIT 1",
        (response.seq, digest, response.seq),
    )
    if known is not None and known["sha256"] != digest:
        raise ResponseError(
            "response.changed",
            f"response {response.seq} came again with other bytes",
            "ask the bureau's operator",
        )
    owner = None
    if known is None:
        owner = database.one("SELECT * FROM submission WHERE tcn = %s FOR UPDATE", (response.tcr,))
        database.rows(
            "INSERT INTO response VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                response.seq,
                response.tcr,
                response.tot,
                digest,
                vault.seal(response.content, _aad(digest)),
                response.signature,
                stamp(database.clock.utcnow()),
            ),
        )
        stations = [owner["station_id"]] if owner else _stations_of(database, addressees(response.content))
        for station in stations:
            _give(database, station, response.seq)
        detail = {"seq": response.seq, "tcr": response.tcr, "sha256": digest, "stations": stations}
        chain.append(database, chain.OWN, "response_kept", None, detail)
    advance(database, response.seq)
    return known is None, owner


def _stations_of(database: Database, oris: Iterable[str]) -> list[str]:
    wanted = sorted(set(oris))
    found = database.rows(
        "SELECT station_id FROM station WHERE active AND string_to_array(oris, ' ') && %s::text[] ORDER BY 1",
        (wanted,),
    )
    return [row["station_id"] for row in found]


def _give(database: Database, station_id: str, response_seq: int) -> None:
    chain.lock(database, station_id)
    row = database.one(
        "INSERT INTO station_response (station_id, seq, response_seq) SELECT %(station)s, "
        "coalesce(max(seq), 0) + 1, %(seq)s FROM station_response WHERE station_id = %(station)s RETURNING seq",
        {"station": station_id, "seq": response_seq},
    )
    detail = {"response_seq": response_seq, "seq": row["seq"] if row else 0}
    chain.append(database, station_id, "response_given", None, detail)


def given(
    database: Database, vault: Vault, station_id: str, after: int, limit: int
) -> tuple[list[Kept], bool]:
    """What a station is to have above its number `after`, in order, and whether there is more."""
    rows = database.rows(GIVEN, (station_id, after, limit + 1))
    fitting = [row for n, row in enumerate(rows[:limit]) if n == 0 or row["bytes"] <= PAGE_BYTES]
    shown = [
        Kept(
            row["seq"],
            row["tcr"],
            row["tot"],
            vault.open(bytes(row["sealed"]), _aad(row["sha256"])),
            bytes(row["signature"]),
        )
        for row in fitting
    ]
    return shown, len(rows) > len(shown)


def quarantine(
    database: Database, vault: Vault, seq: int | None, code: str, message: str, raw: bytes
) -> bool:
    """Keep what may not be believed. True when these bytes were not there yet."""
    digest = hashlib.sha256(raw).hexdigest()
    with database.write():
        row = database.one(
            "INSERT INTO response_quarantine (seq, code, message, sha256, sealed, kept_at) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id",
            (seq, code, message[:500], digest, vault.seal(raw, _aad(digest)), stamp(database.clock.utcnow())),
        )
        if row is None:
            return False
        detail = {"code": code, "seq": seq, "sha256": digest}
        chain.append(database, chain.OWN, "response_quarantined", None, detail)
        return True


def has_answer(database: Database, tcn: str) -> bool:
    """Whether a response to this control number is here already."""
    return database.one("SELECT seq FROM response WHERE tcr = %s LIMIT 1", (tcn,)) is not None


def cursor(database: Database) -> int:
    """The number of the last response that was pulled."""
    row = database.one("SELECT value FROM cursor WHERE name = 'responses'")
    return int(row["value"]) if row else 0


def advance(database: Database, seq: int) -> None:
    """Move the cursor forward, never back."""
    database.rows("UPDATE cursor SET value = greatest(value, %s::bigint) WHERE name = 'responses'", (seq,))


def _aad(digest: str) -> bytes:
    return b"relay-response:" + digest.encode()
