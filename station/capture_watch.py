"""A capture with every preview frame judged on the way: Reader and plan step in, Frame and verdicts out.

The station takes a settled frame by itself where the reader leaves that to it; else the judge only advises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from drivers.errors import CaptureRetry
from drivers.reader import Cancelled, CaptureKind, Frame, Reader
from station.booking_plan import Step
from station.capture import CaptureRules, Gray, take
from station.friction_ridge import QualityReport
from station.imaging.quality import LiveJudge, LiveState, LiveVerdict

Show = Callable[[Frame, LiveVerdict | None], None]


def watch(
    reader: Reader,
    step: Step,
    rules: CaptureRules,
    assess: Callable[[Gray, int], QualityReport],
    show: Show,
    cancelled: Cancelled,
) -> Frame:
    """One frame for a step, every preview judged on the way.

    show(frame, verdict) hears of each preview; a frame that cannot be judged has None. When the judge says `take` and
    the reader leaves that to the station (`may_take`), the reader is told to stop and the settled frame is the one.
    Raises as `take`.
    """
    judge = LiveJudge(
        assess, rules.quality_threshold, fingers=len(step.fingers), still=step.kind is not CaptureKind.ROLL
    )
    chosen: list[Frame] = []

    def seen(frame: Frame) -> None:
        verdict = _judged(judge, frame)
        settled = verdict is not None and verdict.state is LiveState.TAKE
        if settled and rules.auto_capture and may_take(frame):
            chosen.append(frame)
        show(frame, verdict)

    try:
        return take(reader, step, rules, seen, lambda: bool(chosen) or cancelled())
    except CaptureRetry:
        if chosen and not cancelled():
            return replace(chosen[0], final=True)
        raise


def may_take(frame: Frame) -> bool:
    """May the station make this preview frame the impression? Only at the reader's full resolution, and never in
    place of a certified reader: what was certified includes its own way of choosing the frame."""
    return frame.ppi == frame.reader.ppi and frame.reader.certification == "none"


def _judged(judge: LiveJudge, frame: Frame) -> LiveVerdict | None:
    try:
        return judge.see(frame.pixels, frame.ppi, frame.monotonic)
    except Exception:  # a preview is only advice: the capture must go on
        return None
