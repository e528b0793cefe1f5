"""Which contacts of a set are wrong: conflicts between impressions in, the cheapest explanation out.

A contact is one placement on the glass: a roll, a plain thumb, a slap. Its fingers are tied together, so it is right
or wrong as a whole. Two impressions conflict when they look like one finger but are said to be two, or are said to be
one and are clearly not. Every conflict needs a wrong contact on one side; the explanation is the set of contacts
that covers all conflicts at the lowest cost (a minimum vertex cover). A contact that agrees with others as it should
is dear to blame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from station.friction_ridge import FGP

AGREEMENT = 4
"""what one agreement as it should be adds to the cost (1) of blaming a contact: more than a hand of rolls, less one."""


@dataclass(frozen=True)
class Conflict:
    """Impressions i and j (places in the set). alike: they look like one finger and are said to be two; else they are
    said to be one and do not agree."""

    i: int
    j: int
    alike: bool
    score: float


@dataclass(frozen=True)
class Blame:
    """certain: contacts wrong in every cheapest explanation; possible: those wrong in some of them."""

    certain: frozenset[FGP]
    possible: frozenset[FGP]

    @property
    def all(self) -> frozenset[FGP]:
        """Every contact in doubt."""
        return self.certain | self.possible


def blame(edges: Sequence[tuple[FGP, FGP]], agreements: Mapping[FGP, int]) -> Blame:
    """The cheapest explanations of conflicts between contacts. agreements: how many of a contact's impressions agree
    as they should. A contact that conflicts with itself (a finger twice in one slap) is certainly wrong."""
    itself = frozenset(a for a, b in edges if a == b)
    left = sorted({(min(a, b), max(a, b)) for a, b in edges if a not in itself and b not in itself})
    costs = {contact: 1 + AGREEMENT * agreements.get(contact, 0) for edge in left for contact in edge}
    covers: list[frozenset[FGP]] = []
    best = [sum(costs.values())]

    def search(chosen: frozenset[FGP], refused: frozenset[FGP], cost: int) -> None:
        if cost > best[0]:
            return
        edge = next((e for e in left if e[0] not in chosen and e[1] not in chosen), None)
        if edge is None:
            if cost < best[0]:
                covers.clear()
                best[0] = cost
            covers.append(chosen)
            return
        one, other = edge
        if one not in refused:
            search(chosen | {one}, refused, cost + costs[one])
        if other not in refused:
            search(chosen | {other}, refused | {one}, cost + costs[other])

    search(frozenset(), frozenset(), 0)
    certain = frozenset.intersection(*covers) if covers else frozenset()
    return Blame(certain | itself, frozenset().union(*covers) - certain)
