"""Version 2: signed heads of the audit chains (heads.py)."""

STATEMENTS = (
    """
    CREATE TABLE chain_head (
        chain TEXT NOT NULL REFERENCES chain (chain),
        id BIGINT NOT NULL,
        statement BYTEA NOT NULL,
        signature BYTEA NOT NULL,
        PRIMARY KEY (chain, id)
    )
    """,
    "CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON chain_head "
    "FOR EACH STATEMENT EXECUTE FUNCTION never()",
)
