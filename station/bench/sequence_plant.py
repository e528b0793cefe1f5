"""Sets put together from a pool, clean or with one planted mistake. In: Draw and the kind; out: Plant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from station.bench.sequence_pool import Contact, Key, Pool
from station.friction_ridge import FGP, SLAP_FINGERS
from station.matching.sequence_types import OtherFinger, SetImpression

RIGHT, LEFT = (1, 2, 3, 4, 5), (6, 7, 8, 9, 10)
MISSING_SHARE = 0.1
"""of the sets lack one or two fingers."""
_PLAINS = (FGP.PLAIN_RIGHT_FOUR, FGP.PLAIN_LEFT_FOUR, FGP.PLAIN_RIGHT_THUMB, FGP.PLAIN_LEFT_THUMB)


class Draw:
    """A seeded source of sets: who, which session of each contact, which fingers are missing."""

    def __init__(self, pool: Pool, poor_share: float, seed: int) -> None:
        self.pool = pool
        self._poor = poor_share
        self.rng = np.random.Generator(np.random.PCG64([seed, round(poor_share * 1000)]))

    def person(self) -> int:
        return int(self.rng.integers(self.pool.people))

    def another(self, person: int) -> int:
        """The next person: so the pairs of people, and with them the comparisons, stay few."""
        return (person + 1) % self.pool.people

    def session(self) -> int:
        if self.rng.random() < self._poor:
            return self.pool.poor
        return int(self.rng.integers(self.pool.poor))

    def fingers(self) -> set[int]:
        """The fingers that this set has."""
        gone = int(self.rng.integers(1, 3)) if self.rng.random() < MISSING_SHARE else 0
        return set(range(1, 11)) - set(self.rng.permutation(10)[:gone].tolist() if gone else ()) - {0}

    def of(self, *choices: int) -> int:
        return int(choices[int(self.rng.integers(len(choices)))])


@dataclass
class Plan:
    """What each contact really shows. rolls: claimed finger → (person, finger); plains: source → claimed finger →
    (person, finger); again: rolls that are never of session 0, which the gallery holds."""

    rolls: dict[int, tuple[int, int]]
    plains: dict[int, dict[int, tuple[int, int]]]
    others: list[tuple[str, Key]] = field(default_factory=list)
    again: set[int] = field(default_factory=set)
    wrong: set[int] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class Plant:
    """A set as the check gets it; wrong: the positions (FGP 1 to 15) that are not what they are said to be, with those
    they were exchanged for."""

    impressions: list[SetImpression]
    others: list[OtherFinger]
    wrong: frozenset[int]


def planted(draw: Draw, kind: str) -> Plant:
    """One set with a mistake of this kind, or `clean`."""
    person, fingers = draw.person(), draw.fingers()
    plan = Plan(
        {f: (person, f) for f in sorted(fingers)},
        {
            int(source): {int(f): (person, int(f)) for f in SLAP_FINGERS[source] if int(f) in fingers}
            for source in _PLAINS
        },
    )
    _with_officer(draw, plan, person)
    if kind != "clean":
        KINDS[kind](draw, plan, person)
    return _made(draw, plan)


def _made(draw: Draw, plan: Plan) -> Plant:
    impressions = [
        one
        for claimed, (person, finger) in plan.rolls.items()
        for one in _one(
            draw, claimed, claimed, (person, finger, "roll"), max(draw.session(), int(claimed in plan.again))
        )
    ]
    for source, shown in plan.plains.items():
        session = draw.session()  # a slap is one touch
        for claimed, (person, finger) in shown.items():
            impressions += _one(draw, claimed, source, (person, finger, "plain"), session)
    held = draw.pool.held
    others = [OtherFinger(label, held[key].template) for label, key in plan.others if key in held]
    return Plant(impressions, others, frozenset(plan.wrong))


def _one(
    draw: Draw, claimed: int, source: int, shows: tuple[int, int, Contact], session: int
) -> list[SetImpression]:
    held = draw.pool.held.get(Key(*shows, session))
    return [] if held is None else [SetImpression(FGP(claimed), FGP(source), held.template, held.quality)]


def _with_officer(draw: Draw, plan: Plan, person: int) -> None:
    """A gallery of one officer's ten fingers: rolls of another person."""
    officer = (person + 2) % draw.pool.people
    plan.others += [("an officer", Key(officer, finger, "roll", 0)) for finger in range(1, 11)]


