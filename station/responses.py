"""Reply bytes → what they say, in plain words. Bytes in, a Response out; it decides nothing and touches nothing.

EBTS 9.1 and 11.2: SRE (search done), ERRT (rejected), unsolicited notices; and our simulated bureau's SIMTEXT (late
second-stage text, see `records/tot/second_stage.py`). A reply belongs to our submission when its TCR (1.010) is our
TCN (1.009); without TCR it is for a person to place. A positive is a candidate for comparison, never an identity. A
negative says that this search found no candidate in that file, never that there is no record.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from station.errors import RecordError
from station.records import codes, tot
from station.records.decode import decode
from station.records.transaction import TaggedRecord, Transaction

MAX_BYTES = 32 * 2**20
"""A reply is text and at most a few photographs."""

SECOND_STAGE_TOT = "SIMTEXT"
UNSOLICITED = frozenset({"UHN", "ULM", "UBM", "RBN", "SPN"})
"""Unsolicited notices (EBTS 11.2): a hit, a latent or biometric match, Rap Back, special population."""

SEARCHES = frozenset({"SRE", "RPISR", "SRT", "TPRR"})
REJECTIONS = frozenset({"ERRT", "ERRA", "ERRI", "ERRL", "ERRB", "ERRR"})

_CODE = re.compile(r"\s*([A-Z]\d{4})\b[\s:,-]*")


class Outcome(enum.StrEnum):
    """What a reply amounts to, for the officer."""

    CANDIDATE = "candidate for comparison"
    NO_CANDIDATE = "no candidate in that file"
    REJECTED = "rejected"
    SECOND_STAGE = "second-stage text"
    UNSOLICITED = "unsolicited notice"
    UNDECIDED = "no clear result"


@dataclass(frozen=True)
class Message:
    """One message of 2.060. code: such as E0002 when the text begins with one; text: as received."""

    code: str | None
    text: str


@dataclass(frozen=True)
class Response:
    """What a reply says. Text is as received; `plain` makes it fit to show.

    tcn: the bureau's own control number; tcr: ours, or None; srf: the letter of 2.059; ucn, sid: record numbers
    of the candidate; rap_sheet: 2.075; transaction: all of it, bytes verbatim.
    """

    tot: str
    tcn: str
    tcr: str | None
    ori: str
    dat: str
    outcome: Outcome
    srf: str | None
    messages: tuple[Message, ...]
    ucn: tuple[str, ...]
    sid: tuple[str, ...]
    oca: str | None
    name: str | None
    rap_sheet: str | None
    transaction: Transaction

    @property
    def unsolicited(self) -> bool:
        """True when it answers nothing we sent: an unsolicited type, or no TCR."""
        return self.tot in UNSOLICITED or self.tcr is None

    def answers(self, tcn: str) -> bool:
        """True when it answers the submission with this control number."""
        return self.tcr is not None and self.tcr.strip() == tcn.strip()


def read(content: bytes) -> Response:
    """Read a reply.

    Raises RecordError: record.too_large, every code of `records.decode`, and record.not_a_response for a
    transaction that a station sends and a bureau does not, or one without Type-2 text.
    """
    if len(content) > MAX_BYTES:
        raise RecordError("record.too_large", f"a reply of {len(content)} bytes is not believable")
    txn = decode(content)
    kind = tot.by_tot(txn.tot)
    texts = txn.of_type(2)
    if (kind is not None and not kind.RESPONSE) or not texts:
        raise RecordError(
            "record.not_a_response",
            f"a {txn.tot or 'nameless'} transaction is not a reply",
            "keep it and tell the bureau",
        )
    return _response(txn, texts[0])


def _response(txn: Transaction, body: TaggedRecord) -> Response:
    messages = tuple(_message(items[0]) for items in body.rows(60) if items[0])
    return Response(
        tot=txn.tot,
        tcn=txn.tcn,
        tcr=txn.tcr,
        ori=txn.header.text(8) or "",
        dat=txn.header.text(5) or "",
        outcome=_outcome(txn.tot, body.text(59)),
        srf=body.text(59),
        messages=messages,
        ucn=_all(body, 14),
        sid=_all(body, 15),
        oca=body.text(9),
        name=body.text(18),
        rap_sheet=body.text(75),
        transaction=txn,
    )


def _message(text: str) -> Message:
    found = _CODE.match(text)
    return Message(found[1] if found else None, text)


def _all(record: TaggedRecord, number: int) -> tuple[str, ...]:
    return tuple(item for items in record.rows(number) for item in items if item)


def _outcome(tot_name: str, srf: str | None) -> Outcome:
    if tot_name in REJECTIONS:
        return Outcome.REJECTED
    if tot_name == SECOND_STAGE_TOT:
        return Outcome.SECOND_STAGE
    if tot_name in UNSOLICITED:
        return Outcome.UNSOLICITED
    if tot_name not in SEARCHES:
        return Outcome.UNDECIDED
    finding = codes.SRF.get(srf or "")
    if finding in ("candidate", "possible"):
        return Outcome.CANDIDATE
    return Outcome.NO_CANDIDATE if finding == "none" else Outcome.UNDECIDED


_HEADLINES = {
    Outcome.CANDIDATE: "The search returned a candidate for comparison. It is not an identification: a trained person "
    "compares the prints before anything is done.",
    Outcome.NO_CANDIDATE: "This search returned no candidate in that file. That is not proof that there is no record.",
    Outcome.REJECTED: "The bureau rejected the submission. It is not on file there until corrected and sent anew.",
    Outcome.SECOND_STAGE: "A second message came with text from another search. Nothing follows from it by itself; "
    "a person must read it.",
    Outcome.UNSOLICITED: "The bureau sent a notice that was not asked for. A person must read it and find its booking.",
    Outcome.UNDECIDED: "The reply gives no clear result. A person must read it.",
}

_CLASSES = {
    "A": "the agency is not authorised for this transaction; whose move: the bureau and your agency's administrator",
    "E": "a field is missing or wrong; whose move: yours, correct the field and submit again",
    "H": "the header (Type-1) is wrong; whose move: the station's administrator",
    "L": "the prints or their order are the trouble; whose move: yours, look at the prints and take them again",
}
"""First letters of error codes (EFTS 7.0 appendix M; L from memory, not verified)."""


def plain(response: Response) -> list[str]:
    """Lines for the officer: what happened, whose move it is, then the bureau's own words, made safe to show."""
    lines = [_HEADLINES[response.outcome]]
    for message in response.messages:
        lines.append(f"The bureau says: {_shown(message.text)}")
        if message.code and response.outcome is Outcome.REJECTED and message.code[0] in _CLASSES:
            lines.append(f"{message.code} means: {_CLASSES[message.code[0]]}.")
    lines += [f"Record number to compare with (FBI, UCN): {_shown(number)}" for number in response.ucn]
    lines += [f"Record number to compare with (state, SID): {_shown(number)}" for number in response.sid]
    if response.rap_sheet:
        lines.append(f"A rap sheet of {len(response.rap_sheet)} characters came with it.")
    lines.append(_belongs(response))
    return lines


def _belongs(response: Response) -> str:
    if response.tcr is None:
        return "It names no submission of ours (no TCR): a person must find where it belongs."
    return f"It answers the submission {_shown(response.tcr)}."


def _shown(text: str) -> str:
    """Text on one line without control and direction characters, which could change a terminal or hide a word."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
