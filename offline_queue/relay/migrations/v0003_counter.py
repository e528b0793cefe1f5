"""Version 3: second signatures of stations, over first ones whose certificate ran out while they waited there."""

STATEMENTS = (
    """
    CREATE TABLE counter_signature (
        seq BIGINT NOT NULL REFERENCES submission,
        n INTEGER NOT NULL,
        signature BYTEA NOT NULL,
        signer TEXT NOT NULL,
        PRIMARY KEY (seq, n)
    )
    """,
    "CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON counter_signature "
    "FOR EACH STATEMENT EXECUTE FUNCTION never()",
)
