"""What every screen does: errors become pages, forms carry their session's value, parts know how to go elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from station.booking import Booking
from station.kiosk.counter import counter_of, in_thread, session_of
from station.kiosk.guard import is_typed, problem, status_of, unexpected
from station.kiosk.render import page, part
from station.kiosk.sessions import require_csrf

Handler = Callable[[Request], Awaitable[Response]]


def screen(handler: Handler) -> Handler:
    """Errors become a page that says what to do; nobody signed in becomes the sign-in page."""

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:
            typed = error if is_typed(error) else unexpected(error)
            if getattr(typed, "code", "") == "access.required":
                return go_to(request, "/sign-in")
            status = status_of(error) if is_typed(error) else 500
            if "hx-request" in request.headers:
                return await part(request, "error_part.html", {"problem": problem(typed)}, status)
            return await page(request, "error.html", {"problem": problem(typed)}, status)

    return wrapped


async def booking_of(request: Request) -> Booking:
    return await in_thread(counter_of(request).desk.store.booking, request.path_params["id"])


async def signed_form(request: Request) -> FormData:
    """The form of a signed-in page. Raises AccessError when it is not of this session."""
    session, form = session_of(request), await request.form()
    require_csrf(session, text_of(form, "csrf"))
    return form


def text_of(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def go_to(request: Request, path: str) -> Response:
    """Go to another page, also from a part answer."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"hx-redirect": path})
    return RedirectResponse(path, 303)
