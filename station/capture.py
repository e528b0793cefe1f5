"""From a reader to a judged impression: Reader and plan step in, CaptureOutcome out.

The outcome is accepted, or a retake with causes and advice, or a wrong finger with a finding. Nothing is stored
here. Errors of the reader (drivers.errors.CaptureRetry, ReaderFault) pass through untouched: the first is for the
person, the second for the machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from drivers.errors import CaptureRetry
from drivers.reader import Cancelled, CaptureRequest, Frame, Preview, Reader
from station.booking import Attempt, Finding, Segment
from station.booking_plan import LABELS, Step, fingers_of
from station.errors import ImageError
from station.friction_ridge import (
    FGP,
    IMP,
    SLAP_FINGERS,
    Impression,
    MinutiaTemplate,
    QualityCause,
    QualityReport,
)
from station.imaging.quality import nfiq2
from station.imaging.slap_types import SlapSegmentation

Gray = NDArray[np.uint8]
Templates = Mapping[FGP, Sequence[MinutiaTemplate]]
Result = Literal["accepted", "retake", "wrong_finger"]

_WRONG_HAND = "slap.wrong_hand"
SLAP_MARGIN = 16
"""Pixels around a finger box that still belong to the finger when it is scored alone."""


@dataclass(frozen=True)
class Instruments:
    """The imaging and matching functions a capture needs; `Instruments.shipped()` are the real ones."""

    extract: Callable[[Gray, int], MinutiaTemplate]
    assess: Callable[[Gray, int], QualityReport]
    assess_preview: Callable[[Gray, int], QualityReport]
    segment: Callable[[Gray, int, FGP, Collection[FGP]], SlapSegmentation]
    match: Callable[[MinutiaTemplate, MinutiaTemplate], float]
    wrong_finger: Callable[[MinutiaTemplate, FGP, Templates], Any]
    draw: Callable[[Gray, MinutiaTemplate, QualityReport], NDArray[np.uint8]]
    nfiq2: Callable[[Gray, int], int] = lambda _gray, _ppi: nfiq2.NOT_ATTEMPTED
    plain_as_roll: Callable[[Gray, int, FGP], Any] = lambda _gray, _ppi, _fgp: None

    @classmethod
    def shipped(cls) -> Instruments:
        """The station's own functions, imported on first use."""
        from station import imaging, matching
        from station.imaging import roll
        from station.matching import sequence

        return cls(
            extract=imaging.extract,
            assess=imaging.assess,
            assess_preview=imaging.assess_preview,
            segment=imaging.segment,
            match=matching.match,
            wrong_finger=sequence.wrong_finger,
            draw=imaging.draw,
            nfiq2=nfiq2.score,
            plain_as_roll=roll.plain_as_roll,
        )


@dataclass(frozen=True)
class CaptureRules:
    """What a capture is held to. quality_threshold: 0 to 100; finger_s, lift_s: deadlines in seconds; auto_capture:
    whether the station may take a settled frame by itself (see `may_take`)."""

    quality_threshold: int = 40
    finger_s: float = 30.0
    lift_s: float = 10.0
    auto_capture: bool = True

    @property
    def deadline_s(self) -> float:
        """Seconds after which a reader that has said nothing counts as hung."""
        return self.finger_s + self.lift_s + 20.0


@dataclass(frozen=True, eq=False)
class CaptureOutcome:
    """What one contact gave. causes: those of the report and those of the plan, worst first."""

    result: Result
    impression: Impression
    template: MinutiaTemplate
    report: QualityReport
    causes: tuple[QualityCause, ...]
    finding: Finding | None
    segments: tuple[Segment, ...]

    def attempt(self) -> Attempt:
        """The line of the booking that records this outcome."""
        one = self.impression
        return Attempt(
            fgp=one.fgp,
            imp=one.imp,
            number=one.attempt,
            score=self.report.score,
            causes=self.causes,
            finding=self.finding,
            accepted=self.result == "accepted",
            minutiae=len(self.template),
            digest=digest_of(one.frame),
            officer=one.officer,
            taken_at=one.frame.wall,
            simulated=one.frame.reader.simulated,
            segments=self.segments,
        )


def digest_of(frame: Frame) -> str:
    """SHA-256 over size and pixels, hexadecimal: which pixels these are, whoever delivered them when."""
    head = f"{frame.pixels.shape[1]}x{frame.pixels.shape[0]}@{frame.ppi};".encode()
    return hashlib.sha256(head + frame.pixels.tobytes()).hexdigest()


