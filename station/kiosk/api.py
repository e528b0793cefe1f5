"""The JSON interface under /api/v1: the same desk as the pages, for tests, the demonstration and other systems.

Errors are {"code", "message", "advice"} with a 4xx or 5xx status (docs/kiosk.md lists them). Bodies must be
application/json, which a foreign page cannot send without asking first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import cv2
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from station.booking import Booking
from station.errors import BookingError
from station.friction_ridge import FGP
from station.imaging.draw import stamp
from station.imaging.quality import nfiq2
from station.kiosk import review_pages
from station.kiosk.counter import counter_of, fgp_of, in_thread, json_body, marks_of, session_of, text_of
from station.kiosk.guard import is_typed, problem, status_of, unexpected
from station.kiosk.sessions import COOKIE
from station.kiosk.views import booking_view, summary_view, verdict_view
from station.policy import certification

Handler = Callable[[Request], Awaitable[Response]]


def answer(handler: Handler) -> Handler:
    """Turn every typed error of a handler into its JSON."""

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:
            if not is_typed(error):
                return JSONResponse(problem(unexpected(error)), 500)
            return JSONResponse(problem(error), status_of(error))

    return wrapped


async def sign_in(request: Request) -> Response:
    counter, body = counter_of(request), await json_body(request)
    officer = await in_thread(counter.desk.access.sign_in, text_of(body, "officer"), text_of(body, "pin"))
    session = counter.sessions.open(officer)
    response = JSONResponse({"officer": officer.id, "name": officer.name, "role": str(officer.role)})
    response.set_cookie(COOKIE, session.token, httponly=True, samesite="strict", path="/")
    return response


async def sign_out(request: Request) -> Response:
    counter_of(request).sessions.close(request.cookies.get(COOKIE))
    response = JSONResponse({})
    response.delete_cookie(COOKIE, path="/")
    return response


async def list_bookings(request: Request) -> Response:
    session_of(request)
    found = await in_thread(counter_of(request).desk.store.bookings)
    return JSONResponse({"bookings": [summary_view(booking) for booking in found]})


async def new_booking(request: Request) -> Response:
    session, body = session_of(request), await json_body(request)
    subject = body.get("subject")
    marks = marks_of(body.get("missing", {}))
    booking = await in_thread(
        counter_of(request).desk.new_booking,
        session.officer,
        subject if isinstance(subject, dict) else {},
        tot=str(body.get("tot", "CAR")),
        plan=str(body["plan"]) if body.get("plan") else None,
        missing={finger: code for finger, code in marks.items() if code is not None},
        request_id=str(body["request_id"]) if body.get("request_id") else None,
    )
    return _booking(request, booking, 201)


async def show_booking(request: Request) -> Response:
    session_of(request)
    return _booking(request, await _find(request))


async def put_missing(request: Request) -> Response:
    session_of(request)
    marks = marks_of(await json_body(request))
    booking = await in_thread(counter_of(request).desk.mark_missing, request.path_params["id"], marks)
    return _booking(request, booking)


async def put_subject(request: Request) -> Response:
    session_of(request)
    body = await json_body(request)
    booking = await in_thread(counter_of(request).desk.edit_subject, request.path_params["id"], body)
    return _booking(request, booking)


async def cancel_booking(request: Request) -> Response:
    session_of(request)
    return _booking(
        request, await in_thread(counter_of(request).desk.cancel_booking, request.path_params["id"])
    )


async def capture(request: Request) -> Response:
    session, body = session_of(request), await json_body(request)
    desk = counter_of(request).desk
    attempt = await in_thread(
        desk.capture, request.path_params["id"], fgp_of(body.get("fgp")), session.officer
    )
    taken = await in_thread(desk.store.taken, request.path_params["id"], attempt.fgp, attempt.number)
    scores = {str(fgp): score for fgp, score in nfiq2.noted(taken.report).items()}
    return JSONResponse({**verdict_view(attempt), "nfiq2": scores})


async def cancel_capture(request: Request) -> Response:
    session_of(request)
    return JSONResponse({"cancelled": counter_of(request).desk.room.cancel()})


async def override(request: Request) -> Response:
    session, body = session_of(request), await json_body(request)
    booking = await in_thread(
        counter_of(request).desk.override,
        request.path_params["id"],
        fgp_of(request.path_params["fgp"]),
        text_of(body, "reason"),
        session.officer,
        text_of(body, "second_officer"),
        text_of(body, "second_pin"),
    )
    return _booking(request, booking)


async def picture(request: Request) -> Response:
    """An accepted impression, or with ?attempt=n any attempt, as PNG; ?annotated=1 draws what was found."""
    session_of(request)
    fgp = fgp_of(request.path_params["fgp"])
    booking = await _find(request)
    content = await in_thread(
        _png, request, booking, fgp, request.query_params.get("attempt"), "annotated" in request.query_params
    )
    return Response(content, media_type="image/png")


async def submit(request: Request) -> Response:
    session_of(request)
    ticket = await in_thread(counter_of(request).desk.submit, request.path_params["id"])
    return JSONResponse({"submission_id": ticket.submission_id, "tcn": ticket.tcn}, 202)


async def queue(request: Request) -> Response:
    session_of(request)
    return JSONResponse(await in_thread(counter_of(request).outbox.overview))


async def responses(request: Request) -> Response:
    session_of(request)
    booking = await _find(request)
    if booking.submission is None:
        return JSONResponse({"responses": []})
    found = await in_thread(counter_of(request).outbox.responses, booking.submission.tcn)
    return JSONResponse({"responses": found})


async def health(_request: Request) -> Response:
    """The process is alive."""
    return JSONResponse({"ok": True})


async def ready(request: Request) -> Response:
    """200 when a person can be booked now; 503 and the reasons when not. No names, no control numbers."""
    lines = await in_thread(counter_of(request).health)
    bad = [line.name for line in lines if line.ok is False]
    body = {"ready": not bad, "not_ready": bad, "checks": {line.name: line.text for line in lines}}
    return JSONResponse(body, 503 if bad else 200)


async def _find(request: Request) -> Booking:
    return await in_thread(counter_of(request).desk.store.booking, request.path_params["id"])


def _booking(request: Request, booking: Booking, status: int = 200) -> Response:
    return JSONResponse(booking_view(booking, counter_of(request).desk.problems(booking)), status)


def _png(request: Request, booking: Booking, fgp: FGP, attempt: str | None, annotated: bool) -> bytes:
    desk = counter_of(request).desk
    accepted = booking.accepted.get(fgp)
    if attempt is None and accepted is None:
        raise BookingError("booking.no_impression", f"position {int(fgp)} has no accepted impression")
    number = int(attempt) if attempt and attempt.isdigit() else accepted.number if accepted else 0
    taken = desk.store.taken(booking.id, fgp, number)
    frame = taken.impression.frame
    picture = desk.tools.draw(frame.pixels, taken.template, taken.report) if annotated else frame.pixels
    reader = frame.reader
    if annotated and reader.simulated:
        picture = stamp(picture, "SIMULATED READER - not from a person")
    elif annotated and (told := certification.marks(reader.certification, reader.fap, reader.limits)):
        picture = stamp(picture, f"UNCERTIFIED READER - {told[0]}")
    return cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()


def routes() -> list[BaseRoute]:
    """All routes of the JSON interface and the two health pages."""
    one = "/bookings/{id}"
    table: list[tuple[str, str, Handler]] = [
        ("POST", "/session", sign_in),
        ("DELETE", "/session", sign_out),
        ("GET", "/bookings", list_bookings),
        ("POST", "/bookings", new_booking),
        ("GET", one, show_booking),
        ("PUT", one + "/subject", put_subject),
        ("PUT", one + "/missing", put_missing),
        ("POST", one + "/cancel", cancel_booking),
        ("POST", one + "/captures", capture),
        ("POST", one + "/captures/{fgp:int}/override", override),
        ("GET", one + "/impressions/{fgp:int}.png", picture),
        ("GET", one + "/sequence", review_pages.sequence_json),
        ("POST", one + "/sequence", review_pages.keep_set_json),
        ("POST", one + "/submit", submit),
        ("GET", one + "/responses", responses),
        ("DELETE", "/capture", cancel_capture),
        ("GET", "/queue", queue),
    ]
    inner = [Route(path, answer(handler), methods=[method]) for method, path, handler in table]
    return [
        Mount("/api/v1", routes=inner),
        Route("/healthz", answer(health), methods=["GET"]),
        Route("/readyz", answer(ready), methods=["GET"]),
    ]
