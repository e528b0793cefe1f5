"""Reply bytes → what they say, in plain words. Bytes in, a Response out; it decides nothing and touches nothing.

EBTS 9.1 and 11.2: SRE (search done), ERRT (rejected), RPISR, SRT, TPRR, unsolicited notices; and our simulated bureau's
SIMTEXT (late second-stage text, see `records/tot/second_stage.py`). A reply belongs to our submission when its TCR
(1.010) is our TCN (1.009); without TCR it is for a person to place. A positive is a candidate for comparison, never an
identity. A negative is worded "this search returned no candidate". Words: `responses_texts.py`.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterator
from dataclasses import dataclass

from station import responses_texts as texts
from station.errors import RecordError
from station.records import codes, decode, tot
from station.records.transaction import TaggedRecord, Transaction
from station.responses_reading import Explanation, code_of, explain

MAX_BYTES = 32 * 2**20
"""A reply is text and at most a few photographs."""

MAX_REPLIES = 100
"""How many replies one file may hold, one behind the other."""

SECOND_STAGE_TOT = "SIMTEXT"
UNSOLICITED = frozenset({"UHN", "ULM", "UBM", "RBN", "SPN"})
"""Unsolicited notices (EBTS 11.2): a hit, a latent or biometric match, Rap Back, special population."""

SEARCHES = frozenset({"SRE", "RPISR", "SRT", "TPRR"})
REJECTIONS = frozenset({"ERRT", "ERRA", "ERRI", "ERRL", "ERRB", "ERRR"})


class Outcome(enum.StrEnum):
    """What a reply amounts to, for the officer."""

    CANDIDATE = "candidate for comparison"
    NO_CANDIDATE = "this search returned no candidate"
    REJECTED = "rejected"
    SECOND_STAGE = "second-stage text"
    UNSOLICITED = "unsolicited notice"
    RAP_SHEET = "rap sheet"
    UNDECIDED = "no clear result"


@dataclass(frozen=True)
class Message:
    """One message of 2.060. code: such as E0002 when the text begins with one; text: as received."""

    code: str | None
    text: str

    @property
    def explanation(self) -> Explanation:
        """What it means when it stands in a rejection: fields and fingers it names, whose move, what to do."""
        return explain(self.code, self.text)


@dataclass(frozen=True)
class Candidate:
    """One of 2.064: record number and name as the bureau has them."""

    ucn: str
    name: str


@dataclass(frozen=True)
class Response:
    """What a reply says. Text is as received; `plain` makes it fit to show.

    tcn: the bureau's own control number; tcr: ours, or None; srf: the first letter of 2.059, srfs all of them (a
    combined reply has several Type-2 records); ucn, sid: record numbers to compare with; rap_sheet: 2.075; candidates:
    2.064, best first; notes: 2.071 and 2.088; case: 2.010, of a latent notice; photographs: how many Type-10 records;
    transaction: all of it, bytes verbatim.
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
    srfs: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]
    case: tuple[str, ...]
    photographs: int

    @property
    def unsolicited(self) -> bool:
        """True when it answers nothing we sent: an unsolicited type, or no TCR."""
        return self.tot in UNSOLICITED or self.tcr is None

    def answers(self, tcn: str) -> bool:
        """True when it answers the submission with this control number."""
        return self.tcr is not None and self.tcr.strip() == tcn.strip()

    def days_after(self, sent: dt.date) -> int | None:
        """Days from the submission to the date of the reply (1.005); None when that is no date."""
        digits = self.dat.strip()
        try:
            if len(digits) != 8 or not digits.isascii():
                return None
            return (dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:])) - sent).days
        except ValueError:
            return None


def read(content: bytes) -> Response:
    """Read a reply.

    Raises RecordError: record.too_large, every code of `records.decode`, and record.not_a_response for a
    transaction that a station sends and a bureau does not, or one without Type-2 text.
    """
    _check_size(content)
    txn = decode.decode(content)
    kind = tot.by_tot(txn.tot)
    bodies = txn.of_type(2)
    if (kind is not None and not kind.RESPONSE) or not bodies:
        raise RecordError(
            "record.not_a_response",
            f"a {txn.tot or 'nameless'} transaction is not a reply",
            "keep it and tell the bureau",
        )
    return _response(txn, bodies)


def read_all(content: bytes) -> tuple[Response, ...]:
    """Read a file in which a bureau put several replies one behind the other. Raises RecordError as `read`."""
    _check_size(content)
    found: list[Response] = []
    while content or not found:
        if len(found) == MAX_REPLIES:
            raise RecordError("record.too_large", f"more than {MAX_REPLIES} replies in one file")
        end = _end_of_first(content)
        found.append(read(content[:end]))
        content = content[end:]
    return tuple(found)