def _two(draw: Draw, plan: Plan, among: tuple[int, ...] = RIGHT + LEFT) -> tuple[int, int]:
    """Two fingers that the set has; the missing ones are put back where too few are left."""
    there = [f for f in among if f in plan.rolls]
    one, other = (int(f) for f in draw.rng.permutation(there)[:2])
    return one, other


def _rolls_swapped(draw: Draw, plan: Plan, person: int) -> None:  # noqa: ARG001
    one, other = _two(draw, plan)
    plan.rolls[one], plan.rolls[other] = plan.rolls[other], plan.rolls[one]
    plan.wrong |= {one, other}


def _neighbours_swapped(draw: Draw, plan: Plan, person: int) -> None:  # noqa: ARG001
    one, other = _two(draw, plan, RIGHT if draw.of(0, 1) else LEFT)
    plan.rolls[one], plan.rolls[other] = plan.rolls[other], plan.rolls[one]
    plan.wrong |= {one, other}


def _rolled_twice(draw: Draw, plan: Plan, person: int) -> None:  # noqa: ARG001
    one, other = _two(draw, plan)
    plan.rolls[one] = plan.rolls[other]
    plan.wrong |= {one}


def _roll_hands_exchanged(draw: Draw, plan: Plan, person: int) -> None:  # noqa: ARG001
    before = dict(plan.rolls)
    for f in list(plan.rolls):
        mirror = f + 5 if f <= 5 else f - 5
        plan.rolls[f] = (before[f][0], mirror)
    plan.wrong |= {*plan.rolls}


def _mirrored(plan: Plan, person: int, source: int, hand: tuple[int, ...]) -> None:
    """A slap of the other hand: its fingers lie in the opposite order under the claimed positions."""
    claimed = list(plan.plains[source])
    shown = [f for f in hand[1:] if f in plan.rolls][: len(claimed)]
    plan.plains[source] = {c: (person, f) for c, f in zip(claimed, reversed(shown), strict=False)}
    plan.wrong |= {source}


def _slaps_swapped(draw: Draw, plan: Plan, person: int) -> None:  # noqa: ARG001
    _mirrored(plan, person, FGP.PLAIN_RIGHT_FOUR, LEFT)
    _mirrored(plan, person, FGP.PLAIN_LEFT_FOUR, RIGHT)


def _same_hand_twice(draw: Draw, plan: Plan, person: int) -> None:
    if draw.of(0, 1):
        _mirrored(plan, person, FGP.PLAIN_RIGHT_FOUR, LEFT)
    else:
        _mirrored(plan, person, FGP.PLAIN_LEFT_FOUR, RIGHT)


def _thumbs_swapped(draw: Draw, plan: Plan, person: int) -> None:  # noqa: ARG001
    plan.rolls |= {1: (person, 1), 6: (person, 6)}  # a set without one of them has nothing to exchange
    plan.plains[FGP.PLAIN_RIGHT_THUMB] = {1: (person, 6)}
    plan.plains[FGP.PLAIN_LEFT_THUMB] = {6: (person, 1)}
    plan.wrong |= {int(FGP.PLAIN_RIGHT_THUMB), int(FGP.PLAIN_LEFT_THUMB)}


def _other_roll(draw: Draw, plan: Plan, person: int) -> None:
    one, _ = _two(draw, plan)
    plan.rolls[one] = (draw.another(person), one)
    plan.wrong |= {one}


def _other_slap(draw: Draw, plan: Plan, person: int) -> None:
    source = draw.of(FGP.PLAIN_RIGHT_FOUR, FGP.PLAIN_LEFT_FOUR)
    plan.plains[source] = {claimed: (draw.another(person), claimed) for claimed in plan.plains[source]}
    plan.wrong |= {source}


def _officers_roll(draw: Draw, plan: Plan, person: int) -> None:
    one, _ = _two(draw, plan)
    officer = (person + 2) % draw.pool.people
    plan.rolls[one] = (officer, draw.of(*RIGHT, *LEFT))
    plan.again |= {one}
    plan.wrong |= {one}


KINDS: dict[str, Callable[[Draw, Plan, int], None]] = {
    "two rolls exchanged": _rolls_swapped,
    "exchanged on one hand": _neighbours_swapped,
    "a finger rolled twice": _rolled_twice,
    "hands of rolls exchanged": _roll_hands_exchanged,
    "slaps of hands exchanged": _slaps_swapped,
    "one hand slapped twice": _same_hand_twice,
    "plain thumbs exchanged": _thumbs_swapped,
    "another person's roll": _other_roll,
    "another person's slap": _other_slap,
    "an officer's finger rolled": _officers_roll,
}
"""Kinds of mistake; each changes a Plan and says which positions are wrong."""
