"""The evidence of a set in words for the officer: Evidence in, findings out. No decisions but which words fit."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from station.friction_ridge import FGP
from station.matching.matcher import SAME
from station.matching.sequence_blame import Conflict
from station.matching.sequence_types import SequenceFinding, contact_name, name

if TYPE_CHECKING:
    from station.matching.sequence_set import Evidence

LOOK = "Look at both pictures and at the hand on the glass."


def officers(seen: Evidence) -> Iterator[SequenceFinding]:
    """One finding for every impression that is a finger of the gallery of others."""
    for i in sorted(seen.officers):
        one, other = seen.impressions[i], int(seen.strange[i].argmax())
        score, label = float(seen.strange[i, other]), seen.others[other].label
        yield _finding(
            seen,
            "sequence.officer",
            f"{_on(seen, i)} looks like a finger of {label}",
            f"Take {contact_name(one.source)} again from the person being booked.",
            (i, None),
            (one.source,),
            score,
            sure=True,
            label=label,
        )


def alarms(seen: Evidence) -> Iterator[SequenceFinding]:
    """One finding for every slap in doubt, every pair of exchanged fingers, and every other contact in doubt."""
    told: set[FGP] = set()
    for source in sorted(seen.blamed.all, key=lambda source: (source <= FGP.LEFT_LITTLE, source)):
        if source in told:
            continue
        alike = [c for c in seen.conflicts if c.alike and source in _sources(seen, c)]
        if sum(1 for one in seen.impressions if one.source == source) > 1 and source != FGP.PLAIN_THUMBS:
            finding = _of_slap(seen, source, alike)
        elif alike:
            finding = _of_finger(seen, source, alike)
        else:
            finding = _silent(seen, source)
        told.update(finding.sources)
        yield finding


def notes(seen: Evidence) -> Iterator[SequenceFinding]:
    """What could not be compared, by finger; not alarms."""
    doubted = {c.i for c in seen.conflicts} | {c.j for c in seen.conflicts} | seen.officers
    for fgp in sorted({one.fgp for one in seen.impressions}):
        places = [i for i, one in enumerate(seen.impressions) if one.fgp == fgp]
        if doubted & set(places) or len({seen.impressions[i].source for i in places}) < 2:
            continue
        own = max(seen.own(i) or 0.0 for i in places)
        if own < SAME:
            yield _finding(
                seen,
                "sequence.cannot_tell",
                f"whether the impressions of the {name(fgp)} are of one finger cannot be told (score {own:.0f})",
                "Too little can be compared. Look at both pictures; take the weaker one again where time allows.",
                (places[0], places[1]),
                tuple(seen.impressions[i].source for i in places),
                own,
                alarm=False,
            )


def _of_slap(seen: Evidence, source: FGP, alike: list[Conflict]) -> SequenceFinding:
    """A slap is wrong as a whole: the other hand, the same hand twice, or another person's."""
    worst = max(alike, key=lambda c: c.score, default=None)
    if worst is None:
        return _silent(seen, source)
    mine, other = _mine_first(seen, source, worst)
    partners = {seen.impressions[_mine_first(seen, source, c)[1]].source for c in alike}
    hand = "left" if seen.impressions[other].fgp > FGP.RIGHT_LITTLE else "right"
    tail = f"agree with the {hand} hand" if hand not in contact_name(source) else "are in another order"
    exchanged = {p for p in partners if p in seen.blamed.all and p > FGP.LEFT_LITTLE}
    return _finding(
        seen,
        "sequence.hands_swapped",
        f"the fingers of {contact_name(source)} {tail} (score {worst.score:.0f})",
        f"Check which hand is on the glass. Take {contact_name(source)} again; if it is right, the rolls of "
        "that hand were taken from the other one.",
        (mine, other),
        (source, *sorted(exchanged - {source}), *sorted(p for p in partners if p <= FGP.LEFT_LITTLE)),
        worst.score,
        sure=True,
    )


