"""The story the demonstration tells, from sign-in to the second-stage answer, and what it collected on the way.

In: a running World. Out: a Told value with everything the report shows. Each step goes through the processes that
ship: the kiosk's own interface, the queue's own file, the command line's own verbs.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from station.demo.officer import Officer, OfficerError
from station.demo.world import OFFICER, OFFICER_PIN, Story, World
from station.errors import StationError
from station.progress import Progress

AMPUTATED = 9
STORY = Story(
    missing=(AMPUTATED,),
    placements=(
        {"when": {"lamps": [2]}, "nth": 1, "touch": {"moisture": 0.03, "pressure": 0.12}},
        {"when": {"lamps": [4]}, "nth": 1, "use_positions": [3]},
    ),
)
SUBJECT: dict[str, Any] = {
    "nam": "SYNTHETIC,PERSON ONE",
    "dob": "19850704",
    "sex": "X",
    "rac": "U",
    "pob": "XX",
    "hgt": "508",
    "wgt": "165",
    "eye": "XXX",
    "hai": "XXX",
    "doa": "",
    "offense": "SIMULATED OFFENSE, TRAINING ONLY",
}
CUT_AFTER = 7
WAIT_S = 120.0
Interfere = Callable[[World, str], None]


@dataclass
class Told:
    """What happened: every capture answer in order, and the control numbers."""

    booking_id: str = ""
    tcn: str = ""
    captures: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[int, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    responses: list[dict[str, Any]] = field(default_factory=list)
    entry: dict[str, Any] = field(default_factory=dict)


def steps_total() -> int:
    """Steps of the progress bar: 14 boxes, and sign in, book, submit, restart, custody, answer, second stage."""
    return 14 + 7


def tell(world: World, progress: Progress, interfere: Interfere = lambda _world, _moment: None) -> Told:
    """Book one person whole. `interfere(world, moment)` is called at each named moment, for those who break things."""
    told = Told()
    officer = Officer(world.url, OFFICER, OFFICER_PIN)
    interfere(world, "sign_in")
    officer.sign_in()
    progress.step("signed in as Avery Officer (simulated)")
    _open_booking(officer, progress, told, world, interfere)
    _capture_all(officer, progress, told, world, interfere)
    _submit(officer, progress, told, world, interfere)
    _drain(officer, progress, told, world, interfere)
    _answers(officer, progress, told, world, interfere)
    return told


def _open_booking(
    officer: Officer, progress: Progress, told: Told, world: World, interfere: Interfere
) -> None:
    interfere(world, "new_booking")
    subject = {**SUBJECT, "doa": time.strftime("%Y%m%d")}
    booking = officer.new_booking(subject, {str(AMPUTATED): "XX"}, request_id=str(uuid.uuid4()))
    told.booking_id = booking["id"]
    told.labels = {int(step["fgp"]): step["label"] for step in booking["plan"]}
    progress.step("new booking: SYNTHETIC,PERSON ONE; left ring finger annotated XX (amputated)")


def _capture_all(
    officer: Officer, progress: Progress, told: Told, world: World, interfere: Interfere
) -> None:
    plan = officer.booking(told.booking_id)["plan"]
    for number, step in enumerate(plan, start=1):
        fgp, label = int(step["fgp"]), step["label"]
        if step["status"] == "skipped":
            progress.step(f"{label}: not printed, annotated XX")
            continue
        interfere(world, f"capture_{fgp}")
        _capture_one(officer, progress, told, fgp, label)
        if number == CUT_AFTER:
            world.cable.cut()
            told.events.append("network cut")
            progress.say("        ✂ the network is cut; capture goes on")


def _capture_one(officer: Officer, progress: Progress, told: Told, fgp: int, label: str) -> None:
    for _ in range(6):
        progress.wait(f"{label} …")
        answer = _press(officer, told.booking_id, fgp)
        told.captures.append({"fgp": fgp, "label": label, **answer})
        if answer["result"] == "accepted":
            nfiq2 = ", ".join(str(score) for score in answer.get("nfiq2", {}).values())
            real = f", NFIQ 2 {nfiq2}" if nfiq2 else ""
            progress.step(
                f"{label}: accepted, quality {answer['score']}{real}, {answer['minutiae']} minutiae"
            )
            return
        if answer["result"] == "wrong_finger":
            progress.say(f"        ✗ {label}: WRONG FINGER caught: {answer['finding']['message']}")
        else:
            causes = "; ".join(f"{cause['code']}: {cause['advice']}" for cause in answer["causes"][:2])
            progress.say(f"        ↻ {label}: retake, quality {answer['score']} ({causes})")
    raise StationError("demo.capture_gave_up", f"{label} was not accepted in six tries", "read web.log")


def _press(officer: Officer, booking_id: str, fgp: int) -> dict[str, Any]:
    """Press capture; when the reader or its service is away for a moment, press again, as the advice says."""
    give_up = time.monotonic() + WAIT_S
    while True:
        try:
            return officer.capture(booking_id, fgp)
        except OfficerError as error:
            passing = error.code.startswith(("reader.", "link.", "capture."))
            if not passing or time.monotonic() > give_up:
                raise
        time.sleep(0.5)


def _submit(officer: Officer, progress: Progress, told: Told, world: World, interfere: Interfere) -> None:
    interfere(world, "submit")
    ticket = officer.submit(told.booking_id)
    told.tcn = ticket["tcn"]
    progress.step(f"submitted: control number {told.tcn}, signed and in the offline queue")
    tried = ("last_error", "receipt_at")
    _wait(progress, "a try over the cut network", lambda: any(_entry(officer, told)[key] for key in tried))
    if error := _entry(officer, told)["last_error"]:
        told.events.append(f"queued while the network is cut: {error}")
        progress.say(f"        ✂ not sent: {error}; kept in the queue")


def _drain(officer: Officer, progress: Progress, told: Told, world: World, interfere: Interfere) -> None:
    world.processes.kill("sync")
    world.processes.wait_ready("sync")
    told.events.append("sync process killed and restarted")
    progress.step("sync process killed and restarted; the queue still holds the submission")
    world.cable.mend()
    told.events.append("network mended")
    progress.say("        ✓ the network is back")
    interfere(world, "drain")
    _wait(progress, "the custody receipt", lambda: bool(_entry(officer, told).get("receipt_at")))
    told.entry = _entry(officer, told)
    progress.step("custody receipt: signed by the gateway, echoes our id and digest")


def _answers(officer: Officer, progress: Progress, told: Told, world: World, interfere: Interfere) -> None:
    for number, what in enumerate(("the bureau's answer", "the second-stage message"), start=1):
        interfere(world, f"answer_{number}")
        _wait(progress, what, lambda n=number: len(officer.responses(told.booking_id)) >= n)  # type: ignore[misc]
        told.responses = officer.responses(told.booking_id)
        response = told.responses[number - 1]
        progress.step(f"{what}: {response['tot']}: {'; '.join(response['plain'][:1])}")
    told.entry = _entry(officer, told)


def _entry(officer: Officer, told: Told) -> dict[str, Any]:
    for entry in officer.queue()["entries"]:
        if entry["tcn"] == told.tcn:
            found: dict[str, Any] = entry
            return found
    raise StationError(
        "demo.entry_lost", f"{told.tcn} is not in the queue", "this must never happen: report it"
    )


def _wait(progress: Progress, what: str, ready: Callable[[], bool]) -> None:
    """Poll the station until it says so; a deadline ends it with a named cause."""
    give_up = time.monotonic() + WAIT_S
    while not ready():
        if time.monotonic() > give_up:
            raise StationError(
                "demo.timeout", f"waited {WAIT_S:.0f} s for {what}", "read the logs in run/logs"
            )
        progress.wait(f"waiting for {what}")
        time.sleep(0.15)


def save_pictures(officer: Officer, told: Told, folder: Path) -> None:
    """Every accepted impression as a PNG with its minutiae and quality drawn on it."""
    folder.mkdir(parents=True, exist_ok=True)
    for capture in told.captures:
        if capture["result"] == "accepted":
            name = f"{capture['fgp']:02d}-{_slug(capture['label'])}.png"
            (folder / name).write_bytes(officer.picture(told.booking_id, capture["fgp"]))
            capture["picture"] = name


def _slug(label: str) -> str:
    """`Right thumb, plain` → `right-thumb-plain`."""
    return "-".join(label.lower().replace(",", "").split())
