"""Templates to responses: what every page shows is added here (band, officer, station, status bar)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from station.kiosk.counter import counter_of, in_thread
from station.kiosk.sessions import COOKIE

FOLDER = Path(__file__).parent / "templates"


@cache
def environment() -> jinja2.Environment:
    """Autoescape everywhere, and a missing value is an error, not an empty place."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["capfirst"] = lambda text: text[:1].upper() + text[1:]
    made.filters["ymd"] = _ymd
    return made


def _ymd(date: object) -> str:
    """A Type-2 date for the eye: 1980-02-29, or `unknown`."""
    text = str(date)
    if len(text) != 8 or text == "00000000":
        return "unknown"
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


async def page(request: Request, name: str, context: dict[str, Any], status: int = 200) -> Response:
    """A whole page, with the status bar."""
    health = await in_thread(counter_of(request).health)
    return await part(request, name, {"health": health, **context}, status)


async def part(request: Request, name: str, context: dict[str, Any], status: int = 200) -> Response:
    """One region of a page. Rendered outside the event loop: the band asks the capture service."""
    return await in_thread(_response, request, name, context, status)


def _response(request: Request, name: str, context: dict[str, Any], status: int) -> Response:
    counter = counter_of(request)
    session = counter.sessions.find(request.cookies.get(COOKIE), touch=False)
    shared = {
        "band": counter.simulated(),
        "station": counter.station,
        "agency": counter.agency,
        "officer": session.officer if session else None,
        "csrf": session.csrf if session else "",
        "now": counter.desk.clock.utcnow().strftime("%Y-%m-%d %H:%M UTC"),
        "problem": None,
    }
    return HTMLResponse(environment().get_template(name).render({**shared, **context}), status)
