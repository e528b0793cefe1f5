"""A synthetic person's prints as PNG files and a subject.toml, to start from with `station record build`."""

from __future__ import annotations

from pathlib import Path

import cv2

from drivers.sim.contact import render
from drivers.sim.finger import subject_finger
from drivers.sim.finger_types import Platen
from drivers.sim.hand import render_slap
from station.friction_ridge import FGP, SLAP_FINGERS

ROLL, SLAP, THUMB = Platen(800, 750, 500), Platen(1600, 1500, 500), Platen(500, 1000, 500)

SUBJECT = """# Demographics for `station record build`. A synthetic person: nobody.
[header]
ori = "XX0010000"

[subject] # mnemonics of EBTS Type-2, docs/records.md
RET = "Y"
OCA = "SYNTHETIC-1"
NAM = "SAMPLE,SYNTHETIC PERSON"
POB = "XX"
DOB = "19800229"
SEX = "X"
RAC = "U"
HGT = "510"
WGT = "170"
EYE = "XXX"
HAI = "XXX"
DOA = "20260102"
ASL = [{ DOO = "20260101", AOL = "SYNTHETIC OFFENCE" }]
CRI = "XX0010000"
# What other types ask for; a type that has no such field leaves it out and says so.
ATN = "SYNTHETIC DESK"
DPR = "20260102"
RFP = "CRIMINAL JUSTICE EMPLOYMENT"
TSR = "C"
NDR = "1"

[reader]
make = "Example"
model = "Synthetic finger"
serial = "SIM-0001"
simulated = true

# [missing]
# 9 = "XX" # left ring finger amputated; UP: unable to print
"""


def write(folder: Path, seed: int = 1) -> list[Path]:
    """Write subject.toml and the fourteen prints; returns what was written. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / "subject.toml"]
    made[0].write_text(SUBJECT)
    for position in range(1, 11):
        pixels = render(subject_finger(seed, position), ROLL, "rolled").pixels
        made.append(_save(folder / f"{position:02d}-rolled.png", pixels))
    for slap in (FGP.PLAIN_RIGHT_FOUR, FGP.PLAIN_LEFT_FOUR):
        fingers = [subject_finger(seed, int(position)) for position in SLAP_FINGERS[slap]]
        made.append(_save(folder / f"{slap:02d}-plain.png", render_slap(fingers, SLAP).pixels))
    for slap in (FGP.PLAIN_RIGHT_THUMB, FGP.PLAIN_LEFT_THUMB):
        finger = subject_finger(seed, int(SLAP_FINGERS[slap][0]))
        made.append(_save(folder / f"{slap:02d}-plain.png", render(finger, THUMB, "plain").pixels))
    return made


def _save(path: Path, pixels: cv2.typing.MatLike) -> Path:
    done, coded = cv2.imencode(".png", pixels)
    if not done:
        raise OSError(f"{path} could not be coded")
    path.write_bytes(coded.tobytes())
    return path
