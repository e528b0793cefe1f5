"""The officer's hands: the kiosk's JSON interface spoken over HTTP, with the patience an officer needs.

In: wanted positions; out: what the station answered, as dictionaries. When the web process dies in mid-air the
officer signs in again and presses the same button again, which the station must bear.
"""

from __future__ import annotations

import time
from typing import Any

import requests

from station.errors import StationError

Answer = dict[str, Any]


class OfficerError(StationError):
    """The station refused, with its code and advice."""


class Officer:
    """One signed-in officer at one station."""

    def __init__(self, base: str, officer: str, pin: str, patience_s: float = 90.0) -> None:
        self._base = base.rstrip("/") + "/api/v1"
        self._who = {"officer": officer, "pin": pin}
        self._patience_s = patience_s
        self._http = requests.Session()
        self._http.trust_env = False

    def sign_in(self) -> Answer:
        return self._call("POST", "/session", self._who)

    def new_booking(self, subject: Answer, missing: dict[str, str], request_id: str) -> Answer:
        return self._call(
            "POST",
            "/bookings",
            {"subject": subject, "tot": "CAR", "missing": missing, "request_id": request_id},
        )

    def booking(self, booking_id: str) -> Answer:
        return self._call("GET", f"/bookings/{booking_id}")

    def capture(self, booking_id: str, fgp: int) -> Answer:
        return self._call("POST", f"/bookings/{booking_id}/captures", {"fgp": fgp})

    def submit(self, booking_id: str) -> Answer:
        return self._call("POST", f"/bookings/{booking_id}/submit", {})

    def queue(self) -> Answer:
        return self._call("GET", "/queue")

    def responses(self, booking_id: str) -> list[Answer]:
        found: list[Answer] = self._call("GET", f"/bookings/{booking_id}/responses")["responses"]
        return found

    def picture(self, booking_id: str, fgp: int) -> bytes:
        return self._send("GET", f"/bookings/{booking_id}/impressions/{fgp}.png?annotated=1", None).content

    def _call(self, method: str, path: str, body: Answer | None = None) -> Answer:
        answer: Answer = self._send(method, path, body).json()
        return answer

    def _send(self, method: str, path: str, body: Answer | None) -> requests.Response:
        """One request; a dead or restarting web process is waited for, a lost session is opened again."""
        give_up = time.monotonic() + self._patience_s
        while True:
            try:
                reply = self._http.request(method, self._base + path, json=body, timeout=self._patience_s)
            except requests.RequestException as error:
                if time.monotonic() > give_up:
                    raise OfficerError(
                        "demo.web_unreachable", f"{method} {path}: {error}", "read web.log"
                    ) from error
                time.sleep(0.2)
                continue
            if reply.status_code == 401 and path != "/session":
                self._send("POST", "/session", self._who)
                continue
            if reply.ok:
                return reply
            raise _refusal(reply)


def _refusal(reply: requests.Response) -> OfficerError:
    try:
        body = reply.json()
    except ValueError:
        body = {}
    return OfficerError(
        str(body.get("code", f"demo.http_{reply.status_code}")),
        str(body.get("message", reply.text[:300])),
        str(body.get("advice", "")),
    )