def take(
    reader: Reader,
    step: Step,
    rules: CaptureRules,
    preview: Preview | None = None,
    cancelled: Cancelled | None = None,
) -> Frame:
    """One frame for a step of the plan. Raises CaptureRetry or ReaderFault as the reader does."""
    request = CaptureRequest(step.kind, step.lamps, finger_s=rules.finger_s, lift_s=rules.lift_s)
    return reader.capture(request, preview, cancelled)


def examine(
    frame: Frame,
    step: Step,
    taken: Templates,
    tools: Instruments,
    rules: CaptureRules,
    *,
    officer: str,
    number: int,
) -> CaptureOutcome:
    """Judge a final frame against the plan and what was taken before.

    taken: templates of the single fingers accepted so far, by FGP 1 to 10. Order of the verdicts: fingers that
    cannot be told apart, and a finger laid down where a roll was asked, ask for a retake; then
    a wrong finger; then quality below the threshold. Raises CaptureRetry `capture.blank` when there is nothing on
    the frame, ImageError when it is no fingerprint image at all.
    """
    template = _extract(frame, tools)
    if len(fingers_of(step.fgp)) == 1:
        report = tools.assess(frame.pixels, frame.ppi)
        segments: tuple[Segment, ...] = ()
        plan_cause = _roll_cause(frame, step, tools)
        finding = _finding(tools.wrong_finger(template, fingers_of(step.fgp)[0], taken))
    else:
        report, segments, plan_cause, finding = _examine_slap(frame, step, template, taken, tools)
    result = _verdict(report.score, rules.quality_threshold, plan_cause, finding)
    if result == "accepted":
        report = nfiq2.note(report, _nfiq2(frame, step, segments, tools))
    return CaptureOutcome(
        result=result,
        impression=Impression(frame, step.fgp, step.imp, officer, number),
        template=template,
        report=report,
        causes=((plan_cause,) if plan_cause else ()) + report.causes,
        finding=None if plan_cause else finding,
        segments=segments,
    )


def _nfiq2(frame: Frame, step: Step, segments: Sequence[Segment], tools: Instruments) -> dict[int, int]:
    """NFIQ 2 of each finger of an accepted impression; it takes about 100 ms a finger."""
    if not segments:
        return {int(fingers_of(step.fgp)[0]): tools.nfiq2(frame.pixels, frame.ppi)}
    return {int(one.fgp): tools.nfiq2(_cut_out(frame, one.box)[0], frame.ppi) for one in segments}


def _roll_cause(frame: Frame, step: Step, tools: Instruments) -> QualityCause | None:
    """A plain touch where a roll was asked, `plain_for_roll`; the reader may call it a roll all the same."""
    if step.imp is not IMP.LIVESCAN_ROLLED:
        return None
    found = tools.plain_as_roll(frame.pixels, frame.ppi, step.fgp)
    return None if found is None else QualityCause("plain_for_roll", 1.0, found.advice, found.box)


def _extract(frame: Frame, tools: Instruments) -> MinutiaTemplate:
    try:
        return tools.extract(frame.pixels, frame.ppi)
    except ImageError as error:
        if error.code != "image.blank":
            raise
        raise CaptureRetry(
            "capture.blank", "there is no print on the picture", "place the finger on the middle of the glass"
        ) from error


def _verdict(score: int, threshold: int, plan_cause: QualityCause | None, finding: Finding | None) -> Result:
    if plan_cause is not None:
        return "retake"
    if finding is not None:
        return "wrong_finger"
    return "accepted" if score >= threshold else "retake"


def _examine_slap(
    frame: Frame, step: Step, template: MinutiaTemplate, taken: Templates, tools: Instruments
) -> tuple[QualityReport, tuple[Segment, ...], QualityCause | None, Finding | None]:
    """Tell the fingers apart, score each alone (the slap is as good as its worst), compare each with its roll."""
    missing = set(SLAP_FINGERS[step.fgp]) - set(step.fingers)
    found = tools.segment(frame.pixels, frame.ppi, step.fgp, missing)
    cause = _count_cause(len(found.fingers), len(step.fingers)) or _slap_cause(found)
    if cause is not None:
        return _without(tools.assess(frame.pixels, frame.ppi), "several_fingers"), (), cause, None
    reports = [_assess_box(frame, finger.box, tools) for finger in found.fingers]
    worst = min(reports, key=lambda report: report.score)
    segments, findings = [], []
    for finger in found.fingers:
        part = cut(template, finger.box)
        rolls = [tools.match(part, roll) for roll in taken.get(finger.fgp, ())]
        best = max(rolls, default=None)
        segments.append(Segment(finger.fgp, finger.box, finger.angle_deg, best, finger.polygon))
        findings.append(_finding(tools.wrong_finger(part, finger.fgp, taken)))
    return worst, tuple(segments), None, _slap_finding(step, findings) or _hand_finding(found)


