"""What the simulated gateway remembers: SQLite, each submission once, answers in the order they came out.

In: verified submissions and composed answers. Out: rows. A submission and its planned answers are one database
transaction (WAL, synchronous FULL), so a receipt given out survives a kill at any moment. A sequence number is given
when an answer comes out, not when it is planned: a late answer gets a late number and nobody who polls misses it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS submissions (
  submission_id TEXT PRIMARY KEY, tcn TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
  received_at TEXT NOT NULL, signer TEXT NOT NULL, content BLOB NOT NULL, manifest BLOB NOT NULL,
  signature BLOB NOT NULL, receipt BLOB NOT NULL, receipt_signature BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS planned (
  id INTEGER PRIMARY KEY AUTOINCREMENT, submission_id TEXT NOT NULL REFERENCES submissions, stage TEXT NOT NULL,
  due REAL NOT NULL);
CREATE TABLE IF NOT EXISTS responses (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, submission_id TEXT NOT NULL REFERENCES submissions, stage TEXT NOT NULL,
  tcr TEXT NOT NULL, tot TEXT NOT NULL, content BLOB NOT NULL, repeated INTEGER NOT NULL DEFAULT 0);
"""


@dataclass(frozen=True)
class Stored:
    """One submission in custody. received_at: UTC text; signer: who signed the manifest."""

    submission_id: str
    tcn: str
    sha256: str
    size: int
    received_at: str
    signer: str
    content: bytes
    manifest: bytes
    signature: bytes
    receipt: bytes
    receipt_signature: bytes


@dataclass(frozen=True)
class Answer:
    """One answer that came out."""

    seq: int
    tcr: str
    tot: str
    content: bytes


Plan = tuple[tuple[str, float], ...]
"""Stages and when they are due, in seconds since 1970."""

Compose = Callable[[str, Stored, int], tuple[str, bytes]]
"""Stage, submission, sequence number → TOT and bytes of the answer."""

_COLUMNS = (
    "submission_id, tcn, sha256, size, received_at, signer, "
    "content, manifest, signature, receipt, receipt_signature"
)


class Store:
    """The gateway's database in one file. Every call opens it anew, so threads may share a Store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)

    def keep(self, stored: Stored, plan: Plan) -> bool:
        """Take a submission in with its planned answers. False when its id or TCN is there already."""
        row = tuple(getattr(stored, name) for name in _COLUMNS.split(", "))
        with self._transaction() as connection:
            marks = ", ".join("?" * len(row))
            statement = f"INSERT OR IGNORE INTO submissions ({_COLUMNS}) VALUES ({marks})"  # noqa: S608 - our own names
            added = connection.execute(statement, row)
            if added.rowcount == 0:
                return False
            connection.executemany(
                "INSERT INTO planned (submission_id, stage, due) VALUES (?, ?, ?)",
                [(stored.submission_id, stage, due) for stage, due in plan],
            )
        return True

    def submission(self, submission_id: str) -> Stored | None:
        """One submission, or None."""
        return next(iter(self._select("WHERE submission_id = ?", submission_id)), None)

    def with_tcn(self, tcn: str) -> Stored | None:
        """The submission that used this control number, or None."""
        return next(iter(self._select("WHERE tcn = ?", tcn)), None)

    def submissions(self) -> tuple[Stored, ...]:
        """All, in the order they came."""
        return self._select("ORDER BY rowid")

    def publish_due(self, now: float, compose: Compose) -> int:
        """Let every answer out that is due: each once, numbered as it comes out. How many came out."""
        with self._transaction() as connection:
            due = connection.execute(
                "SELECT id, submission_id, stage FROM planned WHERE due <= ? ORDER BY due, id", (now,)
            ).fetchall()
            for plan_id, submission_id, stage in due:
                stored = self._select("WHERE submission_id = ?", submission_id)[0]
                (last,) = connection.execute("SELECT COALESCE(MAX(seq), 0) FROM responses").fetchone()
                tot, content = compose(stage, stored, last + 1)
                connection.execute(
                    "INSERT INTO responses (submission_id, stage, tcr, tot, content) VALUES (?, ?, ?, ?, ?)",
                    (submission_id, stage, stored.tcn, tot, content),
                )
                connection.execute("DELETE FROM planned WHERE id = ?", (plan_id,))
        return len(due)

    def answers(self, after: int, limit: int) -> tuple[Answer, ...]:
        """Answers with a number above `after`, oldest first."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT seq, tcr, tot, content FROM responses WHERE seq > ? ORDER BY seq LIMIT ?",
                (after, limit),
            ).fetchall()
        return tuple(Answer(*row) for row in rows)

    def repeat(self, seqs: tuple[int, ...]) -> None:
        """Send these answers once more under new numbers, as a bureau that repeats itself; each at most once."""
        with self._transaction() as connection:
            for seq in seqs:
                connection.execute(
                    "INSERT INTO responses (submission_id, stage, tcr, tot, content, repeated) "
                    "SELECT submission_id, stage, tcr, tot, content, 1 FROM responses WHERE seq = ? AND repeated = 0",
                    (seq,),
                )
                connection.execute("UPDATE responses SET repeated = 1 WHERE seq = ?", (seq,))

    def _select(self, clause: str, *values: str) -> tuple[Stored, ...]:
        with closing(self._connect()) as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM submissions {clause}", values).fetchall()  # noqa: S608
        return tuple(Stored(*row) for row in rows)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=10)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
