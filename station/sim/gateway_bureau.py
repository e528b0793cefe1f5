"""What the simulated bureau decides: whether it takes an upload, and what it answers. Bytes in, bytes out.

A state bureau stands here, with two simulated back ends behind it. None of it says anything about a real bureau: the
order of messages follows public descriptions, the contents are invented. Whether a search "finds" somebody is drawn
from the digest of the control number, so the same submission is always answered alike.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from offline_queue import vouched
from offline_queue.envelope import Manifest
from offline_queue.errors import QueueError, VaultError
from offline_queue.outward import Openers
from offline_queue.revocation import Revocation
from station.errors import RecordError, StationError
from station.records.decode import decode
from station.records.encode import encode
from station.records.findings import Finding, errors
from station.records.header import Header
from station.records.tot import errt, rpisr, second_stage, sre
from station.records.transaction import Transaction
from station.records.validate import validate


@dataclass(frozen=True)
class BackEnd:
    """A simulated system behind the bureau. name: as it signs its texts; since: the date this row was written."""

    name: str
    stage: str
    since: dt.date
    stands_for: str


BACK_ENDS = (
    BackEnd("SIMULATED FBI", "search", dt.date(2026, 11, 23), "the federal criminal search, answered first"),
    BackEnd(
        "SIMULATED DHS", "second", dt.date(2026, 11, 23), "a further federal search, answered later or never"
    ),
)
"""Dated, because real names change; these are not real systems."""


@dataclass(frozen=True)
class Rates:
    """How often a search returns a candidate, 0 to 1. second: rare (2.7 % of submissions, 2008 to 2011)."""

    search: float = 0.3
    second: float = 0.027


USUAL = Rates()


class Refusal(StationError):
    """The gateway takes no custody. `code` goes out as it is; `status` is the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        super().__init__(code, message)
        self.status = status


@dataclass(frozen=True)
class Upload:
    """The parts as they came, the transaction opened if it was sealed to us, and the id of the URL."""

    submission_id: str
    transaction: bytes
    manifest: bytes
    signature: bytes
    counter_signature: bytes = b""


def opened(openers: Openers, sealed: bytes, submission_id: str) -> bytes:
    """A transaction that came sealed, plain. Raises Refusal: sealed to another gateway, or damaged."""
    try:
        return openers.submission(sealed, submission_id)
    except VaultError as failure:
        raise Refusal(failure.code, failure.message) from failure


def accept(
    upload: Upload, station_ca: bytes, now: dt.datetime, revocation: Revocation | None = None
) -> tuple[Manifest, str]:
    """The manifest and who signed it, when everything fits together. Raises Refusal with a stable code. revocation:
    what the bureau knows of its stations' certificates.

    What the transaction says is only read here, not judged: findings are answered later with ERRT.
    """
    try:
        parts = (upload.manifest, upload.signature, upload.counter_signature)
        who = vouched.verify(*parts, station_ca, now, revocation)
    except QueueError as failure:
        raise Refusal(failure.code, failure.message) from failure
    manifest = who.manifest
    if manifest.submission_id != upload.submission_id:
        raise Refusal("id_mismatch", "the manifest names another submission")
    if (manifest.sha256, manifest.size) != (
        hashlib.sha256(upload.transaction).hexdigest(),
        len(upload.transaction),
    ):
        raise Refusal("digest_mismatch", "the transaction is not the one the manifest was signed for")
    try:
        txn = decode(upload.transaction)
    except RecordError as failure:
        raise Refusal("unreadable_transaction", f"{failure.code}: {failure.message}") from failure
    named = (manifest.tcn, manifest.tot, manifest.ori)
    if named != (txn.tcn, txn.tot, txn.header.text(8)):
        raise Refusal("manifest_mismatch", "TCN, TOT or ORI differ between manifest and transaction")
    return manifest, who.signer.subject


def findings(content: bytes, now: dt.datetime) -> tuple[Finding, ...]:
    """What the bureau would refuse in a transaction that it could read: errors only."""
    return errors(validate(decode(content), today=now.date()))


