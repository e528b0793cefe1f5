"""Version 2: what happens to an entry beside sending, and who can prove it.

submission.held_for: officer, certificate or clock. clock_trust: synchronised, confirmed or unknown, when it was made.
refusals: definite ones only. exported_at: last copy to removable media. erased_at: its data key was destroyed.
imported_from: the station a bundle came from. counter_signature: made over the first signature, never in its place.
audit_seal: a signed statement about the chain's head. clock_floor: the latest wall time ever trusted.
"""

STATEMENTS = (
    "ALTER TABLE submission ADD COLUMN held_for TEXT",
    "ALTER TABLE submission ADD COLUMN clock_trust TEXT NOT NULL DEFAULT 'unknown'",
    "ALTER TABLE submission ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE submission ADD COLUMN exported_at TEXT",
    "ALTER TABLE submission ADD COLUMN erased_at TEXT",
    "ALTER TABLE submission ADD COLUMN imported_from TEXT",
    """
    CREATE TABLE counter_signature (
        seq INTEGER NOT NULL REFERENCES submission (seq),
        n INTEGER NOT NULL,
        signature BLOB NOT NULL,
        signed_at TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (seq, n)
    ) WITHOUT ROWID
    """,
    "CREATE TRIGGER counter_signature_never_changes BEFORE UPDATE ON counter_signature "
    "BEGIN SELECT RAISE(ABORT, 'what was signed is never changed'); END",
    "ALTER TABLE audit ADD COLUMN trust TEXT",
    """
    CREATE TABLE audit_seal (
        audit_id INTEGER PRIMARY KEY,
        statement BLOB NOT NULL,
        signature BLOB NOT NULL,
        reason TEXT NOT NULL CHECK (reason IN ('boot','hourly','submission','export','request'))
    )
    """,
    "CREATE TRIGGER audit_seal_never_changes BEFORE UPDATE ON audit_seal "
    "BEGIN SELECT RAISE(ABORT, 'what was signed is never changed'); END",
    """
    CREATE TABLE clock_floor (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        at TEXT NOT NULL,
        boot TEXT NOT NULL,
        monotonic_ms INTEGER NOT NULL,
        trust TEXT NOT NULL
    )
    """,
)
