"""What a bureau's letters, error codes and messages mean, as literal tables: what happened, whose move, what to do.

Nothing is decided here; `station.responses` looks the words up. No text calls a person found or cleared: a positive is
a candidate for comparison, a negative is "this search returned no candidate". Sources: M = EFTS 7.0 appendix M, table
M-1 (fbi.gov, public); V91 and I112 as in `records/fields.py`; P = practice of bureaus, in public livescan guides; mem
= from memory, no second source: shown with "not verified". docs/records-responses.md shows all of it.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass


class Move(enum.StrEnum):
    """Whose move it is."""

    OFFICER = "yours"
    ADMINISTRATOR = "the station's administrator"
    AGENCY = "your agency, with the bureau"
    BUREAU = "the bureau's"
    EXAMINER = "a trained fingerprint examiner's"
    NOBODY = "nobody's"


@dataclass(frozen=True)
class Advice:
    """happened: one sentence; move: who acts; fix: what that person does; source: where it is from."""

    happened: str
    move: Move
    fix: str
    source: str

    @property
    def verified(self) -> bool:
        """False when only memory says so."""
        return self.source != "mem"


_CORRECT = "Correct {fields} in the booking, check it, and submit again with a new control number."
_CALL = "Call the bureau's help desk with the control number of the submission."

ERRORS: dict[str, Advice] = {
    "A0001": Advice(
        "Your agency may not delete from the unsolved latent file.",
        Move.AGENCY,
        "Ask your agency's CJIS coordinator; do not send it again as it is.",
        "M",
    ),
    "A0004": Advice(
        "Your agency may not send this type of transaction.",
        Move.AGENCY,
        "Ask your agency's CJIS coordinator to have the type enabled for your ORI, then submit again.",
        "M",
    ),
    "A0008": Advice(
        "Your agency may not confirm an addition to the unsolved latent file.",
        Move.AGENCY,
        "Ask your agency's CJIS coordinator; do not send it again as it is.",
        "M",
    ),
    "A0009": Advice(
        "The change to the queue of latent searches was refused.",
        Move.AGENCY,
        "Ask the latent unit that owns the search.",
        "M",
    ),
    "E0001": Advice(
        "A field the bureau asks for is missing.", Move.OFFICER, "Fill in {fields} and submit again.", "M"
    ),
    "E0002": Advice("A field has a value the bureau does not take.", Move.OFFICER, _CORRECT, "M"),
    "E0003": Advice("A field has a value outside the range the bureau takes.", Move.OFFICER, _CORRECT, "M"),
    "E0004": Advice(
        "A record of the file cannot be read, or does not fit its length or the list of contents.",
        Move.ADMINISTRATOR,
        "Run `station record check` on the file and keep it; the file may have been damaged on the way.",
        "M",
    ),
    "E0005": Advice(
        "A field cannot be taken apart: a separator or a part of it is missing.",
        Move.ADMINISTRATOR,
        "Run `station record check` on the file; {fields} is where to look.",
        "M",
    ),
    "E0006": Advice(
        "Two fields contradict each other.",
        Move.OFFICER,
        "Compare {fields}, correct the wrong one, and submit again.",
        "M",
    ),
    "H0001": Advice(
        "A field of the header is missing.",
        Move.ADMINISTRATOR,
        "Fill in {fields} in the station's settings, then submit again.",
        "M",
    ),
    "H0002": Advice(
        "A field of the header has a value the bureau does not take.",
        Move.ADMINISTRATOR,
        "Correct {fields} in the station's settings, then submit again.",
        "M",
    ),
    "H0003": Advice(
        "A field of the header has a value outside the range the bureau takes.",
        Move.ADMINISTRATOR,
        "Correct {fields} in the station's settings or its clock, then submit again.",
        "M",
    ),
    "L0008": Advice(
        "The prints are too poor, or their order is wrong, for the bureau to work with them.",
        Move.OFFICER,
        "Take {fingers} again, check that each finger is in its place, and submit again.",
        "mem",
    ),
}
"""Codes that stand at the beginning of a message of 2.060. Words in braces are filled from the message."""

CLASSES: dict[str, Advice] = {
    "A": Advice(
        "Your agency is not authorised for this.",
        Move.AGENCY,
        "Ask your agency's CJIS coordinator before anything is sent again.",
        "M",
    ),
    "E": Advice("A field is missing or wrong.", Move.OFFICER, _CORRECT, "M"),
    "H": Advice(
        "The header of the file is wrong.",
        Move.ADMINISTRATOR,
        "Correct {fields} in the station's settings.",
        "M",
    ),
    "L": Advice(
        "The prints, or their order, are the trouble.",
        Move.OFFICER,
        "Look at {fingers}, take them again where poor or exchanged, and submit again.",
        "mem",
    ),
}
"""First letters of codes that are not in ERRORS."""


@dataclass(frozen=True)
class Family:
    """Messages that say the same in other words. pattern: searched in capitals, blanks as one."""

    name: str
    pattern: re.Pattern[str]
    advice: Advice


def _family(name: str, pattern: str, happened: str, move: Move, fix: str, source: str = "P") -> Family:
    return Family(name, re.compile(pattern), Advice(happened, move, fix, source))


FAMILIES: tuple[Family, ...] = (
    _family(
        "duplicate",
        r"\b(DUPLICATE (TCN|TRANSACTION|SUBMISSION|CONTROL)|TCN .{0,40}(ALREADY|NOT UNIQUE|USED)"
        r"|ALREADY (RECEIVED|PROCESSED))",
        "The bureau already has a submission with this control number.",
        Move.ADMINISTRATOR,
        "Do not send it again. Look for the answer to the first one; if there is none, "
        + _CALL[0].lower()
        + _CALL[1:],
    ),
    _family(
        "sequence",
        r"\b(OUT OF (SEQUENCE|ORDER)|SEQUENCE (ERROR|CHECK|VERIF)|FINGERS? (ARE )?(SWAPPED|TRANSPOSED|REVERSED)"
        r"|(WRONG|SWITCHED|REVERSED) HANDS?|HANDS? (ARE )?(SWITCHED|REVERSED|SWAPPED)"
        r"|(ROLL(ED|S)?|PLAIN) .{0,40}DO(ES)? NOT MATCH)",
        "A finger, or a hand, seems to be in the place of another one.",
        Move.OFFICER,
        "Compare the rolled prints with the plain ones, take {fingers} again in their right places, and submit again.",
    ),
    _family(
        "quality",
        r"\b((LOW|POOR|INSUFFICIENT|BAD|INADEQUATE|UNACCEPTABLE) .{0,30}"
        r"(QUALITY|RIDGE|DETAIL|PRINTS?|IMAGES?|IMPRESSIONS?)"
        r"|QUALITY .{0,40}(LOW|POOR|INSUFFICIENT|TOO|NOT|REJECT|BELOW)"
        r"|CHARACTERISTICS|UNCLASSIFIABLE|SMUDGED|ILLEGIBLE)",
        "The prints are too poor for the bureau to search with.",
        Move.OFFICER,
        "Take {fingers} again: clean, dry or moisten the finger, clean the platen, press lightly. Then submit again.",
    ),
    _family(
        "missing finger",
        r"\b(MISSING|ABSENT|NO) (FINGERS?|FINGERPRINTS?|PRINTS?|IMAGES?|ROLLED|PLAIN|IMPRESSIONS?)\b"
        r"|\b(FINGERS?|IMAGES?|PRINTS?|IMPRESSIONS?) .{0,20}(MISSING|NOT (PRESENT|PROVIDED|SUPPLIED|INCLUDED))",
        "A finger was expected and did not come.",
        Move.OFFICER,
        "Take {fingers}, or mark what is amputated (XX) or cannot be printed (UP) in 2.084, and submit again.",
    ),
    _family(
        "amputation",
        r"\b(AMPUTAT|BANDAGE|UNABLE TO PRINT|\bAMP\b)",
        "The marks of missing fingers do not fit the prints.",
        Move.OFFICER,
        "Compare 2.084 with the prints: a finger that was printed has no mark, one that was not has one. Submit again.",
    ),
    _family(
        "image",
        r"\b(WSQ|COMPRESS|DECOMPRESS|DECODE|RESOLUTION|IMAGE (SIZE|DIMENSION|FORMAT|DATA)|PIXELS?|CORRUPT)",
        "An image cannot be used as it was sent: its size, its resolution or its compression.",
        Move.ADMINISTRATOR,
        "Run `station record check` on the file; if it finds nothing, give the file to the maker of the driver.",
    ),
    _family(
        "not authorised",
        r"\b(NOT AUTHORI[SZ]ED|UNAUTHORI[SZ]ED|(INVALID|UNKNOWN|INACTIVE|EXPIRED) ORI"
        r"|ORI .{0,30}(INVALID|UNKNOWN|INACTIVE|NOT (VALID|ON FILE|AUTHORI[SZ]ED)))",
        "The bureau does not know your agency for this, or it may not send it.",
        Move.AGENCY,
        "Check the ORI in 1.008 and 2.073 with your agency's CJIS coordinator before anything is sent again.",
    ),
    _family(
        "later",
        r"\b(TRY (AGAIN )?LATER|TEMPORAR|SYSTEM (UNAVAILABLE|ERROR|DOWN)|INTERNAL ERROR|TIME(D)? ?OUT|RESUBMIT LATER)",
        "The bureau could not work on it just now.",
        Move.BUREAU,
        "Nothing is wrong with the prints. Submit again later; if it comes back again, "
        + _CALL[0].lower()
        + _CALL[1:],
    ),
    _family(
        "missing field",
        r"\b(REQUIRED|MANDATORY|MISSING|NOT (SUPPLIED|PROVIDED|PRESENT|ENTERED)|MUST BE (ENTERED|PRESENT|SUPPLIED))\b",
        "Something the bureau asks for is missing.",
        Move.OFFICER,
        "Fill in {fields} and submit again.",
    ),
    _family(
        "invalid field",
        r"\b(INVALID|NOT VALID|INCORRECT|ILLEGAL|OUT OF RANGE|NOT A (DATE|NUMBER)"
        r"|TOO (LONG|SHORT)|INCONSISTENT|FUTURE DATE|UNKNOWN CODE)\b",
        "Something has a value the bureau does not take.",
        Move.OFFICER,
        _CORRECT,
    ),
)
"""Rejections without a code, or with one nobody knows: the first family that fits. From the words only."""

UNKNOWN_MESSAGE = Advice(
    "The bureau rejected the submission in words this station does not know.",
    Move.OFFICER,
    "Read the bureau's own words. If they do not say what to correct: " + _CALL[0].lower() + _CALL[1:],
    "P",
)

_ASK_EXAMINER = (
    "A trained person compares the prints before anything is done. Until then nothing follows from it; the numbers "
    "below say which record to compare with."
)
CANDIDATE = Advice(
    "The search returned a candidate for comparison. It is not an identification.",
    Move.EXAMINER,
    _ASK_EXAMINER,
    "V91",
)
NO_CANDIDATE = Advice(
    "This search returned no candidate. It says nothing about files that were not searched, and a later search may "
    "return one.",
    Move.NOBODY,
    "Go on with the booking; do not note more than that this search returned no candidate.",
    "V91",
)
NO_RESULT = Advice(
    "The reply gives no clear result.",
    Move.OFFICER,
    "Read the bureau's own words; if in doubt: " + _CALL,
    "P",
)

RESULTS: dict[tuple[str, str], Advice] = {
    ("SRE", "I"): CANDIDATE,
    ("SRE", "N"): NO_CANDIDATE,
    ("RPISR", "R"): Advice(
        "Red: the rapid search returned a likely candidate for comparison. It is not an identification.",
        Move.EXAMINER,
        "Follow your agency's rules for a red answer, for your safety too. The prints are compared, and a full set "
        "of ten is sent, before anything rests on it.",
        "V91",
    ),
    ("RPISR", "Y"): Advice(
        "Yellow: the rapid search returned a possible candidate for comparison. It is not an identification.",
        Move.EXAMINER,
        "Take the two fingers again, or a full set of ten, and submit; a trained person compares the prints.",
        "V91",
    ),
    ("RPISR", "G"): Advice(
        "Green: this search returned no candidate. The rapid files are a small part of all files.",
        Move.NOBODY,
        "Go on by your agency's rules; a full set of ten may still return a candidate.",
        "V91",
    ),
    ("", "C"): Advice(
        "The search was inconclusive.",
        Move.OFFICER,
        "Take the prints again and submit; or wait for the bureau.",
        "I112",
    ),
    ("", "D"): Advice(
        "The search was handed to a person at the bureau.",
        Move.BUREAU,
        "Wait: another answer follows.",
        "I112",
    ),
    ("", "Z"): Advice(
        "A disposition was posted; nothing was searched.", Move.NOBODY, "Nothing is to be done.", "I112"
    ),
    ("", "P"): Advice(
        "The bureau answered with the letter P, whose meaning no public source gives for this type.",
        Move.OFFICER,
        "Read the bureau's own words; if in doubt: " + _CALL,
        "mem",
    ),
    ("", "M"): Advice(
        "The bureau answered with the letter M, whose meaning no public source gives.",
        Move.OFFICER,
        "Read the bureau's own words; if in doubt: " + _CALL,
        "mem",
    ),
    ("", "X"): Advice(
        "The bureau answered with the letter X, whose meaning no public source gives.",
        Move.OFFICER,
        "Read the bureau's own words; if in doubt: " + _CALL,
        "mem",
    ),
}
"""(TOT, letter of 2.059) → advice; TOT empty: for every type. Others: CANDIDATE, NO_CANDIDATE or NO_RESULT."""

TYPES: dict[str, Advice] = {
    "SRT": Advice(
        "A list of candidates for comparison came, best first. None of them is an identification.",
        Move.EXAMINER,
        _ASK_EXAMINER,
        "V91",
    ),
    "TPRR": Advice(
        "The rap sheet that was asked for came. It belongs to the record number below, whoever was printed.",
        Move.OFFICER,
        "Compare name, date of birth and number with the request before it is put into a file.",
        "V91",
    ),
    "UHN": Advice(
        "Unasked: a later search at the bureau met a record your agency has an interest in.",
        Move.EXAMINER,
        "Find the booking it belongs to; a trained person compares before anything is done.",
        "mem",
    ),
    "ULM": Advice(
        "Unasked: a print of an unsolved case returned a record of yours as a candidate for comparison.",
        Move.EXAMINER,
        "Give it to the latent unit of the case named below; a trained person compares the prints.",
        "V91",
    ),
    "UBM": Advice(
        "Unasked: a search at the bureau returned a record of yours as a candidate for comparison.",
        Move.EXAMINER,
        "Find the booking it belongs to; a trained person compares before anything is done.",
        "mem",
    ),
    "RBN": Advice(
        "Unasked: Rap Back reports an event on a person your agency asked to be told about.",
        Move.AGENCY,
        "Give it to whoever placed the Rap Back subscription, and confirm that it is still justified.",
        "mem",
    ),
    "SPN": Advice(
        "Unasked: a notice about a person on a special list came.",
        Move.AGENCY,
        "Read the bureau's own words and follow your agency's rules for that list.",
        "mem",
    ),
    "SIMTEXT": Advice(
        "A second message came with text from another search. Nothing follows from it by itself.",
        Move.OFFICER,
        "A person must read it and decide; the station does nothing.",
        "docs/records.md: our simulated bureau's own convention",
    ),
}
"""What a reply of this type is, whatever its letter."""

REJECTED = "The bureau rejected the submission. It is not on file there until it is corrected and sent anew."
MANY_PARTS = "The reply holds {count} answers; each is shown in its turn."
LATE = "It is dated {days} days after the submission. Late answers happen; look whether something was done meanwhile."
EARLY = "It is dated before the submission: check the dates, and whether it answers another one."
NOT_VERIFIED = "not verified: this meaning is from memory"
NO_TCR = "It names no submission of ours (no TCR): a person must find where it belongs."
ANSWERS = "It answers the submission {tcr}."
NOT_NAMED = "the field the bureau names"
NO_FINGER_NAMED = "the fingers the bureau means (it names none: look at the poorest first)"

FORBIDDEN = (
    "no record",
    "identified",
    "match confirmed",
    "confirmed match",
    "positive match",
    "cleared",
    "guilty",
)
"""Words that no text of ours may hold; the bureau's own words are shown as they came."""


def own_texts() -> tuple[str, ...]:
    """Every sentence this station may say about a reply."""
    single = (CANDIDATE, NO_CANDIDATE, NO_RESULT, UNKNOWN_MESSAGE)
    tables = (*ERRORS.values(), *CLASSES.values(), *RESULTS.values(), *TYPES.values(), *single)
    advice = (*tables, *(each.advice for each in FAMILIES))
    plain = (REJECTED, MANY_PARTS, LATE, EARLY, NOT_VERIFIED, NO_TCR, ANSWERS, NOT_NAMED, NO_FINGER_NAMED)
    return (*(text for each in advice for text in (each.happened, each.fix, each.move)), *plain)
