"""Version 1. Like a station's queue, with three differences.

Two receipts in two tables: `custody` is what the relay gave the station, `receipt` what the bureau gave the relay.
Leases and waiting times are the database server's time, because workers on several machines share it. There is one
audit chain a station (and one of the relay itself, named ''): one chain for all would let one commit through at a time.
Sealed bytes do not compress, so they are stored outside the row as they are. Clear columns hold no personal data.
"""

APPEND_ONLY = ("audit", "envelope", "custody", "receipt", "station_response")

STATEMENTS = (
    """
    CREATE TABLE station (
        station_id TEXT PRIMARY KEY,
        client TEXT NOT NULL UNIQUE,
        signer TEXT NOT NULL,
        oris TEXT NOT NULL,
        active BOOLEAN NOT NULL,
        most_waiting INTEGER NOT NULL,
        most_waiting_mib INTEGER NOT NULL,
        most_an_hour INTEGER NOT NULL
    )
    """,
    """
    CREATE TABLE submission (
        seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        station_id TEXT NOT NULL REFERENCES station (station_id),
        submission_id TEXT NOT NULL,
        tcn TEXT NOT NULL UNIQUE,
        tot TEXT NOT NULL,
        ori TEXT NOT NULL,
        priority INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL CHECK (state IN
            ('ready','sending','unknown','asking','held','custody','answered','quarantined')),
        size BIGINT NOT NULL,
        sha256 TEXT NOT NULL,
        created_at TEXT NOT NULL,
        kept_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
        attempts INTEGER NOT NULL DEFAULT 0,
        refusals INTEGER NOT NULL DEFAULT 0,
        last_error TEXT,
        retry_at TIMESTAMPTZ,
        lease_worker TEXT,
        lease_token BIGINT NOT NULL DEFAULT 0,
        lease_until TIMESTAMPTZ,
        receipt_at TEXT,
        erased_at TIMESTAMPTZ,
        UNIQUE (station_id, submission_id)
    )
    """,
    "CREATE INDEX submission_due ON submission (station_id, priority DESC, seq) WHERE state IN ('ready','unknown')",
    "CREATE INDEX submission_leased ON submission (station_id, lease_until) WHERE state IN ('sending','asking')",
    "CREATE INDEX submission_open ON submission (station_id) INCLUDE (size) "
    "WHERE state IN ('ready','unknown','sending','asking','held')",
    "CREATE INDEX submission_quarantined ON submission (station_id) WHERE state = 'quarantined'",
    "CREATE INDEX submission_kept ON submission (station_id, kept_at)",
    "CREATE TABLE payload (seq BIGINT PRIMARY KEY REFERENCES submission, sealed BYTEA NOT NULL, "
    "sealed_sha256 TEXT NOT NULL)",
    "ALTER TABLE payload ALTER COLUMN sealed SET STORAGE EXTERNAL",
    "CREATE TABLE envelope (seq BIGINT PRIMARY KEY REFERENCES submission, manifest BYTEA NOT NULL, "
    "signature BYTEA NOT NULL, signer TEXT NOT NULL)",
    "CREATE TABLE custody (seq BIGINT PRIMARY KEY REFERENCES submission, receipt BYTEA NOT NULL, "
    "signature BYTEA NOT NULL, received_at TEXT NOT NULL)",
    "CREATE TABLE receipt (seq BIGINT PRIMARY KEY REFERENCES submission, receipt BYTEA NOT NULL, "
    "signature BYTEA NOT NULL, gateway TEXT NOT NULL, received_at TEXT NOT NULL, kept_at TEXT NOT NULL)",
    """
    CREATE TABLE attempt (
        seq BIGINT NOT NULL REFERENCES submission,
        n INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('send','ask')),
        worker TEXT NOT NULL,
        started_at TEXT NOT NULL,
        ended_at TEXT,
        outcome TEXT,
        code TEXT,
        message TEXT,
        PRIMARY KEY (seq, n)
    )
    """,
    """
    CREATE TABLE response (
        seq BIGINT PRIMARY KEY,
        tcr TEXT NOT NULL,
        tot TEXT NOT NULL,
        sha256 TEXT NOT NULL UNIQUE,
        sealed BYTEA NOT NULL,
        signature BYTEA NOT NULL,
        kept_at TEXT NOT NULL
    )
    """,
    "ALTER TABLE response ALTER COLUMN sealed SET STORAGE EXTERNAL",
    "CREATE INDEX response_tcr ON response (tcr)",
    """
    CREATE TABLE station_response (
        station_id TEXT NOT NULL REFERENCES station (station_id),
        seq BIGINT NOT NULL,
        response_seq BIGINT NOT NULL REFERENCES response (seq),
        PRIMARY KEY (station_id, seq),
        UNIQUE (station_id, response_seq)
    )
    """,
    """
    CREATE TABLE response_quarantine (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        seq BIGINT,
        code TEXT NOT NULL,
        message TEXT NOT NULL,
        sha256 TEXT NOT NULL UNIQUE,
        sealed BYTEA NOT NULL,
        kept_at TEXT NOT NULL
    )
    """,
    "CREATE TABLE cursor (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
    "INSERT INTO cursor (name, value) VALUES ('responses', 0)",
    "CREATE TABLE chain (chain TEXT PRIMARY KEY, last_id BIGINT NOT NULL, hash BYTEA NOT NULL)",
    """
    CREATE TABLE audit (
        chain TEXT NOT NULL REFERENCES chain (chain),
        id BIGINT NOT NULL,
        at TEXT NOT NULL,
        boot TEXT NOT NULL,
        monotonic_ms BIGINT NOT NULL,
        event TEXT NOT NULL,
        submission_id TEXT,
        detail TEXT NOT NULL,
        prev BYTEA NOT NULL,
        hash BYTEA NOT NULL UNIQUE,
        PRIMARY KEY (chain, id)
    )
    """,
    "CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '% rows are never changed or deleted', TG_TABLE_NAME; END $$",
    *(
        f"CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION never()"
        for table in APPEND_ONLY
    ),
    # the one thing a submission may never lose is that it was there: an id counts once, for ever
    "CREATE TRIGGER never_goes BEFORE DELETE OR TRUNCATE ON submission FOR EACH STATEMENT EXECUTE FUNCTION never()",
)
