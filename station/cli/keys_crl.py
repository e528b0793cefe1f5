"""`station keys crl`: each revocation list, whether it may be believed, how old it is, and whether ours are on one.

With --fetch it asks each address of the settings first, as `station sync` does by itself.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import Any

from offline_queue import crl
from offline_queue.clock import Clock, SystemClock, stamp
from offline_queue.crl import RevocationList
from offline_queue.errors import RevocationError
from station.revocation import Watch, trusted_now, watch
from station.settings import Settings

LINE = "revocation lists: by whom, how old, whether our certificates are on one"


def add_action(actions: Any) -> None:
    made = actions.add_parser("crl", help=LINE, description=LINE)
    made.add_argument("--config", type=Path, required=True, help="station.toml")
    made.add_argument("--fetch", action="store_true", help="ask each address of [revocation] urls first")
    made.add_argument("--json", action="store_true", help="machine-readable")


def run(settings: Settings, args: argparse.Namespace, clock: Clock | None = None) -> int:
    """0 all is well; 1 one of ours is on a list, or a list is missing, unfit, too old or could not be fetched.
    RevocationError `revocation.not_configured`."""
    seen, clock = watch(settings), clock or SystemClock()
    if seen is None:
        raise RevocationError(
            "revocation.not_configured", "no [revocation] in the settings", "see docs/queue-keys.md"
        )
    now = trusted_now(settings, clock)
    fetched = [_fetched(seen, url, now, clock) for url in seen.section.urls] if args.fetch else []
    report = _report(seen, now, clock.utcnow()) | {"fetched": fetched}
    print(json.dumps(report) if args.json else _text(report))
    wrong = report["ours"] or report["problem"] or any(one["problem"] for one in (*report["lists"], *fetched))
    return 1 if wrong else 0


def _fetched(seen: Watch, url: str, now: dt.datetime | None, clock: Clock) -> dict[str, Any]:
    try:
        kept = seen.keep(seen.get(url, clock), now)
    except RevocationError as error:
        return {"url": url, "new": False, "problem": str(error)}
    return {"url": url, "new": kept.new, "problem": None}


def _report(seen: Watch, now: dt.datetime | None, shown: dt.datetime) -> dict[str, Any]:
    """now: None on a clock that nobody vouches for; shown: what it shows all the same, for the age."""
    problem = None
    try:
        seen.require_current(now)
    except RevocationError as error:
        problem = str(error)
    serials = {name: entry.serial for name, entry in seen.ours().items()}
    found = [
        _unfit(path, what)
        if isinstance(what, RevocationError)
        else _facts(seen, path, what, now, shown, serials)
        for path, what in seen.own.lists.files().items()
        if not isinstance(what, tuple)
    ]
    return {
        "folder": str(seen.own.lists.folder),
        "required": seen.section.required,
        "clock_trusted": now is not None,
        "ours": {name: str(entry) for name, entry in seen.ours().items()},
        "problem": problem,
        "lists": found,
    }


def _unfit(path: Path, error: RevocationError) -> dict[str, Any]:
    return {"file": path.name, "verified": False, "problem": str(error)}


def _facts(
    seen: Watch,
    path: Path,
    found: RevocationList,
    now: dt.datetime | None,
    shown: dt.datetime,
    serials: dict[str, int],
) -> dict[str, Any]:
    verified, problem = True, None
    try:
        seen.everything.signer_of(found)
        if now is not None:
            crl.check_dates(found, now, seen.oldest)
    except RevocationError as error:
        verified, problem = error.code != "revocation.untrusted", str(error)
    return {
        "file": path.name,
        "issuer": found.name,
        "number": found.number,
        "this_update": stamp(found.this_update),
        "next_update": stamp(found.next_update),
        "age_h": round((shown - found.this_update).total_seconds() / 3600, 1),
        "about": found.about,
        "entries": len(found.parsed),
        "verified": verified,
        "ours": [name for name, serial in serials.items() if found.entry(serial) is not None],
        "problem": problem,
    }


def _text(report: dict[str, Any]) -> str:
    lines = [f"folder: {report['folder']}", f"required: {'yes' if report['required'] else 'no'}"]
    lines += [] if report["clock_trusted"] else ["the clock is not trusted: dates are not judged"]
    lines += [
        f"fetched {one['url']}: {one['problem'] or ('new' if one['new'] else 'as before')}"
        for one in report["fetched"]
    ]
    for one in report["lists"]:
        lines.append(f"{one['file']}:")
        lines += [f"  {name.replace('_', ' ')}: {value}" for name, value in one.items() if name != "file"]
    lines += [f"REVOKED, {name}: {entry}" for name, entry in report["ours"].items()]
    return "\n".join([*lines, f"problem: {report['problem'] or '-'}"])
