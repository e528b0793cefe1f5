"""The whole set against itself: is every impression of the finger it is said to be, and all of one person?

In: the impressions of a booking, and fingers that must not be among them (the officers'). Out: findings. One matrix of
all scores; officers first; then conflicts (sequence_blame.py) and the cheapest explanation of them; then words
(sequence_words.py). A weak impression gives `sequence.cannot_tell`, never an alarm. How it was measured and where it
ends: docs/sequence.md.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from station.friction_ridge import FGP, MinutiaTemplate
from station.matching import sequence_words as words
from station.matching.matcher import SAME, match
from station.matching.sequence import CLEARLY, FOUND
from station.matching.sequence_blame import Blame, Conflict, blame
from station.matching.sequence_types import OtherFinger, SequenceFinding, SetImpression

Scores = NDArray[np.float32]
Identify = Callable[[Sequence[MinutiaTemplate], Sequence[MinutiaTemplate]], Scores]

MINUTIAE = 16
"""an impression needs so many before its silence against its own finger says anything. chosen."""
QUALITY_PLAIN, QUALITY_ROLL = 50, 58
"""and so good a score, where one is given: ordinary synthetic plains lie from 57 up, rolls from 61."""
SILENT = ((93.5, 22.0), (91.0, 14.0))
"""(mean minutia quality from which, score under which) two telling impressions are of different fingers. Of 1,000 pairs
of different synthetic fingers two reach 22; every pair of ordinary touches of one finger lies above 70. Ordinary
synthetic impressions have a mean of 94 and more, half of the real development prints 92 and more (docs/sequence.md)."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a set says. impressions, others: as given; scores: float32 [n, n]; strange: float32 [n, m] with the
    others; officers: places of impressions that are somebody else's known finger; conflicts: between the rest."""

    impressions: Sequence[SetImpression]
    others: Sequence[OtherFinger]
    scores: Scores
    strange: Scores
    officers: frozenset[int] = frozenset()
    conflicts: tuple[Conflict, ...] = ()
    blamed: Blame = field(default=Blame(frozenset(), frozenset()))

    def own(self, i: int) -> float | None:
        """Best score with its own finger in another contact, None when there is none."""
        return self._own[i]

    @functools.cached_property
    def _own(self) -> tuple[float | None, ...]:
        fgp = np.array([one.fgp for one in self.impressions])
        source = np.array([one.source for one in self.impressions])
        mates = (fgp[:, None] == fgp) & (source[:, None] != source)
        best = np.where(mates, self.scores, -1.0).max(axis=1, initial=-1.0)
        return tuple(None if score < 0 else float(score) for score in best)

    def silent_under(self, i: int) -> float:
        """The score with its own finger under which this impression says that it is another one's; 0 where there is
        too little on it for its silence to mean anything."""
        one = self.impressions[i]
        wanted = QUALITY_ROLL if one.rolled else QUALITY_PLAIN
        if len(one.template) < MINUTIAE or (one.quality is not None and one.quality < wanted):
            return 0.0
        certain = float(one.template.quality.mean()) or SILENT[0][0]  # 0: not reported
        return next((score for least, score in SILENT if certain >= least), 0.0)


def check_set(
    impressions: Sequence[SetImpression],
    others: Sequence[OtherFinger] = (),
    *,
    identify: Identify | None = None,
) -> tuple[SequenceFinding, ...]:
    """All that speaks against a set, alarms first; empty when nothing does. identify: scores of all probes with a
    gallery in one call (default: this package's)."""
    seen = weigh(impressions, others, identify=identify or score_all)
    return (*words.officers(seen), *words.alarms(seen), *words.notes(seen))


def weigh(
    impressions: Sequence[SetImpression], others: Sequence[OtherFinger], *, identify: Identify
) -> Evidence:
    """Scores, conflicts and blame, without words."""
    templates = [one.template for one in impressions]
    scores = np.asarray(identify(templates, templates), np.float32).reshape(len(templates), len(templates))
    scores = np.maximum(scores, scores.T)
    strange = np.asarray(identify(templates, [one.template for one in others]), np.float32)
    seen = Evidence(impressions, others, scores, strange.reshape(len(templates), len(others)))
    officers = frozenset(np.flatnonzero(seen.strange.max(axis=1, initial=0.0) >= FOUND).tolist())
    seen = Evidence(impressions, others, scores, seen.strange, officers)
    conflicts = _conflicts(seen)
    edges = [(impressions[c.i].source, impressions[c.j].source) for c in conflicts]
    return Evidence(
        impressions, others, scores, seen.strange, officers, conflicts, blame(edges, _agreements(seen))
    )


def score_all(probes: Sequence[MinutiaTemplate], gallery: Sequence[MinutiaTemplate]) -> Scores:
    """float32 [p, g] by one comparison each; a set against itself is compared once a pair."""
    if probes is gallery:
        out = np.zeros((len(probes), len(probes)), np.float32)
        for i in range(len(probes)):
            for j in range(i):
                out[i, j] = out[j, i] = match(probes[i], probes[j])
        return out
    return np.array([[match(a, b) for b in gallery] for a in probes], np.float32)


def _conflicts(seen: Evidence) -> tuple[Conflict, ...]:
    """Pairs that look alike and should not, and pairs that should and do not; officers' fingers are left out."""
    places = [i for i in range(len(seen.impressions)) if i not in seen.officers]
    pairs = [(i, j) for i in places for j in places if j < i]
    crossed = [(i, j) for i, j in pairs if _looks_alike(seen, i, j)]
    often = Counter(_claims(seen, i, j) for i, j in crossed)
    alike = [
        Conflict(i, j, True, float(seen.scores[i, j]))
        for i, j in crossed
        if seen.scores[i, j] >= FOUND or often[_claims(seen, i, j)] > 1
    ]
    differ = [Conflict(i, j, False, float(seen.scores[i, j])) for i, j in pairs if _differ(seen, i, j)]
    return (*alike, *differ)


def _looks_alike(seen: Evidence, i: int, j: int) -> bool:
    """Said to be two fingers, but they agree, and much better than at least one of them with its own. Between SAME
    and FOUND such a pair counts only when another pair of the same two fingers says so too."""
    if seen.impressions[i].fgp == seen.impressions[j].fgp or seen.scores[i, j] < SAME:
        return False
    return bool(seen.scores[i, j] > CLEARLY * min(seen.own(i) or 0.0, seen.own(j) or 0.0))


def _claims(seen: Evidence, i: int, j: int) -> frozenset[FGP]:
    return frozenset((seen.impressions[i].fgp, seen.impressions[j].fgp))


def _differ(seen: Evidence, i: int, j: int) -> bool:
    a, b = seen.impressions[i], seen.impressions[j]
    if a.fgp != b.fgp or a.source == b.source:
        return False
    return bool(seen.scores[i, j] < min(seen.silent_under(i), seen.silent_under(j)))


def _agreements(seen: Evidence) -> dict[FGP, int]:
    """By contact, how many of its impressions agree with their own finger elsewhere."""
    return Counter(one.source for i, one in enumerate(seen.impressions) if (seen.own(i) or 0.0) >= SAME)
