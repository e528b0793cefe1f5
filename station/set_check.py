"""The whole-set check of a booking: what was accepted in, what speaks against it and is still unanswered out.

The check itself is station.matching.sequence_set. An alarm is answered by taking an impression again, or by an
override with a reason and a second person; nothing is submitted while one is open. `officer_gallery` reads the
templates of officers' fingers from a folder, where a station has one; pictures are never kept there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from station import templates
from station.booking import Booking, Override, Segment
from station.booking_plan import fingers_of
from station.booking_store import Taken
from station.capture import cut
from station.errors import BookingError, SettingsError, StationError
from station.friction_ridge import FGP
from station.matching.sequence_set import check_set
from station.matching.sequence_types import OtherFinger, SequenceFinding, SetImpression, contact_name

_WHOLE_SET = "sequence."
_OFFICER = "sequence.officer"


def impressions_of(booking: Booking, taken: Mapping[FGP, Taken]) -> tuple[SetImpression, ...]:
    """Every finger of every accepted contact, a slap's fingers cut from it; in the order of `taken`."""
    accepted = booking.accepted
    return tuple(one for fgp, held in taken.items() for one in _fingers(accepted[fgp].segments, fgp, held))


def check_booking(
    booking: Booking, taken: Mapping[FGP, Taken], others: Sequence[OtherFinger] = ()
) -> tuple[SequenceFinding, ...]:
    """All findings about what was accepted, alarms first."""
    return (*check_set(impressions_of(booking, taken), others), *reader_changes(taken))


def reader_changes(taken: Mapping[FGP, Taken]) -> tuple[SequenceFinding, ...]:
    """`reader.swapped`, which only informs: the set was not taken with one reader. In the order of taking; a finding
    for each exchange, its sources the first contact before and after it."""
    order = sorted(taken.items(), key=lambda item: (item[1].impression.frame.wall, item[0]))
    found = []
    for (before, old), (after, new) in pairwise(order):
        one, other = old.impression.frame.reader, new.impression.frame.reader
        if one.id != other.id:
            message = f"the reader was exchanged during the set: {one.id} until {contact_name(before)}, then {other.id}"
            advice = "Check that both readers may be used for this booking; the record names each contact's reader."
            found.append(
                SequenceFinding(
                    "reader.swapped", message, advice, after, before, 0.0, None, (before, after), alarm=False
                )
            )
    return tuple(found)


def open_alarms(booking: Booking, findings: Sequence[SequenceFinding]) -> tuple[SequenceFinding, ...]:
    """The alarms that nobody has answered for the impressions accepted now."""
    return tuple(
        one
        for one in findings
        if one.alarm and not any(answers(booking, kept, one) for kept in booking.overrides)
    )


def answers(booking: Booking, kept: Override, finding: SequenceFinding) -> bool:
    """Does an override answer an alarm? It must be about one of its contacts as accepted now, and about the order of
    fingers, not about quality; for an officer's finger about exactly that."""
    attempt = booking.accepted.get(kept.fgp)
    if kept.fgp not in finding.sources or attempt is None or attempt.number != kept.attempt:
        return False
    if finding.code == _OFFICER:
        return kept.check == _OFFICER
    return kept.check.startswith(_WHOLE_SET)


def require_agreement(
    booking: Booking, taken: Mapping[FGP, Taken], others: Sequence[OtherFinger] = ()
) -> None:
    """Raises BookingError `booking.sequence_alarm` while an alarm is open."""
    alarms = open_alarms(booking, check_booking(booking, taken, others))
    if alarms:
        raise BookingError(
            "booking.sequence_alarm",
            "; ".join(one.message for one in alarms[:3]),
            "open Review: take the impression again, or keep it with a reason and a second person",
        )


def officer_gallery(folder: Path | None) -> tuple[OtherFinger, ...]:
    """Templates `NAME_FINGER.EXT` of a folder (any codec of station.templates), labelled NAME; none for no folder.

    Raises SettingsError `settings.officer_templates` for a missing folder or a file that is no template.
    """
    if folder is None:
        return ()
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
        return tuple(
            OtherFinger(file.stem.split("_")[0].replace("-", " "), templates.decode_any(file.read_bytes()))
            for file in files
        )
    except (OSError, StationError) as error:
        raise SettingsError(
            "settings.officer_templates",
            f"{folder}: {error}",
            "name a folder that holds only templates, or leave booking.officer_templates away",
        ) from error


def _fingers(segments: Sequence[Segment], fgp: FGP, held: Taken) -> list[SetImpression]:
    """A slap kept although its fingers could not be told apart has none."""
    quality, fingers = held.report.score, fingers_of(fgp)
    if len(fingers) == 1:
        return [SetImpression(fingers[0], fgp, held.template, quality)]
    return [SetImpression(one.fgp, fgp, cut(held.template, one.box), quality) for one in segments]
