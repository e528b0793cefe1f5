"""How the relay stands, for people (a page without scripts) and for machines (Prometheus text format 0.0.4).

Ids, counts, sizes and times only; nothing about a person. Read in one statement a block, from indexes.
"""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from offline_queue.clock import stamp
from offline_queue.errors import StoreFault
from offline_queue.relay.database import Database, Row
from offline_queue.states import State

STATIONS = """
    SELECT st.station_id, st.active, st.most_waiting, st.most_waiting_mib, st.most_an_hour,
        (SELECT count(*) FROM submission s WHERE s.station_id = st.station_id
            AND s.kept_at > clock_timestamp() - interval '1 hour') AS last_hour,
        (SELECT max(s.kept_at) FROM submission s WHERE s.station_id = st.station_id) AS last_taken,
        (SELECT coalesce(max(g.seq), 0) FROM station_response g WHERE g.station_id = st.station_id) AS responses
    FROM station st ORDER BY st.station_id
"""
BY_STATE = """
    SELECT station_id, state, count(*) AS entries, sum(size) AS bytes, min(kept_at) AS oldest
    FROM submission GROUP BY station_id, state
"""
LAST_RECEIPT = """
    SELECT s.station_id, max(s.receipt_at) AS receipt_at FROM submission s WHERE s.receipt_at IS NOT NULL
    GROUP BY s.station_id
"""
TROUBLE = """
    SELECT station_id, submission_id, tcn, state, attempts, last_error FROM submission
    WHERE state IN ('quarantined','held') OR (state IN ('ready','unknown') AND last_error IS NOT NULL)
    ORDER BY seq LIMIT 50
"""
OTHERS = """
    SELECT (SELECT count(*) FROM response_quarantine) AS quarantined_responses,
        (SELECT count(*) FROM response r WHERE NOT EXISTS
            (SELECT 1 FROM station_response g WHERE g.response_seq = r.seq)) AS unclaimed_responses,
        (SELECT count(*) FROM response) AS responses,
        (SELECT coalesce(sum(last_id), 0)::bigint FROM chain) AS audit_rows,
        pg_database_size(current_database()) AS database_bytes
"""
WAITING = (State.READY, State.SENDING, State.UNKNOWN, State.ASKING)
CSS = (
    "body{font:16px/1.5 sans-serif;margin:2em;max-width:80em;color:#111;background:#fff}table{border-collapse:collapse}"
    "th,td{border:1px solid #767676;padding:.3em .6em;text-align:right}"
    "th:first-child,td:first-child{text-align:left}.look{background:#ffe9a8;font-weight:bold}"
)


@dataclass(frozen=True)
class StationStatus:
    """One station. counts: state → entries; oldest_s: how long the oldest that waits has waited, None for none."""

    station_id: str
    active: bool
    counts: dict[str, int]
    waiting: int
    waiting_bytes: int
    last_hour: int
    most_waiting: int
    most_waiting_mib: int
    most_an_hour: int
    oldest_s: float | None
    last_taken: str
    last_receipt: str
    responses: int


@dataclass(frozen=True)
class RelayStatus:
    """Everything the page shows. trouble: entries somebody should look at, at most 50."""

    at: str
    stations: tuple[StationStatus, ...]
    trouble: tuple[Row, ...]
    quarantined_responses: int
    unclaimed_responses: int
    responses: int
    audit_rows: int
    database_bytes: int


def read(database: Database) -> RelayStatus:
    """StoreFault when the database is away."""
    states: dict[str, list[Row]] = {}
    for row in database.rows(BY_STATE):
        states.setdefault(row["station_id"], []).append(row)
    receipts = {row["station_id"]: row["receipt_at"] for row in database.rows(LAST_RECEIPT)}
    now = database.clock.utcnow()
    stations = tuple(
        _station(row, states.get(row["station_id"], []), receipts.get(row["station_id"], ""), now)
        for row in database.rows(STATIONS)
    )
    others = database.one(OTHERS) or {}
    return RelayStatus(stamp(now), stations, tuple(database.rows(TROUBLE)), **others)


def _station(row: Row, states: Sequence[Row], receipt_at: str, now: dt.datetime) -> StationStatus:
    waiting = [state for state in states if state["state"] in WAITING]
    oldest = min((state["oldest"] for state in waiting), default=None)
    names = (
        "station_id",
        "active",
        "last_hour",
        "most_waiting",
        "most_waiting_mib",
        "most_an_hour",
        "responses",
    )
    return StationStatus(
        **{name: row[name] for name in names},
        counts={str(state): 0 for state in State} | {state["state"]: state["entries"] for state in states},
        waiting=sum(state["entries"] for state in waiting),
        waiting_bytes=int(sum(state["bytes"] for state in waiting)),
        oldest_s=None if oldest is None else max((now - oldest).total_seconds(), 0.0),
        last_taken=stamp(row["last_taken"]) if row["last_taken"] else "",
        last_receipt=receipt_at,
    )


