"""Version 1. The clear columns hold no personal data: ids, agency codes, sizes, digests and times only.

The two partial indexes keep a claim fast however many entries are already sent: they hold only what is due
or leased.
The payload is a table of its own, because a column behind a blob costs a walk through its pages.
"""

STATEMENTS = (
    """
    CREATE TABLE submission (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        submission_id TEXT NOT NULL UNIQUE,
        tcn TEXT NOT NULL UNIQUE,
        tot TEXT NOT NULL,
        ori TEXT NOT NULL,
        station_id TEXT NOT NULL,
        priority INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL CHECK (state IN
            ('ready','sending','unknown','asking','held','custody','answered','quarantined')),
        size INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        created_at TEXT NOT NULL,
        boot TEXT NOT NULL,
        monotonic_ms INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        last_error TEXT,
        retry_boot TEXT,
        retry_at_ms INTEGER,
        lease_worker TEXT,
        lease_token INTEGER NOT NULL DEFAULT 0,
        lease_boot TEXT,
        lease_until_ms INTEGER,
        receipt_at TEXT
    )
    """,
    "CREATE INDEX submission_state ON submission (state)",
    "CREATE INDEX submission_due ON submission (priority DESC, seq) WHERE state IN ('ready','unknown')",
    """
    CREATE TABLE payload (
        seq INTEGER PRIMARY KEY REFERENCES submission (seq),
        sealed BLOB NOT NULL,
        sealed_sha256 TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE envelope (
        seq INTEGER PRIMARY KEY REFERENCES submission (seq),
        manifest BLOB NOT NULL,
        signature BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE attempt (
        seq INTEGER NOT NULL REFERENCES submission (seq),
        n INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('send','ask')),
        worker TEXT NOT NULL,
        started_at TEXT NOT NULL,
        ended_at TEXT,
        outcome TEXT,
        code TEXT,
        message TEXT,
        PRIMARY KEY (seq, n)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE receipt (
        seq INTEGER PRIMARY KEY REFERENCES submission (seq),
        receipt BLOB NOT NULL,
        signature BLOB NOT NULL,
        gateway TEXT NOT NULL,
        received_at TEXT NOT NULL,
        kept_at TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE response (
        seq INTEGER PRIMARY KEY,
        tcr TEXT NOT NULL,
        tot TEXT NOT NULL,
        sha256 TEXT NOT NULL UNIQUE,
        sealed BLOB NOT NULL,
        signature BLOB NOT NULL,
        kept_at TEXT NOT NULL
    )
    """,
    "CREATE INDEX response_tcr ON response (tcr)",
    """
    CREATE TABLE response_quarantine (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        seq INTEGER,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        sha256 TEXT NOT NULL UNIQUE,
        sealed BLOB NOT NULL,
        kept_at TEXT NOT NULL
    )
    """,
    "CREATE TABLE cursor (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        boot TEXT NOT NULL,
        monotonic_ms INTEGER NOT NULL,
        event TEXT NOT NULL,
        submission_id TEXT,
        detail TEXT NOT NULL,
        prev BLOB NOT NULL,
        hash BLOB NOT NULL UNIQUE
    )
    """,
    "CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), last_id INTEGER NOT NULL, hash BLOB NOT NULL)",
    "INSERT INTO audit_head (one, last_id, hash) VALUES (1, 0, zeroblob(32))",
    "CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END",
    "CREATE TRIGGER audit_never_goes BEFORE DELETE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'audit rows are never deleted'); END",
    # INSERT OR REPLACE deletes without firing the trigger above, so a row may only be added at the end
    "CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit "
    "WHEN NEW.id IS NOT (SELECT last_id + 1 FROM audit_head) "
    "BEGIN SELECT RAISE(ABORT, 'audit rows are only added at the end'); END",
    "CREATE TRIGGER envelope_never_changes BEFORE UPDATE ON envelope "
    "BEGIN SELECT RAISE(ABORT, 'what was signed is never changed'); END",
    "CREATE TRIGGER receipt_never_changes BEFORE UPDATE ON receipt "
    "BEGIN SELECT RAISE(ABORT, 'a custody receipt is never changed'); END",
)
