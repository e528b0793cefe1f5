"""Is this really the finger that was asked for? In: candidate template and what was taken; out: a finding or None.

First version of the sequence check. Scores are those of `station.matching.match`; a finding is a reason to look and
to ask, never a decision about a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from station.friction_ridge import FGP, MinutiaTemplate
from station.matching.matcher import match

FOUND = 48.0
"""score from which a finding is raised: above SAME, because a booking makes over a hundred comparisons. No impostor
pair of the development sets or of the synthetic fingers reached it."""
CLEARLY = 1.5
"""times the score with its own roll that another finger must reach before the own one is doubted."""
ENOUGH = 15
"""minutiae an impression needs before its silence against its own roll says anything."""
DIFFERENT = 20.0
"""score under which two good impressions are hardly of one finger."""


@dataclass(frozen=True)
class SequenceFinding:
    """code: `sequence.repeated` (this finger was already taken as another), `sequence.swapped` (agrees with another
    position's impression, not with its own) or `sequence.disagrees` (does not agree with its own earlier
    impression, nor with any other); with_fgp: the position it agrees with, or its own for `disagrees`; score:
    with that position; own_score: best score with its own position's impressions, None when there are none."""

    code: str
    message: str
    advice: str
    fgp: FGP
    with_fgp: FGP
    score: float
    own_score: float | None


def wrong_finger(
    candidate: MinutiaTemplate, fgp: FGP, taken: Mapping[FGP, Sequence[MinutiaTemplate]]
) -> SequenceFinding | None:
    """Check a new single-finger impression (a roll, a plain, a slap's segment) said to be `fgp` (1 to 10) against
    what was taken so far, by single-finger position. None when nothing speaks against it."""
    scores = {
        position: best_score(candidate, templates) for position, templates in taken.items() if templates
    }
    own = scores.pop(fgp, None)
    other, score = max(scores.items(), key=lambda item: item[1], default=(fgp, 0.0))
    if score >= FOUND and (own is None or score > CLEARLY * own):
        return _agrees_with(fgp, other, score, own)
    if own is not None and own < DIFFERENT and _telling(candidate, taken[fgp]):
        return _disagrees(fgp, own)
    return None


def best_score(candidate: MinutiaTemplate, templates: Sequence[MinutiaTemplate]) -> float:
    """Highest score of the candidate with any of the templates; 0 for none."""
    return max((match(candidate, template) for template in templates), default=0.0)


def _telling(candidate: MinutiaTemplate, own: Sequence[MinutiaTemplate]) -> bool:
    return len(candidate) >= ENOUGH and max(len(template) for template in own) >= ENOUGH


def _agrees_with(fgp: FGP, other: FGP, score: float, own: float | None) -> SequenceFinding:
    code = "sequence.repeated" if own is None else "sequence.swapped"
    return SequenceFinding(
        code,
        f"this looks like the {name(other)}, not the {name(fgp)} (score {score:.0f})",
        f"Check which finger is on the glass, then take the {name(fgp)} again.",
        fgp,
        other,
        round(score, 1),
        None if own is None else round(own, 1),
    )


def _disagrees(fgp: FGP, own: float) -> SequenceFinding:
    return SequenceFinding(
        "sequence.disagrees",
        f"this does not agree with the {name(fgp)} taken before (score {own:.0f})",
        f"Compare both pictures; take the {name(fgp)} again, or its earlier impression.",
        fgp,
        fgp,
        round(own, 1),
        round(own, 1),
    )


def name(fgp: FGP) -> str:
    """`right index finger`, `left thumb`."""
    words = fgp.name.replace("PLAIN_", "").replace("_", " ").lower()
    return words if "thumb" in words else f"{words} finger"
