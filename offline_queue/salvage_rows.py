"""What of the recovered rows may be believed, put into a new queue file.

In: rows as found in a damaged file. Out: a queue in which every entry is proved by its signature, its sealed bytes and
the chain, or is in quarantine with the reason. An entry without a receipt is asked for before it is sent again, so that
what the damage took from our memory is not sent twice.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from offline_queue import audit_rows, canonical
from offline_queue.database import Database
from offline_queue.envelope import Manifest
from offline_queue.errors import VaultError
from offline_queue.examine import HELD_FOR, TRUSTS, Chain
from offline_queue.inbox import CURSOR
from offline_queue.lookup import payload_aad
from offline_queue.models import Tables
from offline_queue.proofs import SEALED, checks, names_entry, number, opens, receipted, signed, timed
from offline_queue.salvage_chain import attempts
from offline_queue.salvage_read import Recovered, Row
from offline_queue.sealed import digest_beside, fits, is_for_gateway
from offline_queue.states import State
from offline_queue.vault import Vault

FROM_MANIFEST = ("submission_id", "tcn", "tot", "ori", "station_id", "sha256", "size")
DAMAGED = "queue.damaged: its stored bytes were altered"


@dataclass
class Fate:
    """damaged: ids that cannot be sent any more; asked: ids the gateway is asked for first; sent: in custody."""

    damaged: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)


class Rows:
    """The recovered rows by number, and what they are worth."""

    def __init__(self, found: Recovered, chain: Chain, vault: Vault, station_id: str) -> None:
        self.found, self.chain, self.vault, self.station_id = found, chain, vault, station_id
        self.submissions = _by_number(row for row in found.rows("submission") if number(row["seq"]))
        self.envelopes = _by_number(row for row in found.rows("envelope") if signed(row))
        self.receipts = _by_number(row for row in found.rows("receipt") if receipted(row))
        self.answered = {row["tcr"] for row in found.rows("response")}

    def numbers(self) -> list[int]:
        return sorted(self.submissions.keys() | self.envelopes.keys() | self.receipts.keys())

    def put(self, target: Database, fate: Fate) -> None:
        """Every entry, oldest first; then those of which only the chain knows."""
        taken: dict[str, int] = {}
        for seq in self.numbers():
            row = self._entry(seq)
            if row is not None and row["submission_id"] not in taken:
                taken[row["submission_id"]] = seq
                self._put_one(target, row, fate)
        for name, events in self.chain.events.items():
            if name not in taken and events:
                seq = next(
                    n for n in itertools.count(1) if n not in taken.values() and n not in self.numbers()
                )
                row = self._from_chain(name, seq)
                if row is not None:
                    taken[name] = seq
                    self._put_one(target, row, fate)

    def _entry(self, seq: int) -> Row | None:
        stored, envelope = self.submissions.get(seq, {}), self.envelopes.get(seq)
        if envelope is not None:
            said = Manifest.from_bytes(bytes(envelope["manifest"]))
            own = {name: getattr(said, name) for name in FROM_MANIFEST}
            return {
                "seq": seq,
                "created_at": canonical.loads(bytes(envelope["manifest"]))["created_at"],
            } | own
        name = stored.get("submission_id")
        row = self._from_chain(name, seq) if isinstance(name, str) else None
        if row is not None:
            return row | {"ori": str(stored.get("ori") or row["ori"])}
        columns = ("seq", "created_at", *FROM_MANIFEST)
        fits = stored and timed(stored, "created_at") and number(stored["size"])
        texts = all(isinstance(stored.get(each), str) for each in FROM_MANIFEST if each != "size")
        return {each: stored[each] for each in columns} if fits and texts else None

    def _from_chain(self, name: str, seq: int) -> Row | None:
        """Of an entry that lost its manifest, the chain still knows what was saved."""
        began = [e for e in self.chain.events.get(name, []) if e["event"] in ("enqueued", "imported")]
        if not began or not {"tcn", "tot", "sha256", "size"} <= began[0]["detail"].keys():
            return None
        own = {key: began[0]["detail"][key] for key in ("tcn", "tot", "sha256", "size")}
        known = {"submission_id": name, "ori": "UNKNOWN", "station_id": self.station_id}
        return own | known | {"seq": seq, "created_at": began[0]["at"]}

    def _put_one(self, target: Database, row: Row, fate: Fate) -> None:
        seq, name = row["seq"], row["submission_id"]
        events = self.chain.events.get(name, [])
        sealed, opens_up = self._sealed(row)
        whole = opens_up and seq in self.envelopes
        receipt = self.receipts.get(seq)
        receipt = receipt if receipt is not None and names_entry(receipt, row) else None
        state, tries = self._state(row, events, whole, receipt), attempts(seq, events)
        row |= _mutable(self.submissions.get(seq, {}), events, state)
        row |= {"state": str(state), "attempts": len(tries), "lease_token": len(tries) + 1}
        row["receipt_at"] = receipt["received_at"] if receipt is not None else None
        with target.write() as tables:
            tables.submission.insert(row).execute()
            # damaged bytes get no digest that they agree with: a retry must find them again
            kept = {"seq": seq, "sealed": sealed, "sealed_sha256": digest_beside(sealed) if whole else ""}
            tables.payload.insert(kept).execute()
            for table, rows in (("envelope", self.envelopes.get(seq)), ("receipt", receipt)):
                if rows is not None:
                    getattr(tables, table).insert(rows).execute()
            for each in tries:
                tables.attempt.insert(each).execute()
            detail = {"state": str(state)} | ({} if whole else {"damaged": True})
            audit_rows.append(target, tables, "mended", name, detail)
        if receipt is not None:
            fate.sent.append(name)
        elif not whole:
            fate.damaged.append(name)
        elif state is State.UNKNOWN:
            fate.asked.append(name)

    def _sealed(self, row: Row) -> tuple[bytes, bool]:
        """The bytes, and whether they are what was signed."""
        found = self.found.payload(row["seq"])
        if found is None:
            return b"", False
        sealed, digest = found
        if is_for_gateway(sealed):  # nobody here can open it: the digest beside it has to tell
            return sealed, hashlib.sha256(sealed).hexdigest() == digest and fits(sealed, row["size"])
        try:
            plain = self.vault.open(sealed, payload_aad(row["submission_id"]))
        except VaultError as error:
            return sealed, error.code in SEALED
        return sealed, hashlib.sha256(plain).hexdigest() == row["sha256"]

    def _state(self, row: Row, events: list[Row], whole: bool, receipt: Row | None) -> State:
        if receipt is not None:
            return State.ANSWERED if row["tcn"] in self.answered else State.CUSTODY
        said = [event["detail"]["state"] for event in events if "state" in event["detail"]]
        if not whole or said[-1:] == [State.QUARANTINED]:
            return State.QUARANTINED
        return State.HELD if said[-1:] == [State.HELD] else State.UNKNOWN


def _by_number(rows: Iterable[Row]) -> dict[int, Row]:
    """The first of each number: what was found without the head of its page comes last, and may be an older state."""
    first: dict[int, Row] = {}
    for row in rows:
        first.setdefault(row["seq"], row)
    return first


def put_rest(rows: Rows, target: Database, seals: Mapping[int, Row]) -> None:
    """Responses, counter-signatures, signed heads, the cursor and the floor of the clock."""
    kept = set()
    with target.write() as tables:
        for row in rows.found.rows("response"):
            if opens(rows.vault, row) and row["seq"] not in kept and isinstance(row["tcr"], str):
                kept.add(row["seq"])
                tables.response.insert(row).execute()
        for row in rows.found.rows("response_quarantine"):
            if opens(rows.vault, row):
                tables.response_quarantine.insert(row).on_conflict_ignore().execute()
        for row in rows.found.rows("counter_signature"):
            first = rows.envelopes.get(row["seq"])
            if first is not None and checks(first["signature"], row["signature"]) and timed(row, "signed_at"):
                tables.counter_signature.insert(row).execute()
        for seal in seals.values():
            tables.audit_seal.insert(seal).execute()
        _cursor(rows, tables, kept)
        _floor(rows, tables)


def _cursor(rows: Rows, tables: Tables, kept: set[int]) -> None:
    """Pull again from before the first response that was lost."""
    said = [
        row["value"] for row in rows.found.rows("cursor") if row["name"] == CURSOR and number(row["value"])
    ]
    was = {
        row["detail"]["seq"]
        for row in map(_parsed, rows.chain.rows.values())
        if row["event"] == "response_kept"
    }
    lost = was - kept
    value = min(lost) - 1 if lost else max([*said[:1], *kept, 0])
    tables.cursor.insert({"name": CURSOR, "value": value}).execute()


def _floor(rows: Rows, tables: Tables) -> None:
    """The latest time that was trusted, out of the chain: it is the newer of the two proofs."""
    for last in sorted(rows.chain.rows, reverse=True):
        row = rows.chain.rows[last]
        if row["trust"] in TRUSTS[:2]:
            floor = {name: row[name] for name in ("at", "boot", "monotonic_ms", "trust")}
            tables.clock_floor.insert({"one": 1} | floor).execute()
            return


def _parsed(row: Row) -> Row:
    return row | {"detail": canonical.loads(row["detail"].encode())}


def _mutable(stored: Mapping[str, Any], events: list[Row], state: State) -> Row:
    """What no signature covers, as far as it can be true."""
    began = events[0] if events else {}
    times = {
        name: _last(events, event) for name, event in (("exported_at", "exported"), ("erased_at", "erased"))
    }
    held = stored.get("held_for") if stored.get("held_for") in HELD_FOR else None
    imported = stored.get("imported_from") if began.get("event") == "imported" else None
    trust = stored.get("clock_trust")
    return times | {
        "priority": stored["priority"] if number(stored.get("priority")) and stored["priority"] < 100 else 0,
        "boot": str(began.get("boot") or ""),
        "monotonic_ms": int(began.get("monotonic_ms") or 0),
        "clock_trust": trust if trust in TRUSTS else "unknown",
        "held_for": (held or "officer") if state is State.HELD else None,
        "imported_from": imported if isinstance(imported, str) else None,
        "refusals": 0,
        "last_error": DAMAGED if state is State.QUARANTINED else None,
    }


def _last(events: list[Row], name: str) -> str | None:
    return next((str(event["at"]) for event in reversed(events) if event["event"] == name), None)