def _slap_cause(found: SlapSegmentation) -> QualityCause | None:
    """What else asks for the slap again; the wrong hand is a wrong finger and not a bad picture."""
    stops = (each for each in found.findings if each.stops and each.code != _WRONG_HAND)
    first = next(stops, None)
    return None if first is None else QualityCause("slap_count", 1.0, first.advice, first.box)


def _hand_finding(found: SlapSegmentation) -> Finding | None:
    """The other hand, told by the arc of its fingers: where there are no rolls, nothing else tells it."""
    wrong = next((each for each in found.findings if each.code == _WRONG_HAND), None)
    return None if wrong is None else Finding(wrong.code, wrong.message, wrong.advice)


def _without(report: QualityReport, code: str) -> QualityReport:
    return replace(report, causes=tuple(cause for cause in report.causes if cause.code != code))


def _count_cause(seen: int, wanted: int) -> QualityCause | None:
    if seen == wanted:
        return None
    words = ("no finger", "one finger", "two fingers", "three fingers", "four fingers")
    said = words[seen] if seen < len(words) else f"{seen} fingers"
    return QualityCause(
        "slap_count",
        1.0,
        f"{said.capitalize()} seen, {words[wanted]} expected: place them flat, side by side, a little apart",
    )


def _assess_box(frame: Frame, box: tuple[int, int, int, int], tools: Instruments) -> QualityReport:
    """The report of one finger of a slap, its boxes in pixels of the whole frame."""
    pixels, left, top = _cut_out(frame, box)
    report = tools.assess(pixels, frame.ppi)
    moved = tuple(
        replace(cause, box=(cause.box[0] + left, cause.box[1] + top, *cause.box[2:])) if cause.box else cause
        for cause in report.causes
    )
    return replace(report, causes=moved)


def _cut_out(frame: Frame, box: tuple[int, int, int, int]) -> tuple[Gray, int, int]:
    """The pixels of a finger box with its margin, and where they begin."""
    height, width = frame.pixels.shape
    left, top = max(0, box[0] - SLAP_MARGIN), max(0, box[1] - SLAP_MARGIN)
    right, bottom = min(width, box[0] + box[2] + SLAP_MARGIN), min(height, box[1] + box[3] + SLAP_MARGIN)
    return np.ascontiguousarray(frame.pixels[top:bottom, left:right]), left, top


def cut(template: MinutiaTemplate, box: tuple[int, int, int, int]) -> MinutiaTemplate:
    """The minutiae inside an upright finger box, in coordinates of the box."""
    x, y, width, height = box
    inside = (template.x >= x) & (template.x < x + width) & (template.y >= y) & (template.y < y + height)
    return MinutiaTemplate(
        width=width,
        height=height,
        ppi=template.ppi,
        x=(template.x[inside] - x).astype(np.float32),
        y=(template.y[inside] - y).astype(np.float32),
        angle=template.angle[inside].copy(),
        kind=template.kind[inside].copy(),
        quality=template.quality[inside].copy(),
    )


def _finding(found: Any) -> Finding | None:
    """A `SequenceFinding` as the booking keeps it."""
    if found is None:
        return None
    other = getattr(found, "with_fgp", None)
    return Finding(found.code, found.message, found.advice, int(other) if other is not None else None)


def _slap_finding(step: Step, findings: Sequence[Finding | None]) -> Finding | None:
    """One finding for a slap: several fingers of the other hand mean that the hands were swapped."""
    real = [finding for finding in findings if finding is not None]
    if not real:
        return None
    own = set(step.fingers)
    strangers = [one for one in real if one.with_fgp is not None and FGP(one.with_fgp) not in own]
    if len(strangers) >= 2:
        return Finding(
            "sequence.hands_swapped",
            f"These look like the fingers of the other hand, not {LABELS[step.fgp].lower()}",
            "Check which hand is on the glass, then retake",
            strangers[0].with_fgp,
        )
    return real[0]
