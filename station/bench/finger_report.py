"""What the figures of `station bench finger` should be, and how a person reads them.

In: the result as a dictionary. Out: what is not as wanted, and a table.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

CONTACTS = ("plain", "rolled")
NOT_JUDGED = ("distortion",)
"""NFIQ 2 reads local clarity; a skin bent without losing clarity is not to be worse for it. Reported all the same."""
WANTED: dict[str, tuple[float, float]] = {
    "nfiq2_median": (45.0, 100.0),
    "count_ratio_median": (0.9, 1.1),
    "count_ratio_pooled": (0.85, 1.15),
    "genuine_median": (60.0, 1e9),
    "impostor_p99": (0.0, 20.0),
    "truth_found": (0.85, 1.0),
    "found_true": (0.85, 1.0),
}


def judge(result: Mapping[str, Any]) -> list[str]:
    """What is not as wanted, in words."""
    problems = []
    for contact in CONTACTS:
        for name, (low, high) in WANTED.items():
            value = result.get(contact, {}).get(name)
            if value is not None and not low <= value <= high:
                problems.append(f"{contact}: {name} is {value:.2f}, wanted {low:g} to {high:g}")
    for name, rows in result.get("degradation", {}).items():
        if name in NOT_JUDGED:
            continue
        means = [row["nfiq2_mean"] for row in rows]
        if not all(after < before for before, after in itertools.pairwise(means)):
            problems.append(f"{name}: NFIQ 2 does not fall at every step: {[round(m, 1) for m in means]}")
    return problems


def table(result: Mapping[str, Any]) -> str:
    """The result for a person."""
    lines = [f"{result['fingers']} fingers rendered twice, seed {result['seed']}"]
    lines += [f"{job:24}{ms:15.1f} ms CPU" for job, ms in result.get("speed_ms", {}).items()]
    names = [c for c in CONTACTS if c in result]
    lines.append(f"{'':24}" + "".join(f"{c:>18}" for c in names))
    for key in result[names[0]]:
        lines.append(f"{key:24}" + "".join(f"{_cell(result[c][key]):>18}" for c in names))
    for name, rows in result.get("degradation", {}).items():
        steps = "  ".join(
            f"{r['value']:g}: {r['nfiq2_median']:.0f} ({r['nfiq2_mean']:.1f})" for r in rows[1:]
        )
        lines.append(f"{name:16} good: {rows[0]['nfiq2_median']:.0f} ({rows[0]['nfiq2_mean']:.1f})  {steps}")
    lines += [f"NOT MET  {problem}" for problem in result["problems"]] or ["all wanted figures met"]
    return "\n".join(lines)


def _cell(value: float | list[float]) -> str:
    if isinstance(value, list):
        return " .. ".join(f"{v:.2f}" for v in value)
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
