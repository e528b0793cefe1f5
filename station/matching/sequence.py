"""Is this really the finger that was asked for? In: candidate template and what was taken; out: a finding or None.

`wrong_finger` looks at one impression as it is taken; `check_set` (sequence_set.py) at the whole set before it is
sent. Scores are those of `station.matching.match`; a finding is a reason to look and to ask, never a decision about
a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from station.friction_ridge import FGP, MinutiaTemplate
from station.matching.matcher import match
from station.matching.sequence_types import OtherFinger, SequenceFinding, SetImpression, name

__all__ = ["OtherFinger", "SequenceFinding", "SetImpression", "best_score", "name", "wrong_finger"]

FOUND = 48.0
"""score from which a finding is raised: above SAME, because a booking makes over a hundred comparisons. No impostor
pair of the development sets or of the synthetic fingers reached it."""
CLEARLY = 1.5
"""times the score with its own roll that another finger must reach before the own one is doubted."""
ENOUGH = 15
"""minutiae an impression needs before its silence against its own roll says anything."""
DIFFERENT = 20.0
"""score under which two good impressions are hardly of one finger."""


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
