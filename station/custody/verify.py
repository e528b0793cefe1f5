"""The checks: a custody bundle and public certificates in, what is proven or the first broken link out.

It imports nothing of the station but its neighbours `proof`, `revoked` and `values`, needs asn1crypto and cryptography,
no key, no network, no clock. The links are checked in the order of docs/verify/FORMAT.md, so that another verifier
names the same first broken one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from station.custody.proof import Anchors, Broken, signer, take_apart
from station.custody.revoked import RevocationList, look
from station.custody.values import read_bytes, read_hex, read_object, read_time

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
TOO_LATE = "it was signed after its certificate was revoked"
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
    lists: Sequence[RevocationList] = ()
    revoked: list[dict[str, Any]] = field(default_factory=list)
    not_covered: set[str] = field(default_factory=set)
    manifest_late: bool = False


def verify(
    data: bytes,
    station: Anchors,
    gateway: Anchors,
    transaction: bytes | None = None,
    lists: Sequence[RevocationList] = (),
) -> dict[str, Any]:
    """Check the bytes of a custody.json. Returns {"ok", "submission_id", "tcn", "steps", "signers", "revocation",
    "first_broken"}; first_broken is None or {"link", "row", "reason"}; revocation is None without lists, else {"lists",
    "revoked", "not_covered"}. transaction: the bytes of the file beside it, if there."""
    try:
        bundle = read_object(data, "format")
    except Broken as error:
        return _report(Proof({}, station, gateway, lists=lists), error)
    return verify_document(bundle, station, gateway, transaction, lists)


def verify_document(
    bundle: Mapping[str, Any],
    station: Anchors,
    gateway: Anchors,
    transaction: bytes | None = None,
    lists: Sequence[RevocationList] = (),
) -> dict[str, Any]:
    """The same for a document that was parsed."""
    proof, broken = Proof(bundle, station, gateway, lists=lists), None
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
        "revocation": _revocation(proof) if proof.lists else None,
        "steps": [] if broken else _steps(proof),
        "first_broken": broken and {"link": broken.link, "row": broken.row, "reason": broken.reason},
    }


def _revocation(proof: Proof) -> dict[str, Any]:
    return {
        "lists": len(proof.lists),
        "revoked": proof.revoked,
        "not_covered": sorted(proof.not_covered),
    }


def _format(proof: Proof) -> None:
    if (proof.bundle.get("format"), proof.bundle.get("version")) != (FORMAT, VERSION):
        raise Broken("format", "not a custody bundle of version 1")


def _chain(proof: Proof) -> None:
    """hash = SHA-256(hash before || text of the row); numbers without a gap; monotonic time within a boot."""
    chain = proof.bundle["chain"]
    prev, last = bytes.fromhex(read_hex(chain["before"])), dict[str, int]()
    if not chain["rows"]:
        raise Broken("chain", "no rows", chain["first"])
    for number, item in enumerate(chain["rows"], start=chain["first"]):
        text = item["row"].encode()
        digest = hashlib.sha256(prev + text).digest()
        if digest.hex() != item["hash"]:
            raise Broken("chain", "the row is not what was written, or a row is missing before it", number)
        row = read_object(text, "chain", number)
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
    """Each signed head names a row and its hash; the row before the first and the last row are signed for. One that was
    signed too late signs for nothing."""
    named = set()
    end = proof.rows[-1]["id"]
    for seal in proof.bundle["seals"]:
        statement = read_bytes(seal["statement"])
        said = read_object(statement, "seal")
        number = said["audit_id"]
        if number > end:
            raise Broken("seal", "rows are missing at the end: a signed head names more", end + 1)
        late = _signed(proof, "seals", "seal", seal["signature"], statement, said["at"], number)
        if said["hash"] != proof.hashes.get(number) or said["trust"] not in TRUSTED:
            raise Broken("seal", "the signed head does not name this row", number)
        named |= set() if late else {number}
    first = proof.bundle["chain"]["first"]
    if (first - 1 not in named) if first > 1 else proof.bundle["chain"]["before"] != "00" * 32:
        raise Broken("seal", "nothing signed leads to the first row", first)
    if end not in named:
        raise Broken("seal", "the last row is not signed for", end)


def _manifest(proof: Proof) -> None:
    manifest = read_bytes(proof.bundle["manifest"])
    said = read_object(manifest, "manifest")
    if said["schema"] != 1 or len(said["parts"]) != 1:
        raise Broken("manifest", "a manifest of another schema")
    at, signature = said["created_at"], proof.bundle["signature"]
    proof.manifest_late = _signed(proof, "manifest", "manifest", signature, manifest, at)
    proof.manifest = said | {name: said["parts"][0][name] for name in ("sha256", "size")}


def _enqueued(proof: Proof) -> None:
    """The one row that took the submission in follows the head which the manifest names."""
    mine = [row for row in proof.rows if row["submission_id"] == proof.manifest["submission_id"]]
    taken = [row for row in mine if row["event"] in ("enqueued", "imported")]
    if len(taken) != 1 or mine[0] is not taken[0]:
        raise Broken("enqueued", "not one row that takes the submission in, before all its others")
    row, detail = taken[0], taken[0]["detail"]
    digest = hashlib.sha256(read_bytes(proof.bundle["manifest"])).hexdigest()
    said = (detail["manifest_sha256"], detail["sha256"], detail["size"], detail["tcn"])
    if said != (digest, *(proof.manifest[name] for name in ("sha256", "size", "tcn"))):
        raise Broken("enqueued", "the row speaks of another manifest", row["id"])
    if row["event"] == "enqueued" and proof.manifest["prev_audit"] != proof.hashes[row["id"] - 1]:
        raise Broken("enqueued", "the manifest names another row before it", row["id"])
    if row["event"] == "enqueued" and row.get("trust", "confirmed") not in TRUSTED:
        raise Broken("enqueued", "signed on a clock nobody vouched for", row["id"])


def _counter_signatures(proof: Proof) -> None:
    """A manifest that was signed too late needs one that was not."""
    first, vouched = read_bytes(proof.bundle["signature"]), False
    for counter in proof.bundle["counter_signatures"]:
        name = f"counter_signature {counter['n']}"
        signed_at, signature = counter["signed_at"], counter["signature"]
        vouched |= not _signed(proof, name, "counter_signature", signature, first, signed_at)
    if proof.manifest_late and not vouched:
        raise Broken("manifest", TOO_LATE)


def _receipt(proof: Proof) -> None:
    """The gateway signed for these bytes, and the row that says so names this receipt."""
    kept = proof.bundle["receipt"]
    rows = _mine(proof, "accepted")
    if kept is None:
        if rows:
            raise Broken("receipt", "a row speaks of a receipt that is not here", rows[0]["id"])
        return
    receipt = read_bytes(kept["receipt"])
    said = read_object(receipt, "receipt", strict=False)
    at = said["received_at"]
    if _signed(proof, "receipt", "receipt", kept["signature"], receipt, at):
        raise Broken("receipt", TOO_LATE)
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
        der = read_bytes(answer["signature"])
        try:
            moment = take_apart(der).signing_time or read_time(row["at"])
            if _judged(proof, f"response {answer['seq']}", der, bytes.fromhex(answer["sha256"]), moment):
                raise ValueError(TOO_LATE)
        except ValueError as error:
            raise Broken("response", f"response {answer['seq']}: {error}", row["id"]) from error
    if rows:
        first = min(row["id"] for row in rows.values())
        raise Broken("response", "a row speaks of a response that is not here", first)


def _transaction(proof: Proof, beside: bytes | None) -> None:
    inside = proof.bundle["transaction"]
    content = read_bytes(inside["content"]) if "content" in inside else beside
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
    proof: Proof, name: str, link: str, signature: str, content: bytes, at: str, row: int | None = None
) -> bool:
    """As _judged, for a signature over these bytes. Broken when it does not hold."""
    try:
        return _judged(
            proof, name, read_bytes(signature), hashlib.sha256(content).digest(), read_time(at), row
        )
    except ValueError as error:
        raise Broken(link, str(error), row) from error


def _judged(
    proof: Proof, name: str, der: bytes, digest: bytes, at: dt.datetime, row: int | None = None
) -> bool:
    """Note who signed. True when a list says that his certificate was revoked by then. ValueError when it does not
    hold."""
    trusted = proof.gateway if name.startswith(("receipt", "response")) else proof.station
    who = signer(der, digest, trusted, at)
    proof.who[name] = who.subject
    if not proof.lists:
        return False
    found = look(proof.lists, who.path, trusted, who.moment)
    if not found.covered:
        proof.not_covered.add(name)
    if found.entry is not None:
        said = {"serial": f"{found.entry.serial:x}", "since": f"{found.entry.since:%Y-%m-%dT%H:%M:%SZ}"}
        proof.revoked.append({"signature": name, "row": row} | said)
    return found.too_late