def metrics(status: RelayStatus) -> str:
    """Prometheus text."""
    lines: list[str] = []

    def family(name: str, kind: str, text: str, values: Iterator[tuple[str, float]]) -> None:
        lines.extend([f"# HELP livescan_relay_{name} {text}", f"# TYPE livescan_relay_{name} {kind}"])
        lines.extend(f"livescan_relay_{name}{labels} {value:g}" for labels, value in values)

    each = status.stations
    family(
        "submissions",
        "gauge",
        "Submissions by station and state.",
        (
            (f'{{station="{s.station_id}",state="{state}"}}', count)
            for s in each
            for state, count in s.counts.items()
        ),
    )
    gauges = (
        ("waiting_bytes", "Bytes the bureau does not have yet.", "waiting_bytes"),
        ("taken_last_hour", "Submissions taken in the last hour.", "last_hour"),
        ("quota_waiting", "Most entries that may wait.", "most_waiting"),
        ("quota_an_hour", "Most submissions in an hour.", "most_an_hour"),
    )
    for name, text, field in gauges:
        family(name, "gauge", text, ((_label(s), getattr(s, field)) for s in each))
    family("oldest_waiting_seconds", "gauge", "Age of what waits longest.",
           ((_label(s), s.oldest_s or 0.0) for s in each))  # fmt: skip
    for name, kind, text, value in (
        ("responses_total", "counter", "Responses kept.", status.responses),
        ("responses_quarantined", "gauge", "Responses not believed.", status.quarantined_responses),
        ("responses_unclaimed", "gauge", "Responses that belong to no station.", status.unclaimed_responses),
        ("audit_rows_total", "counter", "Rows of all audit chains.", status.audit_rows),
        ("database_bytes", "gauge", "Size of the database.", status.database_bytes),
    ):
        family(name, kind, text, iter([("", float(value))]))
    return "\n".join(lines).replace("e+", "e") + "\n"


def _label(station: StationStatus) -> str:
    return f'{{station="{station.station_id}"}}'


def page(status: RelayStatus) -> str:
    """One plain page that reloads itself."""
    heads = ("Station", "Waiting", "Oldest", "Held", "Quarantined", "With the bureau", "Last receipt of the bureau",
             "Last submission", "Quota: waiting", "MiB", "in an hour")  # fmt: skip
    rows = "".join(_row(station) for station in status.stations)
    trouble = "".join(
        "<tr>" + "".join(f"<td>{_safe(value)}</td>" for value in row.values()) + "</tr>"
        for row in status.trouble
    )
    looked = "".join(
        f"<th>{head}</th>" for head in ("Station", "Submission", "TCN", "State", "Tries", "Reason")
    )
    nothing = "<p>Nothing needs a person.</p>"
    table = f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{rows}</table>"
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=10><title>Relay</title>"
        f"<style>{CSS}</style><h1>Relay</h1><p>As of {_safe(status.at)}. "
        f"Database {status.database_bytes / 1e6:.0f} MB, {status.audit_rows} audit rows.</p>{table}"
        "<h2>To look at</h2>"
        + (f"<table><tr>{looked}</tr>{trouble}</table>" if trouble else nothing)
        + f"<h2>Responses</h2><p>{status.responses} kept, {status.unclaimed_responses} that belong to no station, "
        f"{status.quarantined_responses} not believed.</p></html>"
    )


def _row(s: StationStatus) -> str:
    sent = s.counts["custody"] + s.counts["answered"]
    full = s.waiting >= s.most_waiting or s.last_hour >= s.most_an_hour
    cells: tuple[tuple[Any, bool], ...] = (
        (s.station_id + ("" if s.active else " (no longer in relay.toml)"), False),
        (s.waiting, False),
        ("" if s.oldest_s is None else f"{s.oldest_s / 60:.0f} min", bool(s.oldest_s and s.oldest_s > 3600)),
        (s.counts["held"], s.counts["held"] > 0),
        (s.counts["quarantined"], s.counts["quarantined"] > 0),
        (sent, False),
        (s.last_receipt or "none yet", False),
        (s.last_taken or "none yet", False),
        (f"{s.waiting} of {s.most_waiting}", full),
        (f"{s.waiting_bytes / 2**20:.0f} of {s.most_waiting_mib}", False),
        (f"{s.last_hour} of {s.most_an_hour}", full),
    )
    return "<tr>" + "".join(_cell(value, look) for value, look in cells) + "</tr>"


def _cell(value: Any, look: bool) -> str:
    return f"<td{' class=look' if look else ''}>{_safe(value)}</td>"


def _safe(value: Any) -> str:
    return html.escape(str("" if value is None else value))


def application(database: Database) -> Starlette:
    """`/`: the page; `/metrics`; `/healthy`: 200 while the database answers."""

    def show(_: Request) -> Response:
        return _answered(
            database, lambda: HTMLResponse(page(read(database)), headers={"Content-Security-Policy": CSP})
        )

    def numbers(_: Request) -> Response:
        return _answered(database, lambda: PlainTextResponse(metrics(read(database)), media_type=TEXT))

    def healthy(_: Request) -> Response:
        return _answered(database, lambda: PlainTextResponse(f"schema {database.version()}\n"))

    return Starlette(routes=[Route("/", show), Route("/metrics", numbers), Route("/healthy", healthy)])


CSP = "default-src 'none'; style-src 'unsafe-inline'"
TEXT = "text/plain; version=0.0.4"


def _answered(database: Database, make: Any) -> Response:
    """The connection ends with the request: it is of one of many threads, and requests are rare."""
    try:
        response: Response = make()
    except StoreFault as fault:
        response = PlainTextResponse(f"{fault}\n", 503)
    finally:
        database.close()
    return response
