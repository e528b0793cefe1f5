"""Signed heads of the relay's chains: made once for what grew, and contradicting a chain that was changed."""

from __future__ import annotations

from offline_queue.relay import chain, heads
from offline_queue.signers import load_signer
from tests.unit.relay.kit import Desk


def sign(desk: Desk) -> int:
    return heads.sign(desk.database, load_signer(desk.settings.custody.signer), "SIMULATED relay")


def test_what_grew_is_signed_once(desk: Desk) -> None:
    first = sign(desk)
    assert first >= 1
    assert sign(desk) == 0
    desk.hand_in(desk.county.stations[0], "s-1")
    assert sign(desk) == 1
    assert chain.verify(desk.database).ok


def test_a_chain_written_anew_contradicts_its_signed_head(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    sign(desk)
    database = desk.database
    database.rows("ALTER TABLE audit DISABLE TRIGGER never_changes")
    database.rows("DELETE FROM audit WHERE chain = 'ST-001'")
    database.rows("UPDATE chain SET last_id = 0, hash = %s WHERE chain = 'ST-001'", (bytes(32),))
    told = chain.verify(database)
    assert not told.ok
    assert "ST-001" in told.problem
    with database.write():
        chain.append(database, "ST-001", "taken", "s-1", {"other": 1})
    told = chain.verify(database)
    assert not told.ok
    assert "not the row whose hash was signed" in told.problem


def test_a_damaged_signature_is_named(desk: Desk) -> None:
    desk.hand_in(desk.county.stations[0], "s-1")
    sign(desk)
    desk.database.rows("ALTER TABLE chain_head DISABLE TRIGGER never_changes")
    desk.database.rows("UPDATE chain_head SET statement = statement || '!'::bytea WHERE chain = 'ST-001'")
    assert "signed head is damaged" in chain.verify(desk.database).problem
