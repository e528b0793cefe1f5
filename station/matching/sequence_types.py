"""What the sequence checks speak in: impressions of a set, contacts, findings. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from station.friction_ridge import FGP, MinutiaTemplate


@dataclass(frozen=True, eq=False)
class SetImpression:
    """One finger as one contact shows it. fgp: the finger it is said to be, 1 to 10; source: the position it was
    taken as (the finger itself for a roll, 11 to 15 for a plain or a finger of a slap); quality: 0 to 100, or None."""

    fgp: FGP
    source: FGP
    template: MinutiaTemplate
    quality: int | None = None

    @property
    def rolled(self) -> bool:
        """True for a contact of one of the ten positions, False for a plain one (FGP 11 to 15)."""
        return self.source <= FGP.LEFT_LITTLE


@dataclass(frozen=True, eq=False)
class OtherFinger:
    """A finger that must not be in the set, such as an officer's. label: what to call it to the officer."""

    label: str
    template: MinutiaTemplate


@dataclass(frozen=True)
class SequenceFinding:
    """What speaks against an impression, in words, with the evidence.

    code: `sequence.repeated` (a finger taken twice), `sequence.swapped` (agrees with another position's impression,
    not with its own), `sequence.hands_swapped` (a slap of the other hand, or hands exchanged),
    `sequence.disagrees` (two impressions of one position are of different fingers, and it cannot be said which is
    wrong), `sequence.other_person` (agrees with nothing in a set whose other impressions agree),
    `sequence.officer` (a finger of the gallery of others), `sequence.cannot_tell` (too little to compare).
    fgp: the position in doubt; with_fgp: the position it agrees with, its own where there is none; score: of the
    pair shown; own_score: best score with its own position's impressions, None when there are none.

    From `check_set` also: sources: the positions as taken (FGP 1 to 15) that are in doubt, to be taken again or
    kept with a reason; pair: the two impressions to look at side by side, as places in the sequence given (the
    second None where there is no second picture); alarm: False for what only informs; false_match_rate: how often
    two different fingers score as high as `score`, None where the finding is about a low score; label: of the
    gallery.
    """

    code: str
    message: str
    advice: str
    fgp: FGP
    with_fgp: FGP
    score: float
    own_score: float | None
    sources: tuple[FGP, ...] = ()
    pair: tuple[int, int | None] | None = None
    alarm: bool = True
    false_match_rate: float | None = None
    label: str = ""


def name(fgp: FGP) -> str:
    """`right index finger`, `left thumb`."""
    words = fgp.name.replace("PLAIN_", "").replace("_", " ").lower()
    return words if "thumb" in words else f"{words} finger"


def contact_name(source: FGP) -> str:
    """How a contact is called: `the roll of the right index finger`, `the right four fingers`."""
    if source <= FGP.LEFT_LITTLE:
        return f"the {name(source)}"
    if source in (FGP.PLAIN_RIGHT_FOUR, FGP.PLAIN_LEFT_FOUR):
        return f"the slap of the {'right' if source is FGP.PLAIN_RIGHT_FOUR else 'left'} four fingers"
    return "the plain of both thumbs" if source is FGP.PLAIN_THUMBS else f"the plain {name(source)}"
