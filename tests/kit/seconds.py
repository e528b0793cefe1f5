"""Writes `seconds.csv` anew from a report of pytest: `./run test --junitxml report.xml`, then this with the report.

In: the report of a whole run on a quiet machine. Out: the files that took a second or more, longest first.
"""

from __future__ import annotations

import csv
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from tests.kit.progress import TABLE

WORTH_A_ROW_S = 1.0


def by_file(report: Path) -> Counter[str]:
    """Seconds of each file of tests, fixtures included."""
    seconds: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        place = Path(case.get("classname", "").replace(".", "/"))
        file = place if place.name.startswith("test_") else place.parent  # a class within a file
        seconds[f"{file}.py"] += float(case.get("time", "0"))  # type: ignore[assignment]
    return seconds


def write(seconds: Counter[str], table: Path = TABLE) -> None:
    """The table, in one piece."""
    with table.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(("file", "seconds"))
        rows.writerows((file, f"{took:.0f}") for file, took in seconds.most_common() if took >= WORTH_A_ROW_S)


if __name__ == "__main__":
    write(by_file(Path(sys.argv[1])))
