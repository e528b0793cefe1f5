"""The checks: a custody bundle and public certificates in, what is proven or the first broken link out.

It imports nothing of the station but `proof`, needs asn1crypto and cryptography, no key, no network, no clock. The
links are checked in the order of docs/verify/FORMAT.md, so that another verifier names the same first broken one.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from station.custody.proof import Anchors, Broken, signer, take_apart

FORMAT, VERSION = "station-custody", 1
NAME = "custody.json"
STEPS = {
    "enqueued": "captured and signed",
    "claim": "sent or asked for",
    "accepted": "received",
    "response": "answered",
    "response_kept": "answer kept",
}
ECHOED = ("submission_id", "tcn", "sha256", "size")
TRUSTED = ("synchronised", "confirmed")


@dataclass
class Proof:
    """What was established so far. steps: {"row", "step", "who", "at", "trust", "what"} in the order they happened."""

    bundle: Mapping[str, Any]
    station: Anchors
    gateway: Anchors
    rows: list[dict[str, Any]] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    who: dict[str, str] = field(default_factory=dict)


def verify(
    data: bytes, station: Anchors, gateway: Anchors, transaction: bytes | None = None
) -> dict[str, Any]:
    """Check the bytes of a custody.json. Returns {"ok", "submission_id", "tcn", "steps", "signers", "first_broken"};
    first_broken is None or {"link", "row", "reason"}. transaction: the bytes of the file beside it, if there."""
    try:
        bundle = _object(data, "format")
    except Broken as error:
        return _report(Proof({}, station, gateway), error)
    return verify_document(bundle, station, gateway, transaction)


def verify_document(
    bundle: Mapping[str, Any], station: Anchors, gateway: Anchors, transaction: bytes | None = None
) -> dict[str, Any]:
    """The same for a document that was parsed."""
    proof, broken = Proof(bundle, station, gateway), None
    try:
        for check in (
            _format,
            _chain,
            _seals,
            _manifest,
            _enqueued,
            _counter_signatures,
            _receipt,
            _responses,
        ):
            check(proof)
        _transaction(proof, transaction)
    except Broken as error:
        broken = error
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        broken = Broken("format", f"not a custody bundle: {type(error).__name__}")
    return _report(proof, broken)


def _report(proof: Proof, broken: Broken | None) -> dict[str, Any]:
    return {
        "ok": broken is None,
        "submission_id": proof.manifest.get("submission_id"),
        "tcn": proof.manifest.get("tcn"),
        "signers": proof.who,
        "steps": [] if broken else _steps(proof),
        "first_broken": broken and {"link": broken.link, "row": broken.row, "reason": broken.reason},
    }


def _format(proof: Proof) -> None:
    if (proof.bundle.get("format"), proof.bundle.get("version")) != (FORMAT, VERSION):
        raise Broken("format", "not a custody bundle of version 1")


def _chain(proof: Proof) -> None:
    """hash = SHA-256(hash before || text of the row); numbers without a gap; monotonic time within a boot."""
    chain = proof.bundle["chain"]
    prev, last = bytes.fromhex(_hex(chain["before"])), dict[str, int]()
    if not chain["rows"]:
        raise Broken("chain", "no rows", chain["first"])
    for number, item in enumerate(chain["rows"], start=chain["first"]):
        text = item["row"].encode()
        digest = hashlib.sha256(prev + text).digest()
        if digest.hex() != item["hash"]:
            raise Broken("chain", "the row is not what was written, or a row is missing before it", number)
        row = _object(text, "chain", number)
        if row["id"] != number:
            raise Broken("chain", "the row has another number", number)
        if row["monotonic_ms"] < last.get(row["boot"], 0):
            raise Broken("order", "within a boot, time runs backwards", number)
        last[row["boot"]] = row["monotonic_ms"]
        proof.rows.append(row)
        proof.hashes[number] = item["hash"]
        prev = digest
    proof.hashes[chain["first"] - 1] = chain["before"]


def _seals(proof: Proof) -> None:
    """Each signed head names a row and its hash; the row before the first and the last row are signed for."""
    named = set()
    end = proof.rows[-1]["id"]
    for seal in proof.bundle["seals"]:
        statement = _bytes(seal["statement"])
        said = _object(statement, "seal")
        number = said["audit_id"]
        if number > end:
            raise Broken("seal", "rows are missing at the end: a signed head names more", end + 1)
        proof.who["seals"] = _signed("seal", proof.station, seal["signature"], statement, said["at"], number)
        if said["hash"] != proof.hashes.get(number) or said["trust"] not in TRUSTED:
            raise Broken("seal", "the signed head does not name this row", number)
        named.add(number)
    first = proof.bundle["chain"]["first"]
    if (first - 1 not in named) if first > 1 else proof.bundle["chain"]["before"] != "00" * 32:
        raise Broken("seal", "nothing signed leads to the first row", first)
    if end not in named:
        raise Broken("seal", "the last row is not signed for", end)


def _manifest(proof: Proof) -> None:
    manifest = _bytes(proof.bundle["manifest"])
    said = _object(manifest, "manifest")
    if said["schema"] != 1 or len(said["parts"]) != 1:
        raise Broken("manifest", "a manifest of another schema")
    at, signature = said["created_at"], proof.bundle["signature"]
    proof.who["manifest"] = _signed("manifest", proof.station, signature, manifest, at)
    proof.manifest = said | {name: said["parts"][0][name] for name in ("sha256", "size")}


def _enqueued(proof: Proof) -> None:
    """The one row that took the submission in follows the head which the manifest names."""
    mine = [row for row in proof.rows if row["submission_id"] == proof.manifest["submission_id"]]
    taken = [row for row in mine if row["event"] in ("enqueued", "imported")]
    if len(taken) != 1 or mine[0] is not taken[0]:
        raise Broken("enqueued", "not one row that takes the submission in, before all its others")
    row, detail = taken[0], taken[0]["detail"]
    digest = hashlib.sha256(_bytes(proof.bundle["manifest"])).hexdigest()
    said = (detail["manifest_sha256"], detail["sha256"], detail["size"], detail["tcn"])
    if said != (digest, *(proof.manifest[name] for name in ("sha256", "size", "tcn"))):
        raise Broken("enqueued", "the row speaks of another manifest", row["id"])
    if row["event"] == "enqueued" and proof.manifest["prev_audit"] != proof.hashes[row["id"] - 1]:
        raise Broken("enqueued", "the manifest names another row before it", row["id"])
    if row["event"] == "enqueued" and row.get("trust", "confirmed") not in TRUSTED:
        raise Broken("enqueued", "signed on a clock nobody vouched for", row["id"])


def _counter_signatures(proof: Proof) -> None:
    first = _bytes(proof.bundle["signature"])
    for counter in proof.bundle["counter_signatures"]:
        name = f"counter_signature {counter['n']}"
        signed_at, signature = counter["signed_at"], counter["signature"]
        proof.who[name] = _signed("counter_signature", proof.station, signature, first, signed_at)


def _receipt(proof: Proof) -> None:
    """The gateway signed for these bytes, and the row that says so names this receipt."""
    kept = proof.bundle["receipt"]
    rows = _mine(proof, "accepted")
    if kept is None:
        if rows:
            raise Broken("receipt", "a row speaks of a receipt that is not here", rows[0]["id"])
        return
    receipt = _bytes(kept["receipt"])
    said = _object(receipt, "receipt", strict=False)
    at = said["received_at"]
    proof.who["receipt"] = _signed("receipt", proof.gateway, kept["signature"], receipt, at)
    if said["custody"] is not True or any(said[name] != proof.manifest[name] for name in ECHOED):
        raise Broken("receipt", "the receipt is for another submission")
    digest = hashlib.sha256(receipt).hexdigest()
    if len(rows) != 1 or rows[0]["detail"]["receipt_sha256"] != digest:
        raise Broken("receipt", "no row speaks of this receipt", rows[0]["id"] if rows else None)


def _responses(proof: Proof) -> None:
    """Each answer is signed by the gateway, and each has its row; the digest stands for the content."""
    kept = [row for row in proof.rows if row["event"] == "response_kept"]
    rows = {row["detail"]["sha256"]: row for row in kept if row["detail"]["tcr"] == proof.manifest["tcn"]}
    for answer in proof.bundle["responses"]:
        row = rows.pop(answer["sha256"], None)
        if row is None or row["detail"]["seq"] != answer["seq"]:
            raise Broken("response", f"no row speaks of response {answer['seq']}")
        der = _bytes(answer["signature"])
        try:
            moment = take_apart(der).signing_time or _time(row["at"])
            proof.who[f"response {answer['seq']}"] = signer(
                der, bytes.fromhex(answer["sha256"]), proof.gateway, moment
            )
        except ValueError as error:
            raise Broken("response", f"response {answer['seq']}: {error}", row["id"]) from error
    if rows:
        first = min(row["id"] for row in rows.values())
        raise Broken("response", "a row speaks of a response that is not here", first)


def _transaction(proof: Proof, beside: bytes | None) -> None:
    inside = proof.bundle["transaction"]
    content = _bytes(inside["content"]) if "content" in inside else beside
    if content is not None:
        found = (hashlib.sha256(content).hexdigest(), len(content))
        if found != (proof.manifest["sha256"], proof.manifest["size"]):
            raise Broken("transaction", "these bytes are not the ones that were signed")
    proof.who["transaction"] = "checked" if content is not None else "not in the bundle"


def _steps(proof: Proof) -> list[dict[str, Any]]:
    name, tcn = proof.manifest["submission_id"], proof.manifest["tcn"]
    found = []
    for row in proof.rows:
        detail = row["detail"]
        if row["submission_id"] != name and detail.get("tcr") != tcn:
            continue
        who = detail.get("officer") or detail.get("operator") or detail.get("worker")
        by_gateway = row["event"] in ("accepted", "response", "response_kept")
        found.append(
            {
                "row": row["id"],
                "step": STEPS.get(row["event"], f"changed: {row['event']}"),
                "who": who or proof.who.get("receipt" if by_gateway else "manifest", ""),
                "at": row["at"],
                "boot": row["boot"],
                "monotonic_ms": row["monotonic_ms"],
                "trust": row.get("trust"),
                "what": {key: detail[key] for key in ("sha256", "state", "reason", "code") if key in detail},
            }
        )
    return found


def _mine(proof: Proof, event: str) -> list[dict[str, Any]]:
    name = proof.manifest["submission_id"]
    return [row for row in proof.rows if row["event"] == event and row["submission_id"] == name]


def _signed(
    link: str, trusted: Anchors, signature: str, content: bytes, at: str, row: int | None = None
) -> str:
    try:
        return signer(_bytes(signature), hashlib.sha256(content).digest(), trusted, _time(at))
    except ValueError as error:
        raise Broken(link, str(error), row) from error


def _object(data: bytes, link: str, row: int | None = None, *, strict: bool = True) -> dict[str, Any]:
    """A JSON object; strict: in the one canonical spelling (sorted keys, no spaces, no floats)."""
    try:
        value = json.loads(data)
        if not isinstance(value, dict):
            raise ValueError("not an object")
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except ValueError as error:
        raise Broken(link, "not JSON", row) from error
    if strict and text.encode("utf-8", "surrogatepass") != data:
        raise Broken(link, "not in canonical form", row)
    return value


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _hex(text: str) -> str:
    if len(text) != 64:
        raise ValueError("not a SHA-256")
    return text


def _time(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment
