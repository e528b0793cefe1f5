"""Campaign `audit`: flip a bit of, drop, swap and cut off at each row of a chain; both verifiers must name the row.

In: how many rows, a seed. Out: counts for each verifier. The chain comes from a real queue; the bundle holds the whole
of it. What the first (Python) and the second verifier (docs/verify/verify.mjs, where there is Node) name must be the
row that was touched.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from offline_queue.models import Entry
from offline_queue.store import Queue
from station.bench.queue_world import Progress, World
from station.custody import bundle
from station.custody.proof import anchors
from station.custody.verify import verify_document
from station.sim.pki import PkiPaths

OPERATIONS = ("flip", "drop", "swap", "truncate")
SECOND = Path(__file__).resolve().parents[2] / "docs/verify/many.mjs"
ROWS_AN_ENTRY = 20
EVERY = 500


def run(runs: int, seed: int, progress: Progress = lambda _: None) -> dict[str, Any]:
    """Four alterations at each of `runs` rows. `must_be_zero`: cases a verifier did not name with their row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = World(folder)
        whole, content = a_chain(world, runs, progress)
        (folder / "bundle.json").write_bytes(content)
        cases = list(alterations(whole["chain"]["rows"], random.Random(seed)))
        first = by_python(whole, world.pki, cases, progress)
        second = by_node(folder / "bundle.json", world.pki, cases)
    zero = {"whole_chain_refused": int(first[0] is not None), "python_missed": missed(cases, first[1:])}
    result: dict[str, Any] = {"campaign": "audit", "runs": len(cases), "seed": seed}
    if second is None:
        result["second_verifier"] = "skipped: no node here"
    else:
        zero |= {"whole_chain_refused_by_node": int(second[0] is not None)}
        zero |= {"node_missed": missed(cases, second[1:]), "verifiers_differ": differing(first, second)}
    kinds = {operation: sum(case["operation"] == operation for case in cases) for operation in OPERATIONS}
    return result | {"rows": runs, "cases": kinds, "must_be_zero": zero}


def a_chain(world: World, rows: int, progress: Progress) -> tuple[dict[str, Any], bytes]:
    """A bundle of the first entry with a chain of exactly so many rows (at least four), its last one signed for."""
    with world.open_queue() as queue:
        entry = queue.enqueue(world.submission(1), world.signer)
        taken, last = 1, entry
        while taken < rows:
            if taken % ROWS_AN_ENTRY == 0:
                last = queue.enqueue(world.submission(taken), world.signer)
            else:
                _step(queue, last)
            taken += 1
            if taken % EVERY == 0:
                progress(f"{taken} rows written")
        queue.seal_audit(world.signer, "export")
        content = bundle.make(queue, queue.entry(entry.submission_id), whole=True)
    return json.loads(content), content


def _step(queue: Queue, entry: Entry) -> None:
    if queue.entry(entry.submission_id).state == "held":
        queue.release(entry.submission_id)
    else:
        queue.hold(entry.submission_id)


def alterations(rows: list[dict[str, Any]], chance: random.Random) -> Iterator[dict[str, Any]]:
    """{"operation", "row": number that must be named, "at", "remove", "insert"}: a splice of the rows."""
    for index, item in enumerate(rows):
        edits: dict[str, tuple[int, int, list[dict[str, Any]]]] = {
            "flip": (index, 1, [flipped(item, chance)]),
            "drop": (index, 1, []),
            "swap": _swap(rows, index),
            "truncate": (index, len(rows), []),
        }
        for operation, (at, remove, insert) in edits.items():
            named = at + 1
            yield {"operation": operation, "row": named, "at": at, "remove": remove, "insert": insert}


def _swap(rows: list[dict[str, Any]], index: int) -> tuple[int, int, list[dict[str, Any]]]:
    first = min(index, len(rows) - 2)
    return first, 2, [rows[first + 1], rows[first]]


def flipped(item: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """One bit of the row's text, or of its hash, is another; ASCII stays ASCII, so that it is still JSON text."""
    member = chance.choice(("row", "row", "hash"))
    text = bytearray(item[member].encode("ascii"))
    text[chance.randrange(len(text))] ^= 1 << chance.randrange(7)
    return item | {member: text.decode("ascii")}


def by_python(
    whole: dict[str, Any], pki: PkiPaths, cases: list[dict[str, Any]], progress: Progress
) -> list[dict[str, Any] | None]:
    """First broken link of the untouched bundle, then of each case."""
    station, gateway = anchors(pki.station_ca.read_bytes()), anchors(pki.gateway_ca.read_bytes())
    found = [verify_document(whole, station, gateway)["first_broken"]]
    for number, case in enumerate(cases):
        rows = list(whole["chain"]["rows"])
        rows[case["at"] : case["at"] + case["remove"]] = case["insert"]
        altered = whole | {"chain": whole["chain"] | {"rows": rows}}
        found.append(verify_document(altered, station, gateway)["first_broken"])
        if number % EVERY == 0:
            progress(f"{number} of {len(cases)} verified")
    return found


def by_node(path: Path, pki: PkiPaths, cases: list[dict[str, Any]]) -> list[dict[str, Any] | None] | None:
    """The same by the second verifier, all in one process; None where it cannot run."""
    node = shutil.which("node")
    if node is None or not SECOND.exists():
        return None
    nothing = {"at": 0, "remove": 0, "insert": []}
    edits = "".join(json.dumps(edit) + "\n" for edit in (nothing, *cases))
    command = [node, str(SECOND), str(path), str(pki.station_ca), str(pki.gateway_ca)]
    done = subprocess.run(command, input=edits, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def missed(cases: list[dict[str, Any]], found: list[dict[str, Any] | None]) -> int:
    """Cases that were not named with their row, and answers that are not there."""
    wrong: int = sum(
        broken is None or broken["row"] != case["row"] for case, broken in zip(cases, found, strict=False)
    )
    return wrong + abs(len(cases) - len(found))


def differing(first: list[dict[str, Any] | None], second: list[dict[str, Any] | None]) -> int:
    """Cases in which the verifiers name another link or row."""
    keys = [[one and (one["link"], one["row"]) for one in found] for found in (first, second)]
    return sum(a != b for a, b in zip(*keys, strict=True))
