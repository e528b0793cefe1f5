"""Everything the routes need, in one value, and the few steps all of them share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar

from starlette.requests import HTTPConnection, Request

from station.errors import StationError
from station.friction_ridge import AMP, FGP
from station.kiosk.desk import Desk
from station.kiosk.outbox import Outbox
from station.kiosk.sessions import COOKIE, Session, Sessions

P = ParamSpec("P")
T = TypeVar("T")


class RequestError(StationError):
    """A request that cannot be understood. Codes start with `request.`"""


@dataclass(frozen=True)
class Health:
    """One line of the status bar. ok: None when it is not known; icon and word always go together."""

    name: str
    ok: bool | None
    icon: str
    text: str
    advice: str = ""


class TimeKeeper(Protocol):
    """`clock_page.TimeDesk`; None where nobody asks for the time."""

    def trusted(self) -> bool: ...
    def confirm(self, officer: str) -> None: ...


@dataclass(frozen=True)
class Counter:
    """What a route works with. health: the checks of the status bar; simulated: what the yellow band says, or ""."""

    desk: Desk
    outbox: Outbox
    sessions: Sessions
    health: Callable[[], list[Health]]
    simulated: Callable[[], str]
    station: str = ""
    agency: str = ""
    time: TimeKeeper | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def counter_of(connection: HTTPConnection) -> Counter:
    """The counter of the application that serves this request."""
    found: Counter = connection.app.state.counter
    return found


def session_of(connection: HTTPConnection) -> Session:
    """The session of this request. Raises AccessError `access.required`."""
    return counter_of(connection).sessions.require(connection.cookies.get(COOKIE))


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run something that reads a disk or waits for a person, outside the event loop."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON object of a request; an empty body is an empty object. Raises RequestError."""
    raw = await request.body()
    if not raw:
        return {}
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise RequestError("request.not_json", "the body is not application/json", "send a JSON object")
    try:
        body = await request.json()
    except ValueError as error:
        raise RequestError("request.not_json", "the body is not JSON", "send a JSON object") from error
    if not isinstance(body, dict):
        raise RequestError("request.not_object", "the body is not an object", "send a JSON object")
    return body


def text_of(body: dict[str, Any], name: str) -> str:
    """A required text value. Raises RequestError `request.value`."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise RequestError("request.value", f"{name} must be text", "see docs/kiosk.md")
    return value


def fgp_of(value: object) -> FGP:
    """A finger position. Raises RequestError `request.fgp`."""
    try:
        return FGP(int(str(value)))
    except ValueError:
        raise RequestError("request.fgp", f"{value!r} is not a finger position", "1 to 15, see FGP") from None


def marks_of(value: object) -> dict[FGP, AMP | None]:
    """Marks of missing fingers, {"9": "XX"}. Raises RequestError `request.missing`."""
    if not isinstance(value, dict):
        raise RequestError("request.missing", "missing fingers are an object", 'for example {"9": "XX"}')
    try:
        return {fgp_of(key): None if code is None else AMP(str(code)) for key, code in value.items()}
    except ValueError:
        raise RequestError(
            "request.missing", "a finger is marked XX, UP or null", 'for example {"9": "XX"}'
        ) from None
