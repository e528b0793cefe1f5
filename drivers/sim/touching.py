"""A finger that comes and goes at a simulated reader which is only looked at: a person and the time in, what lies there
out. For peers whose wire has no `await finger`: the person acts by the clock, beginning when somebody looks."""

from __future__ import annotations

from drivers.sim.person import Person, Placed

# Seconds, at speed 1.
DOWN_S = 0.3  # from the first look at a free platen
AWAY_S = 1.0  # after a lift
HOLD_S = 5.0  # when nobody takes an image
LIFT_AFTER_S = 0.3  # after the image was taken


class Touching:
    """size: width and height in pixels of what the person touches; speed divides the person's delays."""

    def __init__(self, person: Person, size: tuple[int, int], ppi: int, speed: float = 1.0) -> None:
        self.person = person
        self.size = size
        self.ppi = ppi
        self._speed = speed
        self._down_at: float | None = None
        self._up_at = 0.0
        self._back_at = 0.0
        self._placed: Placed | None = None

    def look(self, now: float) -> Placed | None:
        """What lies there now; None: nothing. Raises ScriptError."""
        if self._down_at is not None and now >= self._up_at:
            self._placed = self._down_at = None
            self._back_at = now + AWAY_S / self._speed
        if self._down_at is None:
            self._down_at = max(now, self._back_at) + DOWN_S / self._speed
            self._up_at = self._down_at + HOLD_S / self._speed
        elif self._placed is None and now >= self._down_at:
            self._placed = self.person.place("plain", (), *self.size, self.ppi)
            if self._placed is None:
                self._down_at = None  # nobody came; perhaps at the next look
        return self._placed

    def taken(self, now: float) -> None:
        """The image was fetched: the person soon lifts the finger."""
        self._up_at = min(self._up_at, now + LIFT_AFTER_S / self._speed)
