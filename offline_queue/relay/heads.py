"""Signed heads of the relay's audit chains: when a sender starts and each hour, of every chain that grew.

In: chains and the relay's custody signer. Out: rows of `chain_head`: canonical JSON {"schema":1, "relay", "chain",
"chain_id", "hash", "at", "boot"} and a detached CMS over it. Who can rewrite the database cannot sign another chain.
"""

from __future__ import annotations

from offline_queue import canonical, cms
from offline_queue.clock import stamp
from offline_queue.errors import CertificateError, CmsError
from offline_queue.relay.database import Database, Row
from offline_queue.signers import Signer

SCHEMA = 1
EVERY_S = 3600.0
GROWN = """
    SELECT c.chain, c.last_id, c.hash FROM chain c WHERE c.last_id > 0
      AND NOT EXISTS (SELECT 1 FROM chain_head h WHERE h.chain = c.chain AND h.id = c.last_id) ORDER BY c.chain
"""
SIGNED = "SELECT id, statement, signature FROM chain_head WHERE chain = %s ORDER BY id"


def sign(database: Database, signer: Signer, relay: str) -> int:
    """Sign the present head of every chain that has grown since. Returns how many. SignerError when the key cannot."""
    grown = database.rows(GROWN)
    for head in grown:
        now = database.clock.utcnow()
        statement = canonical.dumps(
            {
                "schema": SCHEMA,
                "relay": relay,
                "chain": head["chain"],
                "chain_id": head["last_id"],
                "hash": bytes(head["hash"]).hex(),
                "at": stamp(now),
                "boot": database.boot,
            }
        )
        values = (head["chain"], head["last_id"], statement, cms.sign_detached(statement, signer, now))
        database.rows("INSERT INTO chain_head VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", values)
    return len(grown)


class Signed:
    """The signed heads of one chain, compared with its rows one by one."""

    def __init__(self, database: Database, chain: str) -> None:
        self._chain = chain
        self._waiting = {row["id"]: row for row in database.rows(SIGNED, (chain,))}

    def problem(self, number: int, digest: bytes) -> str:
        """What is wrong with the signed head of this row; empty when it has none, or a right one."""
        row = self._waiting.pop(number, None)
        return "" if row is None else _problem(row, self._chain, digest)

    def cut_off(self) -> bool:
        """A signed head names a row that is not there."""
        return bool(self._waiting)


def _problem(row: Row, chain: str, digest: bytes) -> str:
    try:
        said = canonical.loads(bytes(row["statement"]))
        cms.check_signature(bytes(row["statement"]), bytes(row["signature"]))
    except (ValueError, CmsError, CertificateError):
        return "its signed head is damaged"
    same = (said.get("chain"), said.get("chain_id"), said.get("hash")) == (chain, row["id"], digest.hex())
    return "" if same else "it is not the row whose hash was signed"
