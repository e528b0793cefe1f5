"""The capture screen: live preview, the panel beside it, retake, stop, override. Request in, page or part out."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from station.booking import Booking
from station.kiosk import pictures
from station.kiosk.counter import counter_of, fgp_of, in_thread, session_of
from station.kiosk.desk import OVERRIDE_REASONS
from station.kiosk.forms import booking_of, go_to, signed_form, text_of
from station.kiosk.guard import is_typed, problem
from station.kiosk.panel import panel_view, panel_view_after
from station.kiosk.render import page, part


async def capture_page(request: Request) -> Response:
    session_of(request)
    booking = await booking_of(request)
    if not booking.is_open:
        return go_to(request, f"/bookings/{booking.id}")
    return await page(request, "capture.html", _panel(request, booking))


async def panel(request: Request) -> Response:
    """The region beside the preview. A page that waits for a running capture gets 204 while it runs."""
    session_of(request)
    booking, room = await booking_of(request), counter_of(request).desk.room
    if "waiting" in request.query_params and room.busy and not room.hung:
        return Response(status_code=204)
    return await part(
        request, "panel.html", _panel(request, booking, after="waiting" in request.query_params)
    )


async def start_capture(request: Request) -> Response:
    form = await signed_form(request)
    counter, session = counter_of(request), session_of(request)
    fgp = fgp_of(text_of(form, "fgp"))
    try:
        await in_thread(counter.desk.start_capture, request.path_params["id"], fgp, session.officer)
    except Exception as error:
        if not is_typed(error):
            raise
        view = {**_panel(request, await booking_of(request)), "mode": "error", "problem": problem(error)}
        return await _answer(request, view)
    return await _answer(request, _panel(request, await booking_of(request), after=True))


async def stop_capture(request: Request) -> Response:
    await signed_form(request)
    counter_of(request).desk.room.cancel()
    return Response(status_code=204) if "hx-request" in request.headers else _whole_page(request)


async def override(request: Request) -> Response:
    form = await signed_form(request)
    counter, fgp = counter_of(request), fgp_of(text_of(form, "fgp"))
    try:
        await in_thread(
            counter.desk.override,
            request.path_params["id"],
            fgp,
            text_of(form, "reason"),
            session_of(request).officer,
            text_of(form, "second_officer").strip().lower(),
            text_of(form, "second_pin"),
        )
    except Exception as error:
        if not is_typed(error):
            raise
        view = {**_panel(request, await booking_of(request)), "override_problem": problem(error)}
        return await _answer(request, view)
    return await _answer(request, _panel(request, await booking_of(request)))


async def attempt_picture(request: Request) -> Response:
    """One attempt as a JPEG for the eye; ?small, ?annotated."""
    session_of(request)
    params = request.path_params
    content = await in_thread(
        pictures.attempt_jpeg,
        counter_of(request).desk,
        params["id"],
        fgp_of(params["fgp"]),
        params["n"],
        small="small" in request.query_params,
        annotated="annotated" in request.query_params,
    )
    headers = {"cache-control": "private, max-age=600"}
    return Response(content, media_type="image/jpeg", headers=headers)


async def _answer(request: Request, view: dict[str, Any]) -> Response:
    """The panel for a page whose script is running; the whole page again for a button pressed before it did."""
    if "hx-request" in request.headers:
        return await part(request, "panel.html", view)
    return _whole_page(request)


def _whole_page(request: Request) -> Response:
    return go_to(request, f"/bookings/{request.path_params['id']}/capture")


def _panel(request: Request, booking: Booking, *, after: bool = False) -> dict[str, Any]:
    asked = request.query_params.get("fgp")
    wanted = fgp_of(asked) if asked else None
    view = panel_view_after if after else panel_view
    context = view(counter_of(request).desk, booking, wanted)
    return {**context, "reasons": OVERRIDE_REASONS}
