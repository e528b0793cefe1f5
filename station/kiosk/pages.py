"""The screens: HTML over the same desk as the JSON interface. Request in, page or part of a page out.

Part answers (htmx) replace one region: `panel` beside the preview, the receipt's state, the queue table, the status
bar. Every form carries the value of its session; a page without a session goes to the sign-in.
"""

from __future__ import annotations

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from station.access import AccessError
from station.booking import Booking, BookingState
from station.booking_subject import SubjectInvalid
from station.kiosk import capture_pages, hands, review_pages, subject_form
from station.kiosk.counter import Counter, counter_of, in_thread, session_of
from station.kiosk.forms import Handler, booking_of, go_to, screen, signed_form, text_of
from station.kiosk.guard import problem, status_of
from station.kiosk.render import page, part
from station.kiosk.sessions import COOKIE
from station.kiosk.views import booking_view, summary_view


async def sign_in_page(request: Request) -> Response:
    return await page(request, "sign_in.html", {})


async def sign_in(request: Request) -> Response:
    counter, form = counter_of(request), await request.form()
    try:
        officer = await in_thread(
            counter.desk.access.sign_in, text_of(form, "officer").strip().lower(), text_of(form, "pin")
        )
    except AccessError as error:
        context = {"problem": problem(error), "officer_id": text_of(form, "officer")}
        return await page(request, "sign_in.html", context, status_of(error))
    session = counter.sessions.open(officer)
    response = RedirectResponse("/", 303)
    response.set_cookie(COOKIE, session.token, httponly=True, samesite="strict", path="/")
    return response


async def sign_out(request: Request) -> Response:
    await signed_form(request)
    counter_of(request).sessions.close(request.cookies.get(COOKIE))
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


async def worklist(request: Request) -> Response:
    session_of(request)
    found = [summary_view(booking) for booking in await in_thread(counter_of(request).desk.store.bookings)]
    groups = {
        "open": [one for one in found if one["state"] in ("draft", "capturing", "complete")],
        "done": [one for one in found if one["state"] == "submitted"][:8],
    }
    return await page(request, "worklist.html", groups)


async def new_booking_page(request: Request) -> Response:
    session_of(request)
    keeper = counter_of(request).time
    if keeper is not None and not await in_thread(keeper.trusted):
        return go_to(request, "/clock")
    now = counter_of(request).desk.clock.utcnow()
    return await _subject_page(
        request, {"DOA": now.strftime("%Y-%m-%d"), "request_id": secrets.token_hex(8)}, {}
    )


async def new_booking(request: Request) -> Response:
    form = await signed_form(request)
    values = {key: str(value) for key, value in form.items()}
    try:
        booking = await in_thread(
            counter_of(request).desk.new_booking,
            session_of(request).officer,
            subject_form.subject_of(values),
            missing=subject_form.missing_of(values),
            request_id=values.get("request_id") or None,
        )
    except SubjectInvalid as error:
        return await _subject_page(request, values, error.fields, 422)
    return go_to(request, f"/bookings/{booking.id}/capture")


async def edit_page(request: Request) -> Response:
    session_of(request)
    booking = await booking_of(request)
    values = subject_form.form_of(booking.subject)
    marks = {f"missing_{int(finger)}": str(code) for finger, code in booking.missing.items()}
    return await _subject_page(request, {**values, **marks}, {}, booking=booking)


async def edit(request: Request) -> Response:
    form = await signed_form(request)
    values = {key: str(value) for key, value in form.items()}
    desk, booking = counter_of(request).desk, await booking_of(request)
    marks = subject_form.missing_of(values)
    changes = {finger: marks.get(finger) for finger in {*marks, *booking.missing}}
    subject = {**booking.subject, **subject_form.subject_of(values)}
    try:
        await in_thread(desk.edit_subject, booking.id, subject)
    except SubjectInvalid as error:
        return await _subject_page(request, values, error.fields, 422, booking=booking)
    if any(booking.missing.get(finger) != code for finger, code in changes.items()):
        await in_thread(desk.mark_missing, booking.id, changes)
    return go_to(request, f"/bookings/{booking.id}")


async def open_booking(request: Request) -> Response:
    """Where a booking goes on: capture, review or receipt."""
    session_of(request)
    booking = await booking_of(request)
    if booking.state is BookingState.SUBMITTED:
        return go_to(request, f"/bookings/{booking.id}/receipt")
    return go_to(request, f"/bookings/{booking.id}/{'capture' if booking.next_step else 'review'}")


async def cancel_booking(request: Request) -> Response:
    await signed_form(request)
    await in_thread(counter_of(request).desk.cancel_booking, request.path_params["id"])
    return go_to(request, "/")


async def receipt(request: Request) -> Response:
    session_of(request)
    booking = await booking_of(request)
    if booking.submission is None:
        return go_to(request, f"/bookings/{booking.id}")
    whole = part if "hx-request" in request.headers else page
    name = "receipt_state.html" if "hx-request" in request.headers else "receipt.html"
    return await whole(request, name, await in_thread(_receipt, counter_of(request), booking))


async def queue(request: Request) -> Response:
    session_of(request)
    overview = await in_thread(counter_of(request).outbox.overview)
    context = {"rows": overview["entries"], "counts": overview["counts"]}
    if "hx-request" in request.headers:
        return await part(request, "queue_table.html", context)
    return await page(request, "queue.html", context)


async def status(request: Request) -> Response:
    """The status bar; it does not keep a session alive."""
    return await part(request, "status.html", {"health": await in_thread(counter_of(request).health)})


async def _subject_page(
    request: Request,
    values: dict[str, str],
    wrong: dict[str, str],
    status_code: int = 200,
    booking: Booking | None = None,
) -> Response:
    context = {
        "questions": subject_form.QUESTIONS,
        "values": values,
        "wrong": wrong,
        "shapes": hands.shapes(missing=subject_form.missing_of(values)),
        "booking": booking_view(booking, ()) if booking else None,
    }
    return await page(request, "subject.html", context, status_code)


def _receipt(counter: Counter, booking: Booking) -> dict[str, Any]:
    assert booking.submission is not None
    return {
        "booking": booking_view(booking, ()),
        "entry": counter.outbox.entry(booking.submission.submission_id),
        "responses": counter.outbox.responses(booking.submission.tcn),
    }


def routes() -> list[BaseRoute]:
    """All screens."""
    one = "/bookings/{id}"
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/", worklist),
        ("GET", "/sign-in", sign_in_page),
        ("POST", "/sign-in", sign_in),
        ("POST", "/sign-out", sign_out),
        ("GET", "/bookings/new", new_booking_page),
        ("POST", "/bookings/new", new_booking),
        ("GET", one, open_booking),
        ("GET", one + "/edit", edit_page),
        ("POST", one + "/edit", edit),
        ("GET", one + "/capture", capture_pages.capture_page),
        ("POST", one + "/capture", capture_pages.start_capture),
        ("POST", one + "/capture/stop", capture_pages.stop_capture),
        ("GET", one + "/panel", capture_pages.panel),
        ("POST", one + "/override", capture_pages.override),
        ("GET", one + "/review", review_pages.review),
        ("POST", one + "/sequence", review_pages.keep_set),
        ("POST", one + "/submit", review_pages.submit),
        ("POST", one + "/cancel", cancel_booking),
        ("GET", one + "/receipt", receipt),
        ("GET", one + "/attempts/{fgp:int}/{n:int}.jpg", capture_pages.attempt_picture),
        ("GET", "/queue", queue),
        ("GET", "/status", status),
    ]
    return [Route(path, screen(handler), methods=[method]) for method, path, handler in table]
