"""What stands before every route: host and origin checks, body limit, security headers, errors as HTTP.

The kiosk is for one screen on this machine. A page from elsewhere may neither read it (host name, no framing) nor
make it act (same-site cookie, fetch metadata, origin).
"""

from __future__ import annotations

import logging
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drivers.errors import CaptureRetry, DriverError
from station.access import AccessError
from station.booking_subject import SubjectInvalid

log = logging.getLogger(__name__)

HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
MAX_BODY = 256 * 1024
"""Bytes of a request; no picture ever comes from the browser."""

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=()",
}

STATUS_BY_CODE: dict[str, int] = {
    "access.required": 401,
    "access.refused": 401,
    "access.throttled": 429,
    "booking.unknown": 404,
    "booking.no_impression": 404,
    "booking.subject_invalid": 422,
    "booking.tot_unknown": 422,
    "booking.plan_unknown": 422,
    "booking.not_a_finger": 422,
    "booking.not_in_plan": 422,
    "booking.reason_unknown": 422,
    "request.too_large": 413,
}
STATUS_BY_AREA: dict[str, int] = {
    "access": 403,
    "policy": 403,
    "booking": 409,
    "request": 400,
    "record": 422,
    "image": 422,
    "environment": 503,
}


def status_of(error: Exception) -> int:
    """The HTTP status of a typed error: 504 asks the person again, 503 says the machine failed."""
    if isinstance(error, CaptureRetry):
        return 504
    if isinstance(error, DriverError):
        return 503
    code = str(getattr(error, "code", ""))
    return STATUS_BY_CODE.get(code, STATUS_BY_AREA.get(code.split(".", 1)[0], 503))


def problem(error: Exception) -> dict[str, Any]:
    """A typed error as JSON: code, message, advice, and the fields of a form that were wrong."""
    body: dict[str, Any] = {
        "code": str(getattr(error, "code", "internal.error")),
        "message": str(getattr(error, "message", "the station made an error")),
        "advice": str(getattr(error, "advice", "")),
    }
    if isinstance(error, SubjectInvalid):
        body["fields"] = error.fields
    return body


def is_typed(error: Exception) -> bool:
    """True for errors that the station, the drivers or the queue raised on purpose."""
    return hasattr(error, "code") and hasattr(error, "advice")


def unexpected(error: Exception) -> AccessError:
    """An error nobody foresaw, told without its details; they go to the log."""
    log.error("unexpected error", exc_info=error)
    return AccessError("internal.error", "the station made an error", "try again; if it stays, read the log")


class Guard:
    """ASGI middleware: refuse what does not come from this machine's own page, and put headers on the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = refusal(scope)
        if refused is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refused[0]})
        else:
            status = 413 if refused[0] == "request.too_large" else 403
            body = {"code": refused[0], "message": refused[1], "advice": "use the station's own screen"}
            await JSONResponse(body, status)(scope, receive, _with_headers(send))


def refusal(scope: Scope) -> tuple[str, str] | None:
    """Why a request is not served (code and message), or None."""
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if _name(host) not in HOSTS:
        return "request.host", "this address is not the station's own"
    acting = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
    if acting and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "request.cross_site", "another page may not act here"
    origin = headers.get("origin")
    if acting and origin is not None and origin != f"http://{host}":
        return "request.cross_site", "another page may not act here"
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY or "transfer-encoding" in headers:
        return "request.too_large", f"a request has at most {MAX_BODY // 1024} KiB and says so"
    return None


def _name(host: str) -> str:
    if host.startswith("["):
        return host.split("]", 1)[0] + "]"
    return host.split(":", 1)[0]


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sender
