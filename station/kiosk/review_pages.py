"""The review screen: what was taken, what the check of the whole set says, submission. Request in, page out."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from station.booking import Booking, BookingState
from station.kiosk.counter import counter_of, fgp_of, in_thread, json_body, session_of, text_of
from station.kiosk.desk import OVERRIDE_REASONS, Desk
from station.kiosk.forms import booking_of, go_to, signed_form
from station.kiosk.forms import text_of as field_of
from station.kiosk.guard import is_typed, problem, status_of
from station.kiosk.render import page
from station.kiosk.views import booking_view


async def review(request: Request) -> Response:
    session_of(request)
    booking = await booking_of(request)
    if booking.state is BookingState.SUBMITTED:
        return go_to(request, f"/bookings/{booking.id}/receipt")
    return await _review(request, booking)


async def submit(request: Request) -> Response:
    await signed_form(request)
    booking_id = request.path_params["id"]
    try:
        await in_thread(counter_of(request).desk.submit, booking_id)
    except Exception as error:
        if not is_typed(error):
            raise
        return await _review(request, await booking_of(request), error)
    return go_to(request, f"/bookings/{booking_id}/receipt")


async def keep_set(request: Request) -> Response:
    """Answer an alarm with a reason and a second person."""
    form = await signed_form(request)
    try:
        await in_thread(
            counter_of(request).desk.keep_set,
            request.path_params["id"],
            field_of(form, "code"),
            fgp_of(field_of(form, "fgp")),
            field_of(form, "reason"),
            session_of(request).officer,
            field_of(form, "second_officer").strip().lower(),
            field_of(form, "second_pin"),
        )
    except Exception as error:
        if not is_typed(error):
            raise
        return await _review(request, await booking_of(request), error)
    return go_to(request, f"/bookings/{request.path_params['id']}/review")


async def sequence_json(request: Request) -> Response:
    """The findings of the whole-set check."""
    session_of(request)
    desk = counter_of(request).desk
    booking = await in_thread(desk.store.booking, request.path_params["id"])
    return JSONResponse({"findings": await in_thread(desk.sets.view, booking)})


async def keep_set_json(request: Request) -> Response:
    session, body = session_of(request), await json_body(request)
    desk = counter_of(request).desk
    booking = await in_thread(
        desk.keep_set,
        request.path_params["id"],
        text_of(body, "code"),
        fgp_of(body.get("fgp")),
        text_of(body, "reason"),
        session.officer,
        text_of(body, "second_officer"),
        text_of(body, "second_pin"),
    )
    return JSONResponse(await in_thread(_json, desk, booking))


async def _review(request: Request, booking: Booking, error: Exception | None = None) -> Response:
    context = await in_thread(_context, counter_of(request).desk, booking)
    if error is None:
        return await page(request, "review.html", context)
    return await page(request, "review.html", {**context, "problem": problem(error)}, status_of(error))


def _context(desk: Desk, booking: Booking) -> dict[str, Any]:
    return {
        "booking": _json(desk, booking),
        "threshold": desk.rules.capture.quality_threshold,
        "findings": desk.sets.view(booking),
        "reasons": OVERRIDE_REASONS,
    }


def _json(desk: Desk, booking: Booking) -> dict[str, Any]:
    return booking_view(booking, desk.problems(booking))
