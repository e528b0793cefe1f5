"""The simulated person at a simulated reader: kind of contact and lit lamps in, pixels on the platen out.

By default the person does what the lamps say, each time with a slightly different, ordinary touch. A script (JSON,
re-read at every placement, so it can be edited while the peer runs) lists deviations; see `Script`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from drivers.sim.finger import Finger, Platen, Rendering, Touch, render, render_slap, subject_finger


class ScriptError(ValueError):
    """The script is unreadable or says something unknown."""


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which placements are meant: those with exactly these lamps and this kind (None: any)."""

    lamps: tuple[int, ...] | None = None
    kind: str | None = None


class Deviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens instead. nth: only at the nth placement (from 1) with those lamps, of that kind where `when` names
    one; None: always. touch: values of `Touch` to put over the ordinary ones; other_person: their seed."""

    when: When = When()
    nth: int | None = None
    touch: dict[str, float] = {}
    use_positions: tuple[int, ...] | None = None
    other_person: int | None = None
    no_finger: bool = False


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """missing: positions 1-10 that the person does not have; placements: deviations, the first that fits counts."""

    missing: tuple[int, ...] = ()
    placements: tuple[Deviation, ...] = ()


@dataclass(frozen=True, eq=False)
class Placed:
    """What lies on the platen. positions: the fingers really put down; rendering: world truth, None for a slap."""

    pixels: NDArray[np.uint8]
    positions: tuple[int, ...]
    rendering: Rendering | None = None


class Painter(Protocol):
    """Draws fingers on a platen; the world's own by default, a cheap one in driver tests."""

    def __call__(
        self, seed: int, positions: Sequence[int], kind: str, platen: Platen, touch: Touch
    ) -> Placed: ...


def paint(seed: int, positions: Sequence[int], kind: str, platen: Platen, touch: Touch) -> Placed:
    """Fingers of the one synthetic world (drivers/sim/finger.py)."""
    fingers: list[Finger] = [subject_finger(seed, position) for position in positions]
    if kind == "slap" or len(fingers) > 1:
        return Placed(render_slap(fingers, platen, touch).pixels, tuple(positions))
    rendering = render(fingers[0], platen, "rolled" if kind == "roll" else "plain", touch)
    return Placed(rendering.pixels, tuple(positions), rendering)


_TOUCH_FIELDS = frozenset(field.name for field in fields(Touch))


class Person:
    """Someone with ten fingers, unless the script says otherwise. finger: put down where no lamp is lit;
    session: the day, so to speak: another one gives the same fingers in other touches, never the same pixels."""

    def __init__(
        self,
        seed: int,
        script: Path | None = None,
        painter: Painter = paint,
        finger: int = 2,
        session: int = 0,
    ) -> None:
        self.seed = seed
        self.finger = finger
        self.session = session
        self._script_path = script
        self.painter = painter
        self._seen: Counter[tuple[str, tuple[int, ...]]] = Counter()

    def place(self, kind: str, lamps: Sequence[int], width: int, height: int, ppi: int) -> Placed | None:
        """One placement on a platen of width x height pixels; None: nobody touches. Raises ScriptError."""
        script = self.script()
        wanted = tuple(sorted(lamps)) or (self.finger,)
        self._seen.update((("", wanted), (kind, wanted)))
        nth = self._seen["", wanted]
        deviation = _first_fitting(script, kind, wanted, (nth, self._seen[kind, wanted]))
        positions = tuple(p for p in deviation.use_positions or wanted if p not in script.missing)
        if kind == "roll":
            positions = positions[:1]
        if deviation.no_finger or not positions:
            return None
        seed = self.seed if deviation.other_person is None else deviation.other_person
        touch = self._touch(deviation, (self.seed, kind, wanted, nth, self.session))
        return self.painter(seed, positions, kind, Platen(width, height, ppi), touch)

    def script(self) -> Script:
        """The script as it stands now; an absent file is an empty script. Raises ScriptError."""
        if self._script_path is None or not self._script_path.exists():
            return Script()
        try:
            return msgspec.json.decode(self._script_path.read_bytes(), type=Script)
        except (msgspec.MsgspecError, OSError) as error:
            raise ScriptError(f"{self._script_path}: {error}") from error

    def grow_all(self, stop: Callable[[], bool]) -> None:
        """Grow the ten fingers ahead of need; they stay cached. Used by peer processes in the background."""
        for position in range(1, 11):
            if stop():
                return
            subject_finger(self.seed, position)

    def _touch(self, deviation: Deviation, moment: tuple[Any, ...]) -> Touch:
        """An ordinary touch, different at every moment, with the script's values put over it."""
        unknown = set(deviation.touch) - _TOUCH_FIELDS
        if unknown:
            raise ScriptError(f"touch has no {', '.join(sorted(unknown))}")
        chance = random.Random(repr(moment))
        values: dict[str, Any] = {
            "pressure": chance.uniform(0.45, 0.55),
            "moisture": chance.uniform(0.45, 0.55),
            "rotation_deg": chance.uniform(-4, 4),
            "dx_mm": chance.uniform(-0.6, 0.6),
            "dy_mm": chance.uniform(-0.6, 0.6),
            "seed": chance.randrange(1 << 31),
        }
        for name, value in deviation.touch.items():
            values[name] = int(value) if name in {"seed", "scars"} else value
        return Touch(**values)


def _first_fitting(script: Script, kind: str, lamps: tuple[int, ...], counts: tuple[int, int]) -> Deviation:
    """counts: which placement this is with these lamps, of any kind and of this kind."""
    for deviation in script.placements:
        when = deviation.when
        if when.lamps is not None and tuple(sorted(when.lamps)) != lamps:
            continue
        if when.kind is not None and when.kind != kind:
            continue
        if deviation.nth in (None, counts[0] if when.kind is None else counts[1]):
            return deviation
    return Deviation()
