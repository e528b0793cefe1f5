"""A template as JSON, for scripts and the eye. In: MinutiaTemplate; out: str, and back.

`{"schema": 1, "width": …, "height": …, "ppi": …, "minutiae": [{"x", "y", "angle", "kind", "quality"}, …]}`;
units and directions as in MinutiaTemplate; kind is "ending", "bifurcation" or "other". Where they are known also
`"singular": [{"kind": "core" or "delta", "x", "y", "angle" or null, "quality"}, …]` and `"pattern"`, a code of
PatternClass.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from station.friction_ridge import (
    FGP,
    IMP,
    MinutiaKind,
    MinutiaTemplate,
    PatternClass,
    SingularPoint,
)
from station.templates.minutia_record import bad

NAME = "json"
SCHEMA = 1
MAX_SIDE = 100_000


def encode(template: MinutiaTemplate, *, fgp: FGP | int = 0, imp: IMP | int = 0, quality: int = 0) -> bytes:
    """UTF-8 JSON with a newline at the end."""
    names = {kind.value: kind.name.lower() for kind in MinutiaKind}
    rows = zip(template.x, template.y, template.angle, template.kind, template.quality, strict=True)
    minutiae = [
        {"x": round(float(x), 2), "y": round(float(y), 2), "angle": round(float(a), 2) % 360,
         "kind": names[int(k)], "quality": int(q)}
        for x, y, a, k, q in rows
    ]  # fmt: skip
    head = {"schema": SCHEMA, "width": template.width, "height": template.height, "ppi": template.ppi}
    finger = {"fgp": int(fgp), "imp": int(imp), "quality": quality}
    whole = {**head, **finger, "minutiae": minutiae, **_ridge_flow(template)}
    return (json.dumps(whole) + "\n").encode()


def _ridge_flow(template: MinutiaTemplate) -> dict[str, Any]:
    known: dict[str, Any] = {}
    if template.singular:
        known["singular"] = [
            {"kind": p.kind, "x": round(p.x, 2), "y": round(p.y, 2), "quality": round(p.quality, 3),
             "angle": None if p.angle is None else round(p.angle, 2) % 360}
            for p in template.singular
        ]  # fmt: skip
    if template.pattern is not None:
        known["pattern"] = template.pattern.value
    return known


def matches(data: bytes) -> bool:
    """Whether bytes could be JSON: the first that is no space is a brace."""
    return data[:256].lstrip()[:1] == b"{"


def decode(data: bytes) -> MinutiaTemplate:
    """Raises TemplateError template.not_json, template.bad_field."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise bad("not_json", f"not a JSON template: {error}") from error
    try:
        return _template(value)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise bad("bad_field", f"a field is missing or wrong: {error!r}") from error


def _template(value: Any) -> MinutiaTemplate:
    if value["schema"] != SCHEMA:
        raise ValueError(f"schema {value['schema']}")
    width, height, ppi = (_whole(value[key], 1, MAX_SIDE) for key in ("width", "height", "ppi"))
    rows = value["minutiae"]
    return MinutiaTemplate(
        width=width,
        height=height,
        ppi=ppi,
        x=np.array([_real(row["x"], width) for row in rows], np.float32),
        y=np.array([_real(row["y"], height) for row in rows], np.float32),
        angle=np.array([_real(row["angle"], 360) for row in rows], np.float32),
        kind=np.array([MinutiaKind[row["kind"].upper()] for row in rows], np.uint8),
        quality=np.array([_whole(row["quality"], 0, 100) for row in rows], np.uint8),
        singular=tuple(_singular(row, width, height) for row in value.get("singular", [])),
        pattern=PatternClass(value["pattern"]) if value.get("pattern") is not None else None,
    )


def _singular(row: Any, width: int, height: int) -> SingularPoint:
    if row["kind"] not in ("core", "delta"):
        raise ValueError(f"{row['kind']!r} is neither core nor delta")
    angle = row.get("angle")
    return SingularPoint(
        row["kind"],
        _real(row["x"], width),
        _real(row["y"], height),
        None if angle is None else _real(angle, 360),
        _real(row.get("quality", 1.0), math.nextafter(1.0, 2.0)),
    )


def _whole(value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{value!r} is not a whole number from {low} to {high}")
    return value


def _real(value: Any, limit: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    if not 0 <= value < limit:
        raise ValueError(f"{value!r} is not from 0 to below {limit}")
    return float(value)
