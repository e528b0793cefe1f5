"""What the demonstration leaves behind: the exported evidence, the pictures, and a page to look at.

In: a finished story. Out: files in the demo's folder. The evidence is exported by the shipped `station queue export`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from station.demo.story import SUBJECT, Told

VERIFY = (
    "openssl cms -verify -binary -inform DER -in manifest.p7s -content manifest.json"
    " -CAfile issuing-ca.pem -out /dev/null"
)
DIGEST_CHECK = 'sha256sum transaction.an2; grep -o \'"sha256":"[0-9a-f]*"\' manifest.json'


def write_report(told: Told, out: Path, *, seed: int, took_s: float) -> Path:
    """Write report.html beside the exported evidence; returns its path."""
    transaction = (out / "transaction.an2").read_bytes()
    page = _template().render(
        told=told,
        subject=SUBJECT["nam"],
        size=len(transaction),
        sha256=hashlib.sha256(transaction).hexdigest(),
        state=told.entry["state"],
        receipt_at=told.entry["receipt_at"],
        attempts=told.entry["attempts"],
        made=dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        took=round(took_s),
        seed=seed,
        boxes=_boxes(told),
        stopped=_stopped(told),
        verify=VERIFY,
        digest_check=DIGEST_CHECK,
        files=sorted(path.name for path in out.iterdir() if path.is_file() and path.name != "report.html"),
    )
    target = out / "report.html"
    target.write_text(page, encoding="utf-8")
    return target


def _template() -> Any:
    source = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(source)


def _boxes(told: Told) -> list[dict[str, Any]]:
    accepted = {capture["fgp"]: capture for capture in told.captures if capture["result"] == "accepted"}
    return [
        {
            "fgp": fgp,
            "label": label,
            "picture": accepted.get(fgp, {}).get("picture"),
            "score": accepted.get(fgp, {}).get("score"),
            "minutiae": accepted.get(fgp, {}).get("minutiae"),
            "nfiq2": ", ".join(str(score) for score in accepted.get(fgp, {}).get("nfiq2", {}).values()),
            "tries": sum(capture["fgp"] == fgp for capture in told.captures),
        }
        for fgp, label in told.labels.items()
    ]


def _stopped(told: Told) -> list[dict[str, str]]:
    """The retakes and wrong fingers, as the officer saw them."""
    rows = []
    for capture in told.captures:
        if capture["result"] == "retake":
            causes = capture["causes"]
            what = f"quality {capture['score']}: " + ", ".join(cause["code"] for cause in causes)
            rows.append(
                {"label": capture["label"], "what": what, "told": " ".join(c["advice"] for c in causes[:2])}
            )
        elif capture["result"] == "wrong_finger":
            finding = capture["finding"]
            rows.append({"label": capture["label"], "what": finding["message"], "told": finding["advice"]})
    return rows
