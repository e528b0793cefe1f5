"""Many stations to one site, one site to the bureau: the queue's rules on a PostgreSQL server (docs/relay.md)."""
