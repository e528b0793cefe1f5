"""What is wrong, as the officer can mend it. In: Measures; out: QualityCause tuple, worst first.

Codes (stable): blank, no_ridges, inverted, too_little_area, tip_only, too_light, too_dry, too_wet, too_hard, smeared,
low_contrast, off_centre, double_touch, several_fingers, dirty_platen; `moved` needs two frames and comes from judge.py.
"""

from __future__ import annotations

from collections.abc import Callable

from station.friction_ridge import QualityCause
from station.imaging.quality import parameters as q
from station.imaging.quality.measures import Measures

Box = tuple[int, int, int, int]

ADVICE: dict[str, str] = {
    "blank": "Place the finger on the glass.",
    "no_ridges": "No ridges can be seen: clean the glass and the finger, then place it again.",
    "inverted": "The picture is light on dark: set the reader to dark ridges on a light ground.",
    "too_little_area": "Lay the finger down flat, up to the first joint.",
    "too_light": "Press a little harder.",
    "too_dry": "The finger is dry: rub it on the forehead or use a moist wipe, then press a little harder.",
    "too_wet": "The finger or the glass is wet: dry both and press less.",
    "too_hard": "Press less.",
    "smeared": "The finger slid: lift it, place it again and hold it still.",
    "low_contrast": "The picture is pale: clean the glass and press a little harder.",
    "tip_only": "Only the tip is on the glass: lay the finger down flat, up to the first joint.",
    "double_touch": "The finger came down twice: wipe the glass, place the finger once and hold it still.",
    "several_fingers": "More than one finger is on the glass: keep only the one that is asked for.",
    "dirty_platen": "Marks are on the glass beside the finger: wipe the glass.",
    "moved": "The finger moves: hold it still.",
    "off_centre": "Move the finger to the middle of the glass.",
}
"""Plain words for each code; translations are keyed by the code."""


def _ramp(value: float, harmless: float, grave: float) -> float:
    """0 at `harmless`, 1 at `grave`, linear between, whichever is larger."""
    return min(max((value - harmless) / (grave - harmless), 0.0), 1.0)


def _blurred(m: Measures) -> float:
    return m.contrast / max(m.ground - m.ink, 1.0)


def _pale(m: Measures) -> bool:
    return m.ink > q.LIGHT_INK * m.ground and m.duty < q.WET_DUTY


def _little(m: Measures) -> float:
    return _ramp(m.contact, q.AREA_WANTED, q.AREA_NOTHING)


def _light(m: Measures) -> float:
    return _ramp(m.duty, q.DRY_DUTY, 0.15) if _pale(m) and m.coherence >= q.DRY_COHERENCE else 0.0


def _dry(m: Measures) -> float:
    return _ramp(m.coherence, q.DRY_COHERENCE, 0.4) if m.duty < q.DRY_DUTY and not _is_smeared(m) else 0.0


def _wet(m: Measures) -> float:
    return _ramp(m.solid, q.WET_SOLID, 0.35)


def _hard(m: Measures) -> float:
    return _ramp(m.duty, q.WET_DUTY, 0.8) if m.solid < q.WET_SOLID and not _is_smeared(m) else 0.0


def _is_smeared(m: Measures) -> bool:
    return (
        _blurred(m) < q.SMEAR_CONTRAST
        and m.solid < 0.15
        and m.duty < q.SMEAR_DUTY
        and m.ground - m.ink > q.LOW_SPAN
    )


def _smeared(m: Measures) -> float:
    return _ramp(_blurred(m), q.SMEAR_CONTRAST, 0.04) if _is_smeared(m) else 0.0


def _low_contrast(m: Measures) -> float:
    return _ramp(m.ground - m.ink, q.LOW_SPAN, 20.0)


def _no_ridges(m: Measures) -> float:
    return 1.0 if m.coherence < q.NO_RIDGES else 0.0


def _tip(m: Measures) -> float:
    return _ramp(m.squat, q.TIP_SQUAT, 0.5) if m.contact < q.TIP_AREA else 0.0


def _double(m: Measures) -> float:
    return _ramp(m.double, q.DOUBLE_SHARE, 0.35)


def _several(m: Measures) -> float:
    return 1.0 if m.second >= max(q.SECOND_AREA, q.SECOND_SHARE * m.contact) else 0.0


def _dirty(m: Measures) -> float:
    return _ramp(m.residue, q.RESIDUE_SHARE, 0.4)


RULES: dict[str, Callable[[Measures], float]] = {
    "no_ridges": _no_ridges,
    "too_little_area": _little,
    "too_light": _light,
    "too_dry": _dry,
    "too_wet": _wet,
    "too_hard": _hard,
    "smeared": _smeared,
    "low_contrast": _low_contrast,
    "tip_only": _tip,
    "double_touch": _double,
    "several_fingers": _several,
    "dirty_platen": _dirty,
}
"""Severity 0 to 1 of each cause; off_centre has a place, so it stands apart."""


def cut_off(m: Measures) -> tuple[str, float]:
    """The side where ridges run off the picture, and how badly; ("", 0) when none or opposite sides alike.

    The bottom does not count: a finger goes on there.
    """
    pairs = (
        ("left", m.edge_left, m.edge_right),
        ("right", m.edge_right, m.edge_left),
        ("top", m.edge_top, m.edge_bottom),
    )
    side, near, far = max(pairs, key=lambda s: s[1])
    lopsided = near > q.EDGE and far < near / 3
    return (side, _ramp(near, q.EDGE, 0.6)) if lopsided else ("", 0.0)


def find(m: Measures, where: Callable[[str], Box | None]) -> tuple[QualityCause, ...]:
    """Causes with severity, worst first. `where(code or side)` gives a box in the picture or None."""
    if m.area < q.AREA_NOTHING:
        return _without_finger(m, where)
    if m.inverted:
        return (cause("inverted", 1.0, where("inverted")),)
    found = [cause(code, severity(m), where(code)) for code, severity in RULES.items() if severity(m) > 0]
    side, severity = cut_off(m)
    if severity > 0:
        found.append(cause("off_centre", severity, where(side)))
    return tuple(sorted(found, key=lambda c: -c.severity))


def _without_finger(m: Measures, where: Callable[[str], Box | None]) -> tuple[QualityCause, ...]:
    """An empty platen, clean or not, or something that is no finger."""
    if m.texture > q.TEXTURE:
        return (cause("no_ridges", 1.0),)
    empty = cause("blank", 1.0)
    return (empty, cause("dirty_platen", _dirty(m), where("dirty_platen"))) if _dirty(m) > 0 else (empty,)


def cause(code: str, severity: float, box: Box | None = None) -> QualityCause:
    """A cause with its advice."""
    return QualityCause(code, round(severity, 3), ADVICE[code], box)