def compose(
    stage: str, content: bytes, number: int, now: dt.datetime, rates: Rates = USUAL
) -> tuple[str, bytes]:
    """TOT and bytes of the answer of a stage (`search` or `second`) to a submission. number: makes the TCN."""
    txn = decode(content)
    header = Header(
        tcn=f"SIMSIB-{now:%Y%m%d}-{number:06d}",
        dai=txn.header.text(8) or "UNKNOWN00",
        ori=txn.header.text(7) or "EXSIB0000",
        dat=now.date(),
        gmt=now,
        tcr=txn.tcn,
    )
    if stage == "second":
        answer = _second(header, txn, _drawn(txn.tcn, "second") < rates.second)
    else:
        wrong = findings(content, now)
        search = _rapid if txn.tot == "RPIS" else _search
        answer = (
            _rejection(header, txn, wrong)
            if wrong
            else search(header, txn, _drawn(txn.tcn, "search") < rates.search)
        )
    return answer.tot, encode(answer)


def _drawn(tcn: str, stage: str) -> float:
    """A number in [0, 1) that belongs to this control number and stage."""
    return int.from_bytes(hashlib.sha256(f"{stage}:{tcn}".encode()).digest()[:6]) / 2**48


def _echo(txn: Transaction) -> dict[str, str]:
    """Fields a bureau sends back as it got them: the case number and the controlling agency."""
    body = next(iter(txn.of_type(2)), None)
    rows = {} if body is None else {"OCA": body.rows(9), "CRI": body.rows(73)}
    return {name: each[0][0] for name, each in rows.items() if each and each[0][0].isascii()}


def _search(header: Header, txn: Transaction, found: bool) -> Transaction:
    name = BACK_ENDS[0].name
    if not found:
        return sre.build(header, {**_echo(txn), "SRF": "N", "MSG": [f"{name}: NO CANDIDATE IN THIS FILE"]})
    number = int(_drawn(txn.tcn, "number") * 10**6)
    return sre.build(
        header,
        {
            **_echo(txn),
            "SRF": "I",
            "FBI": f"SIM{number:06d}",
            "SID": f"XX{number:07d}",
            "MSG": [f"{name}: ONE CANDIDATE FOR COMPARISON"],
            "ERS": f"{name} RAP SHEET\r\nINVENTED FOR A TEST. DESCRIBES NOBODY.\r\nARRESTS: NONE ON FILE",
        },
    )


def _rapid(header: Header, txn: Transaction, found: bool) -> Transaction:
    """A colour: red for a candidate, green for none."""
    name = BACK_ENDS[0].name
    note = f"{name}: ONE CANDIDATE FOR COMPARISON" if found else f"{name}: NO CANDIDATE IN THIS FILE"
    return rpisr.build(header, {**_echo(txn), "SRF": "R" if found else "G", "NOT": note})


def _second(header: Header, txn: Transaction, found: bool) -> Transaction:
    name = BACK_ENDS[1].name
    what = (
        "ONE CANDIDATE FOR COMPARISON. THIS IS NOT A FINDING ABOUT THE PERSON"
        if found
        else "NO CANDIDATE IN THIS FILE"
    )
    return second_stage.build(
        header, [f"{name}: {what}", "TEXT OF A TEST SYSTEM. NO ACTION FOLLOWS FROM IT."], **_echo(txn)
    )


def _rejection(header: Header, txn: Transaction, wrong: tuple[Finding, ...]) -> Transaction:
    return errt.build(header, [_message(each) for each in wrong], **_echo(txn))


def _message(finding: Finding) -> str:
    text = f"{_error_class(finding)} {finding.field} {finding.message}"
    return "".join(each if " " <= each <= "~" else "?" for each in text.replace("×", "x")).upper()


def _error_class(finding: Finding) -> str:
    """The error classes of EFTS 7.0 appendix M."""
    if finding.field.startswith("1."):
        return "H0001"
    if finding.code in ("field.missing", "field.item_missing", "amp.unmarked_finger", "image.data_missing"):
        return "E0001"
    return "E0006" if finding.code.startswith(("image.", "amp.", "date.", "set.")) else "E0002"
