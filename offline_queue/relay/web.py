"""The relay's side of docs/gateway-protocol.md, as an ASGI application: requests of stations in, receipts out.

Who asks is the common name of the client certificate, which the TLS handshake has verified (`client` in the scope's
state; serving.py puts it there). An upload is read whole, within a deadline and a number of uploads at a time, and
handed to a thread. Nothing is answered that is not in the protocol.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from offline_queue.errors import StoreFault
from offline_queue.relay import answers, multipart
from offline_queue.relay.intake import Intake, Refused, Upload
from offline_queue.transports import SEALED_NAME
from offline_queue.vault import Vault
from offline_queue.wire import SignedReceipt

T = TypeVar("T")
LARGEST_UPLOAD = 80 * 2**20
UPLOADS, UPLOADS_A_STATION = 16, 2
PAGE = 100
BUSY_S = 5


class Counts:
    """What this process answered, for /metrics of a process: status → how often."""

    def __init__(self) -> None:
        self.answers: dict[int, int] = {}

    def add(self, status: int) -> None:
        self.answers[status] = self.answers.get(status, 0) + 1


class Desk:
    """Where requests are taken. upload_s: an upload that is not whole by then is given up."""

    def __init__(self, intake: Intake, vault: Vault, *, threads: int = 4, upload_s: float = 60.0) -> None:
        self._intake = intake
        self._vault = vault
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="relay")
        self._upload_s = upload_s
        self._slots = asyncio.Semaphore(UPLOADS)
        self._of_station: dict[str, asyncio.Semaphore] = {}
        self.counts = Counts()

    def application(self) -> Starlette:
        """The ASGI application."""
        path = "/v1/submissions/{submission_id}"
        routes = [
            Route(path, self._route(self._submit), methods=["PUT"]),
            Route(path, self._route(self._status), methods=["GET"]),
            Route(path + "/onward", self._route(self._onward), methods=["GET"]),
            Route("/v1/responses", self._route(self._responses), methods=["GET"]),
        ]
        return Starlette(routes=routes)

    def close(self) -> None:
        """End the threads, and with them their connections."""
        self._threads.shutdown(wait=True)

    def _route(self, handler: Callable[[str, Request], Awaitable[Response]]) -> Callable[..., Any]:
        async def endpoint(request: Request) -> Response:
            try:
                state = request.scope["state"]
                if self._intake.revocation is not None:
                    await self._threaded(self._intake.admit, state["certificate"])
                reply = await handler(str(state.get("client", "")), request)
            except Refused as refused:
                reply = _refusal(refused)
            except StoreFault as fault:
                reply = _refusal(Refused(fault.code, fault.message, 503, BUSY_S))
            except TimeoutError:
                reply = _refusal(Refused("too_slow", "the upload took too long", 408))
            except ClientDisconnect:
                reply = Response(status_code=400)  # nobody reads it
            self.counts.add(reply.status_code)
            return reply

        return endpoint

    async def _threaded(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def _submit(self, client: str, request: Request) -> Response:
        station = self._intake.remembered(client)  # no stranger's upload is even read
        if station is None:
            station = await self._threaded(self._intake.station, client)
        async with self._slot(station["station_id"]):
            upload = await self._upload(request)
            taken = await self._threaded(self._intake.submit, client, upload)
        return JSONResponse(_receipt(taken.receipt), 201 if taken.new else 200)

    @contextlib.asynccontextmanager
    async def _slot(self, station_id: str) -> AsyncIterator[None]:
        """So many uploads are in memory at a time, and no station has them all."""
        own = self._of_station.setdefault(station_id, asyncio.Semaphore(UPLOADS_A_STATION))
        async with own, self._slots:
            yield

    async def _upload(self, request: Request) -> Upload:
        submission_id = str(request.path_params["submission_id"])
        length = request.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length) > LARGEST_UPLOAD:
            raise Refused("too_large", "the upload has no length or is too large", 413)
        if request.headers.get("idempotency-key", submission_id) != submission_id:
            raise Refused("id_mismatch", "Idempotency-Key names another submission")
        async with asyncio.timeout(self._upload_s):
            body = b"".join([chunk async for chunk in request.stream()])
        try:
            parts = multipart.parts(request.headers.get("content-type", ""), body)
        except ValueError as error:
            raise Refused("malformed", str(error), 400) from error
        sealed = SEALED_NAME in parts
        transaction, counter = (
            parts[SEALED_NAME if sealed else "transaction"],
            parts.get("counter_signature", b""),
        )
        return Upload(submission_id, transaction, parts["manifest"], parts["signature"], counter, sealed)

    async def _status(self, client: str, request: Request) -> Response:
        name = str(request.path_params["submission_id"])
        return JSONResponse(_receipt(await self._threaded(self._intake.status, client, name)))

    async def _onward(self, client: str, request: Request) -> Response:
        name = str(request.path_params["submission_id"])
        state, receipt = await self._threaded(self._intake.onward, client, name)
        return JSONResponse({"state": state, "bureau": None if receipt is None else _receipt(receipt)})

    async def _responses(self, client: str, request: Request) -> Response:
        after, limit = _number(request, "after", 0), max(1, min(_number(request, "limit", PAGE), PAGE))
        shown, more = await self._threaded(self._given, client, after, limit)
        return JSONResponse({"responses": shown, "more": more})

    def _given(self, client: str, after: int, limit: int) -> tuple[list[dict[str, object]], bool]:
        station = self._intake.station(client)
        kept, more = answers.given(self._intake.database, self._vault, station["station_id"], after, limit)
        return [_answer(one) for one in kept], more


def _refusal(refused: Refused) -> Response:
    headers = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
    return JSONResponse({"code": refused.code, "message": refused.message}, refused.status, headers)


def _receipt(signed: SignedReceipt) -> dict[str, str]:
    return {"receipt": _text(signed.receipt), "signature": _text(signed.signature)}


def _answer(kept: answers.Kept) -> dict[str, object]:
    return {
        "seq": kept.seq,
        "tcr": kept.tcr,
        "tot": kept.tot,
        "sha256": kept.sha256,
        "content": _text(kept.content),
        "signature": _text(kept.signature),
    }


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refused("malformed", f"{name} is not a number", 400)
    return int(text)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
