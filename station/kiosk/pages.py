"""The screens: HTML over the same desk as the JSON interface. Request in, page or part of a page out.

Part answers (htmx) replace one region: `panel` beside the preview, the receipt's state, the queue table, the status
bar. Every form carries the value of its session; a page without a session goes to the sign-in.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from station.access import AccessError
from station.booking import Booking, BookingState
from station.booking_subject import SubjectInvalid
from station.kiosk import hands, pictures, subject_form
from station.kiosk.counter import Counter, counter_of, fgp_of, in_thread, session_of
from station.kiosk.desk import OVERRIDE_REASONS
from station.kiosk.guard import is_typed, problem, status_of, unexpected
from station.kiosk.panel import panel_view, panel_view_after
from station.kiosk.render import page, part
from station.kiosk.sessions import COOKIE, require_csrf
from station.kiosk.views import booking_view, summary_view

Handler = Callable[[Request], Awaitable[Response]]


def screen(handler: Handler) -> Handler:
    """Errors become a page that says what to do; nobody signed in becomes the sign-in page."""

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:
            typed = error if is_typed(error) else unexpected(error)
            if getattr(typed, "code", "") == "access.required":
                return _to(request, "/sign-in")
            status = status_of(error) if is_typed(error) else 500
            if "hx-request" in request.headers:
                return await part(request, "error_part.html", {"problem": problem(typed)}, status)
            return await page(request, "error.html", {"problem": problem(typed)}, status)

    return wrapped


async def sign_in_page(request: Request) -> Response:
    return await page(request, "sign_in.html", {})


async def sign_in(request: Request) -> Response:
    counter, form = counter_of(request), await request.form()
    try:
        officer = await in_thread(
            counter.desk.access.sign_in, _text(form, "officer").strip().lower(), _text(form, "pin")
        )
    except AccessError as error:
        context = {"problem": problem(error), "officer_id": _text(form, "officer")}
        return await page(request, "sign_in.html", context, status_of(error))
    session = counter.sessions.open(officer)
    response = RedirectResponse("/", 303)
    response.set_cookie(COOKIE, session.token, httponly=True, samesite="strict", path="/")
    return response


async def sign_out(request: Request) -> Response:
    await _form(request)
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
    now = counter_of(request).desk.clock.utcnow()
    return await _subject_page(
        request, {"DOA": now.strftime("%Y-%m-%d"), "request_id": secrets.token_hex(8)}, {}
    )


async def new_booking(request: Request) -> Response:
    form = await _form(request)
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
    return _to(request, f"/bookings/{booking.id}/capture")


async def edit_page(request: Request) -> Response:
    session_of(request)
    booking = await _booking(request)
    values = subject_form.form_of(booking.subject)
    marks = {f"missing_{int(finger)}": str(code) for finger, code in booking.missing.items()}
    return await _subject_page(request, {**values, **marks}, {}, booking=booking)


async def edit(request: Request) -> Response:
    form = await _form(request)
    values = {key: str(value) for key, value in form.items()}
    desk, booking = counter_of(request).desk, await _booking(request)
    marks = subject_form.missing_of(values)
    changes = {finger: marks.get(finger) for finger in {*marks, *booking.missing}}
    subject = {**booking.subject, **subject_form.subject_of(values)}
    try:
        await in_thread(desk.edit_subject, booking.id, subject)
    except SubjectInvalid as error:
        return await _subject_page(request, values, error.fields, 422, booking=booking)
    if any(booking.missing.get(finger) != code for finger, code in changes.items()):
        await in_thread(desk.mark_missing, booking.id, changes)
    return _to(request, f"/bookings/{booking.id}")


async def open_booking(request: Request) -> Response:
    """Where a booking goes on: capture, review or receipt."""
    session_of(request)
    booking = await _booking(request)
    if booking.state is BookingState.SUBMITTED:
        return _to(request, f"/bookings/{booking.id}/receipt")
    return _to(request, f"/bookings/{booking.id}/{'capture' if booking.next_step else 'review'}")


async def capture_page(request: Request) -> Response:
    session_of(request)
    booking = await _booking(request)
    if not booking.is_open:
        return _to(request, f"/bookings/{booking.id}")
    return await page(request, "capture.html", _panel(request, booking))


async def panel(request: Request) -> Response:
    """The region beside the preview. A page that waits for a running capture gets 204 while it runs."""
    session_of(request)
    booking, room = await _booking(request), counter_of(request).desk.room
    if "waiting" in request.query_params and room.busy and not room.hung:
        return Response(status_code=204)
    return await part(
        request, "panel.html", _panel(request, booking, after="waiting" in request.query_params)
    )


async def start_capture(request: Request) -> Response:
    form = await _form(request)
    counter, session = counter_of(request), session_of(request)
    fgp = fgp_of(_text(form, "fgp"))
    try:
        await in_thread(counter.desk.start_capture, request.path_params["id"], fgp, session.officer)
    except Exception as error:
        if not is_typed(error):
            raise
        view = {**_panel(request, await _booking(request)), "mode": "error", "problem": problem(error)}
        return await part(request, "panel.html", view)
    return await part(request, "panel.html", _panel(request, await _booking(request), after=True))


async def stop_capture(request: Request) -> Response:
    await _form(request)
    counter_of(request).desk.room.cancel()
    return Response(status_code=204)


async def override(request: Request) -> Response:
    form = await _form(request)
    counter, fgp = counter_of(request), fgp_of(_text(form, "fgp"))
    try:
        await in_thread(
            counter.desk.override,
            request.path_params["id"],
            fgp,
            _text(form, "reason"),
            session_of(request).officer,
            _text(form, "second_officer").strip().lower(),
            _text(form, "second_pin"),
        )
    except Exception as error:
        if not is_typed(error):
            raise
        view = {**_panel(request, await _booking(request)), "override_problem": problem(error)}
        return await part(request, "panel.html", view)
    return await part(request, "panel.html", _panel(request, await _booking(request)))


async def review(request: Request) -> Response:
    session_of(request)
    desk, booking = counter_of(request).desk, await _booking(request)
    if booking.state is BookingState.SUBMITTED:
        return _to(request, f"/bookings/{booking.id}/receipt")
    view = booking_view(booking, desk.problems(booking))
    return await page(
        request, "review.html", {"booking": view, "threshold": desk.rules.capture.quality_threshold}
    )


async def submit(request: Request) -> Response:
    await _form(request)
    ticket_of = request.path_params["id"]
    try:
        await in_thread(counter_of(request).desk.submit, ticket_of)
    except Exception as error:
        if not is_typed(error):
            raise
        desk, booking = counter_of(request).desk, await _booking(request)
        view = booking_view(booking, desk.problems(booking))
        context = {
            "booking": view,
            "threshold": desk.rules.capture.quality_threshold,
            "problem": problem(error),
        }
        return await page(request, "review.html", context, status_of(error))
    return _to(request, f"/bookings/{ticket_of}/receipt")


async def cancel_booking(request: Request) -> Response:
    await _form(request)
    await in_thread(counter_of(request).desk.cancel_booking, request.path_params["id"])
    return _to(request, "/")


async def receipt(request: Request) -> Response:
    session_of(request)
    booking = await _booking(request)
    if booking.submission is None:
        return _to(request, f"/bookings/{booking.id}")
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


def _panel(request: Request, booking: Booking, *, after: bool = False) -> dict[str, Any]:
    asked = request.query_params.get("fgp")
    wanted = fgp_of(asked) if asked else None
    view = panel_view_after if after else panel_view
    context = view(counter_of(request).desk, booking, wanted)
    return {**context, "reasons": OVERRIDE_REASONS}


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


async def _booking(request: Request) -> Booking:
    return await in_thread(counter_of(request).desk.store.booking, request.path_params["id"])


async def _form(request: Request) -> FormData:
    """The form of a signed-in page. Raises AccessError when it is not of this session."""
    session, form = session_of(request), await request.form()
    require_csrf(session, _text(form, "csrf"))
    return form


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _to(request: Request, path: str) -> Response:
    """Go to another page, also from a part answer."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"hx-redirect": path})
    return RedirectResponse(path, 303)


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
        ("GET", one + "/capture", capture_page),
        ("POST", one + "/capture", start_capture),
        ("POST", one + "/capture/stop", stop_capture),
        ("GET", one + "/panel", panel),
        ("POST", one + "/override", override),
        ("GET", one + "/review", review),
        ("POST", one + "/submit", submit),
        ("POST", one + "/cancel", cancel_booking),
        ("GET", one + "/receipt", receipt),
        ("GET", one + "/attempts/{fgp:int}/{n:int}.jpg", attempt_picture),
        ("GET", "/queue", queue),
        ("GET", "/status", status),
    ]
    return [Route(path, screen(handler), methods=[method]) for method, path, handler in table]