def _check_size(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise RecordError("record.too_large", f"a reply of {len(content)} bytes is not believable")


def _end_of_first(content: bytes) -> int:
    header, end = decode.header_of(content)
    for record_type in decode.contents_of(header):
        _, end = decode.record_at(content, end, record_type)
    return end


def _response(txn: Transaction, bodies: tuple[TaggedRecord, ...]) -> Response:
    letters = tuple(body.text(59) or "" for body in bodies)
    candidates = tuple(
        Candidate(row[0], row[1] if len(row) > 1 else "")
        for body in bodies
        for row in body.rows(64)
        if any(row)
    )
    return Response(
        tot=txn.tot,
        tcn=txn.tcn,
        tcr=txn.tcr,
        ori=txn.header.text(8) or "",
        dat=txn.header.text(5) or "",
        outcome=_outcome(txn.tot, letters, bool(candidates)),
        srf=next((each for each in letters if each), None),
        messages=tuple(Message(code_of(each), each) for each in _first_items(bodies, 60)),
        ucn=_all(bodies, 14),
        sid=_all(bodies, 15),
        oca=_first(bodies, 9),
        name=_first(bodies, 18),
        rap_sheet="\n".join(_all(bodies, 75)) or None,
        transaction=txn,
        srfs=tuple(each for each in letters if each),
        candidates=candidates,
        notes=(*_first_items(bodies, 71), *_first_items(bodies, 88)),
        case=_all(bodies, 10),
        photographs=sum(record.type == 10 for record in txn.records),
    )


def _first_items(bodies: tuple[TaggedRecord, ...], number: int) -> tuple[str, ...]:
    return tuple(row[0] for body in bodies for row in body.rows(number) if row[0])


def _all(bodies: tuple[TaggedRecord, ...], number: int) -> tuple[str, ...]:
    return tuple(item for body in bodies for row in body.rows(number) for item in row if item)


def _first(bodies: tuple[TaggedRecord, ...], number: int) -> str | None:
    return next((value for body in bodies if (value := body.text(number))), None)


def _outcome(tot_name: str, letters: tuple[str, ...], candidates: bool) -> Outcome:
    if tot_name in REJECTIONS:
        return Outcome.REJECTED
    if tot_name == SECOND_STAGE_TOT:
        return Outcome.SECOND_STAGE
    if tot_name in UNSOLICITED:
        return Outcome.UNSOLICITED
    if tot_name not in SEARCHES:
        return Outcome.UNDECIDED
    findings = {codes.SRF.get(letter) for letter in letters}
    if candidates or findings & {"candidate", "possible"}:
        return Outcome.CANDIDATE
    if tot_name == "TPRR":
        return Outcome.RAP_SHEET
    return Outcome.NO_CANDIDATE if findings == {"none"} else Outcome.UNDECIDED


def plain(response: Response, sent: dt.date | None = None) -> list[str]:
    """Lines for the officer: what happened, whose move it is, what to do, then the bureau's own words, made safe to
    show. sent: the day of the submission, to say when an answer is late."""
    return [*_meaning(response), *_bureau_words(response), *_belongs(response, sent)]


def _meaning(response: Response) -> Iterator[str]:
    if response.outcome is Outcome.REJECTED:
        yield texts.REJECTED
        return
    if len(response.srfs) > 1:
        yield texts.MANY_PARTS.format(count=len(response.srfs))
    for advice in _advice(response):
        yield advice.happened + ("" if advice.verified else f" ({texts.NOT_VERIFIED})")
        yield f"Whose move: {advice.move}."
        yield f"What to do: {advice.fix}"


def _advice(response: Response) -> list[texts.Advice]:
    """What the type says and what each letter says, each once, in that order."""
    found: list[texts.Advice] = []
    of_type = texts.TYPES.get(response.tot)
    if of_type is not None and (response.tot != "SRT" or response.candidates):
        found.append(of_type)
    searched = response.tot in SEARCHES
    for letter in response.srfs if searched else ():
        found.append(texts.RESULTS.get((response.tot, letter)) or _by_letter(letter))
    if not found:
        found.append(texts.CANDIDATE if response.outcome is Outcome.CANDIDATE else texts.NO_RESULT)
    return list(dict.fromkeys(found))


def _by_letter(letter: str) -> texts.Advice:
    finding = codes.SRF.get(letter)
    if finding in ("candidate", "possible"):
        return texts.CANDIDATE
    return texts.NO_CANDIDATE if finding == "none" else texts.RESULTS.get(("", letter), texts.NO_RESULT)


def _bureau_words(response: Response) -> Iterator[str]:
    for message in response.messages:
        yield f"The bureau says: {shown(message.text)}"
        if response.outcome is Outcome.REJECTED:
            yield from _rejection(message)
    for note in response.notes:
        yield f"The bureau notes: {shown(note)}"
    for rank, candidate in enumerate(response.candidates, 1):
        yield f"Candidate {rank} for comparison: {shown(candidate.ucn)} {shown(candidate.name)}".rstrip()
    for number in response.ucn:
        yield f"Record number to compare with (FBI, UCN): {shown(number)}"
    for number in response.sid:
        yield f"Record number to compare with (state, SID): {shown(number)}"
    if response.case:
        yield f"Case of the latent print: {shown(' '.join(response.case))}"
    if response.rap_sheet:
        yield f"A rap sheet of {len(response.rap_sheet)} characters came with it."
    if response.photographs:
        yield f"{response.photographs} photograph(s) came with it."


def _rejection(message: Message) -> Iterator[str]:
    told = message.explanation
    code = f" ({message.code})" if message.code else ""
    yield f"What happened: {told.happened}{code}" + ("" if told.verified else f" ({texts.NOT_VERIFIED})")
    yield f"Whose move: {told.move}."
    yield f"What to do: {shown(told.fix)}"


def _belongs(response: Response, sent: dt.date | None) -> Iterator[str]:
    days = None if sent is None else response.days_after(sent)
    if days is not None and days > 1:
        yield texts.LATE.format(days=days)
    elif days is not None and days < -1:  # a bureau in another time zone may be a day behind
        yield texts.EARLY
    yield texts.NO_TCR if response.tcr is None else texts.ANSWERS.format(tcr=shown(response.tcr))


def shown(text: str) -> str:
    """Text on one line without control and direction characters, which could change a terminal or hide a word."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
