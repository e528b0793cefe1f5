"""`python -m tests.bench.mutants`: changes the code at random and says what no test noticed.

Each change is tried against its file's own tests; with `--whole` what survives them is tried against the whole suite,
all at once and then by halves. Results go to a file, a line each, so that a run is taken up where it stopped.
Exit code 1 when an area has more survivors than it may.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench.mutants.areas import AREAS, Area, drawn, own_tests
from tests.bench.mutants.sites import Change
from tests.bench.mutants.trial import Copy

EXPLAINED = Path(__file__).with_name("explained.toml")
"""Changes that no test can notice, or need not, each with its reason."""

Say = Callable[[str], object]


@dataclasses.dataclass
class Result:
    """One change and the test that noticed it; `by` is empty for a survivor. reason: why it may survive."""

    area: str
    change: Change
    by: str
    reason: str = ""


def explained(path: Path = EXPLAINED) -> dict[tuple[str, str, str, str], str]:
    """(path, line of source, before, after) → reason."""
    rows = tomllib.loads(path.read_text("utf-8")).get("change", []) if path.exists() else []
    return {(row["path"], row["line"], row["before"], row["after"]): row["reason"] for row in rows}


def reason_of(change: Change, tree: Path, reasons: dict[tuple[str, str, str, str], str]) -> str:
    line = (tree / change.path).read_text("utf-8").splitlines()[change.line - 1].strip()
    return reasons.get((change.path, line, change.before, change.after), "")


class Book:
    """The file of results: what has been tried stays tried."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = path.read_text("utf-8").splitlines() if path and path.exists() else []
        rows = [json.loads(line) for line in lines]
        self.results = [Result(row["area"], Change(**row["change"]), row["by"]) for row in rows]

    def tried(self, area: str, change: Change) -> Result | None:
        return next((each for each in self.results if (each.area, each.change) == (area, change)), None)

    def add(self, result: Result) -> None:
        self.results.append(result)
        self._write()

    def noticed(self, result: Result, by: str) -> None:
        result.by = by
        self._write()

    def _write(self) -> None:
        if self._path:
            rows = [
                {"area": r.area, "change": dataclasses.asdict(r.change), "by": r.by} for r in self.results
            ]
            self._path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def try_own(area: Area, tree: Path, copy: Copy, book: Book, count: int, seed: int, say: Say) -> list[Result]:
    """`count` changes of an area against the own tests of what they change."""
    found = []
    for number, change in enumerate(drawn(area, tree, count, seed), 1):
        result = book.tried(area.name, change)
        if result is None:
            with copy.changed([change]):
                result = Result(area.name, change, copy.own(own_tests(change.path, tree)))
            if not copy.is_sound(result.by):
                raise SystemExit(f"{result.by} fails on the unchanged tree too: nothing can be told by it")
            book.add(result)
        found.append(result)
        say(f"{area.name} {number} of {count}: {change}: {result.by or 'SURVIVED'}")
    return found


def try_whole(copy: Copy, survivors: Sequence[Result], book: Book, long: bool, say: Say) -> None:
    """All survivors in one tree: what is green together is noticed by nobody; what is red is halved."""
    groups = layers(survivors)
    while groups:
        group = groups.pop()
        with copy.changed([each.change for each in group]):
            by = copy.whole(long)
        say(f"{len(group)} survivors together in the whole suite: {by or 'noticed by nobody'}")
        if by and len(group) == 1:
            book.noticed(group[0], by)
        elif by:
            half = len(group) // 2
            groups += [group[:half], group[half:]]


def layers(results: Sequence[Result]) -> list[list[Result]]:
    """The survivors in groups within which no two changes touch the same place."""
    found: list[list[Result]] = []
    for each in results:
        for group in found:
            if not any(touch(each.change, other.change) for other in group):
                group.append(each)
                break
        else:
            found.append([each])
    return found


def touch(one: Change, other: Change) -> bool:
    """True when two changes overlap or stand side by side."""
    return one.path == other.path and one.start <= other.end and other.start <= one.end


def report(results: Sequence[Result], areas: Sequence[Area]) -> dict[str, Any]:
    """Figures by area, survivors by name, and what must be zero."""
    told: dict[str, Any] = {"areas": {}, "must_be_zero": {}}
    for area in areas:
        mine = [each for each in results if each.area == area.name]
        alive = [each for each in mine if not each.by]
        unexplained = [each for each in alive if not each.reason]
        told["areas"][area.name] = {
            "tried": len(mine),
            "survived": len(alive),
            "unexplained": [str(each.change) for each in unexplained],
            "explained": {str(each.change): each.reason for each in alive if each.reason},
        }
        told["must_be_zero"][f"{area.name} over its limit"] = max(
            0, len(unexplained) - int(area.limit * len(mine))
        )
    return told


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.bench.mutants", description=__doc__)
    names = [area.name for area in AREAS]
    made.add_argument("--area", action="append", choices=names, help="one area; may be given again (all)")
    made.add_argument("--count", type=int, default=40, help="changes in each area (40)")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--whole", action="store_true", help="try what survives against the whole suite")
    made.add_argument("--long", action="store_true", help="with --whole: the long tests too")
    made.add_argument(
        "--tree", type=Path, default=Path(), help="the tree that is changed, in a copy (this one)"
    )
    made.add_argument("--out", type=Path, help="file of results, taken up where it stopped")
    made.add_argument("--json", action="store_true")
    return made


def main(words: Sequence[str] | None = None) -> int:
    """0 when no area has more survivors than it may, else 1."""
    options = parser().parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the trial that runs is ended too
    tree = options.tree.resolve()
    areas = [area for area in AREAS if area.name in (options.area or [each.name for each in AREAS])]
    say: Say = lambda line: sys.stderr.write(line + "\n")  # noqa: E731
    book, results = Book(options.out), list[Result]()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Copy(tree, Path(folder))
        for area in areas:
            results += try_own(area, tree, copy, book, options.count, options.seed, say)
        for each in results:
            each.reason = "" if each.by else reason_of(each.change, tree, explained())
        if options.whole:
            try_whole(
                copy, [each for each in results if not each.by and not each.reason], book, options.long, say
            )
    told = report(results, areas)
    sys.stdout.write(json.dumps(told, indent=2) + "\n" if options.json else text(told))
    return int(any(told["must_be_zero"].values()))


def text(told: dict[str, Any]) -> str:
    """The report for people."""
    lines = []
    for name, row in told["areas"].items():
        lines.append(
            f"{name}: {row['survived']} of {row['tried']} survived, {len(row['explained'])} of them explained"
        )
        lines += [f"  {change}" for change in row["unexplained"]]
        lines += [f"  {change}\n    {reason}" for change, reason in row["explained"].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