def _of_finger(seen: Evidence, source: FGP, alike: list[Conflict]) -> SequenceFinding:
    """A roll or a plain thumb that is another finger of the set: taken twice, or exchanged."""
    best = max(alike, key=lambda c: (not _partner(seen, source, c) & seen.blamed.all, c.score))
    mine, other = _mine_first(seen, source, best)
    fgp, with_fgp = seen.impressions[mine].fgp, seen.impressions[other].fgp
    rivals = {
        one.source
        for i, one in enumerate(seen.impressions)
        if one.fgp == with_fgp and one.source in seen.blamed.all and one.rolled == (source <= FGP.LEFT_LITTLE)
    }
    twice = any(
        seen.impressions[_mine_first(seen, source, c)[1]].rolled == (source <= FGP.LEFT_LITTLE) for c in alike
    )
    if twice:
        unsure = source in seen.blamed.possible
        return _finding(
            seen,
            "sequence.repeated",
            f"{_on(seen, mine)} and {_on(seen, other)} are of one finger (score {best.score:.0f})",
            f"{LOOK} Take {'both' if unsure else contact_name(source)} again.",
            (mine, other),
            (source, seen.impressions[other].source) if unsure else (source,),
            best.score,
            sure=True,
        )
    return _finding(
        seen,
        "sequence.swapped",
        f"{_on(seen, mine)} agrees with the {name(with_fgp)}, not with the {name(fgp)} (score {best.score:.0f})",
        f"{LOOK} Take the {name(fgp)}{f' and the {name(with_fgp)}' if rivals else ''} again.",
        (mine, other),
        (source, *sorted(rivals - {source})),
        best.score,
        sure=True,
    )


def _silent(seen: Evidence, source: FGP) -> SequenceFinding:
    """It agrees with nothing: another person's where the rest speaks for the rest, else one of two."""
    against = [c for c in seen.conflicts if not c.alike and source in _sources(seen, c)]
    worst = min(against, key=lambda c: c.score)
    mine, other = _mine_first(seen, source, worst)
    sure = source in seen.blamed.certain
    partner = seen.impressions[other].source
    words = "agrees with no other impression of this set" if sure else "does not agree with"
    return _finding(
        seen,
        "sequence.other_person" if sure else "sequence.disagrees",
        f"{contact_name(source)} {words}{'' if sure else ' ' + contact_name(partner)} (score {worst.score:.0f})",
        f"{LOOK} Make sure that it is this person's; take {contact_name(source)} again"
        + ("." if sure else f", and if they still differ {contact_name(partner)}."),
        (mine, other),
        (source,) if sure else (source, partner),
        worst.score,
    )


def _finding(
    seen: Evidence,
    code: str,
    message: str,
    advice: str,
    pair: tuple[int, int | None],
    sources: tuple[FGP, ...],
    score: float,
    *,
    sure: bool = False,
    alarm: bool = True,
    label: str = "",
) -> SequenceFinding:
    first = seen.impressions[pair[0]]
    second = first if pair[1] is None else seen.impressions[pair[1]]
    own = seen.own(pair[0])
    return SequenceFinding(
        code,
        message[0].upper() + message[1:],
        advice,
        first.fgp,
        second.fgp,
        round(score, 1),
        None if own is None else round(own, 1),
        tuple(dict.fromkeys((*sources, *_equally(seen, sources)))),
        pair,
        alarm,
        _chance(score) if sure else None,
        label,
    )


def _equally(seen: Evidence, sources: tuple[FGP, ...]) -> list[FGP]:
    """The contacts that could be wrong instead of these, where the set does not say which."""
    found = set(sources) & seen.blamed.possible
    while True:
        more = {p for c in seen.conflicts if _sources(seen, c) & found for p in _sources(seen, c)}
        more = (more & seen.blamed.possible) - found
        if not more:
            return sorted(found)
        found |= more


def _chance(score: float) -> float | None:
    """How often two different fingers score as high, where the matcher's calibration is there to say so."""
    rate = getattr(importlib.import_module("station.matching"), "false_match_rate", None)
    return None if rate is None else float(rate(score))


def _on(seen: Evidence, i: int) -> str:
    """`the right index finger`, or `the right index finger on the slap of the right four fingers`."""
    one = seen.impressions[i]
    if one.rolled or one.source in (FGP.PLAIN_RIGHT_THUMB, FGP.PLAIN_LEFT_THUMB):
        return contact_name(one.source)
    return f"the {name(one.fgp)} on {contact_name(one.source)}"


def _sources(seen: Evidence, conflict: Conflict) -> set[FGP]:
    return {seen.impressions[conflict.i].source, seen.impressions[conflict.j].source}


def _partner(seen: Evidence, source: FGP, conflict: Conflict) -> set[FGP]:
    return _sources(seen, conflict) - {source}


def _mine_first(seen: Evidence, source: FGP, conflict: Conflict) -> tuple[int, int]:
    """The conflict's two places, the one of `source` first."""
    first = seen.impressions[conflict.i].source == source
    return (conflict.i, conflict.j) if first else (conflict.j, conflict.i)
