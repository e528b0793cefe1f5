"""The kiosk application: Counter in, ASGI application out (pages, JSON interface, live preview, static files)."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from station.kiosk import api, clock_page, live, pages
from station.kiosk.counter import Counter, counter_of
from station.kiosk.guard import Guard
from station.kiosk.sessions import COOKIE

HERE = Path(__file__).parent


async def live_preview(socket: WebSocket) -> None:
    """The preview of whoever is signed in."""
    counter = counter_of(socket)
    if counter.sessions.find(socket.cookies.get(COOKIE)) is None:
        await socket.close(code=1008)
        return
    desk = counter.desk
    await live.serve(socket, desk.live, desk.tools.assess_preview, desk.rules.capture.quality_threshold)


def make_app(counter: Counter) -> Starlette:
    """Wire everything to one counter."""
    application = Starlette(
        routes=[
            *api.routes(),
            *pages.routes(),
            *clock_page.routes(),
            WebSocketRoute("/live", live_preview),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Guard)],
    )
    application.state.counter = counter
    return application
