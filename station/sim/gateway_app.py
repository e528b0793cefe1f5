"""The simulated gateway over HTTP (docs/gateway-protocol.md): requests in, receipts and answers out, faults between.

An ASGI application for Starlette. It takes custody of a submission once: the same id with the same digest gets the
same receipt again, with another digest a 409. A definite refusal is 422 with a stable code.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from offline_queue import canonical, cms
from offline_queue.clock import stamp
from offline_queue.outward import Openers
from offline_queue.revocation import Revocation
from offline_queue.signers import Signer
from offline_queue.transports import SEALED_NAME
from station.sim import gateway_bureau as bureau
from station.sim.gateway_faults import Fault, FaultScript
from station.sim.gateway_store import Answer, Store, Stored

NAME = "SIMULATED state bureau"
LARGEST_UPLOAD = 80 * 2**20
PAGE = 100
PARTS = ("manifest", "signature")
PORTAL = "<!doctype html><title>Sign in</title><h1>Network sign-in</h1><p>Please accept the terms of use.</p>"


class Clock(Protocol):
    """Wall time."""

    def utcnow(self) -> dt.datetime: ...


@dataclass(frozen=True)
class Bureau:
    """What a running gateway has at hand. answer_after, second_stage_after: seconds from custody to the answers;
    openers: the private keys to which stations may seal; revocation: lists about the stations' certificates."""

    store: Store
    faults: FaultScript
    signer: Signer
    station_ca: bytes
    clock: Clock
    answer_after: float = 0.0
    second_stage_after: float = 0.0
    rates: bureau.Rates = bureau.USUAL
    openers: Openers = field(default_factory=Openers)
    revocation: Revocation | None = None


Struck = dict[str, Fault]
Handler = Callable[[Bureau, Request, Struck], Awaitable[Response]]


class Dropped(Response):
    """No reply: the connection is closed. cut: a reply of which half the body goes out first."""

    def __init__(self, cut: Response | None = None) -> None:
        super().__init__()
        self._cut = cut

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        transport = scope["state"]["transport"]
        if self._cut is None:
            transport.abort()
        else:
            await self._half(send)
            transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _half(self, send: Any) -> None:
        assert self._cut is not None
        body = bytes(self._cut.body)
        await send(
            {"type": "http.response.start", "status": self._cut.status_code, "headers": self._cut.raw_headers}
        )
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


def application(state: Bureau) -> Starlette:
    """The ASGI application of one gateway."""
    routes = [
        Route("/v1/submissions/{submission_id}", _route(state, "submit", _submit), methods=["PUT"]),
        Route("/v1/submissions/{submission_id}", _route(state, "status", _status), methods=["GET"]),
        Route("/v1/responses", _route(state, "responses", _responses), methods=["GET"]),
    ]
    return Starlette(routes=routes)


def _route(state: Bureau, on: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        struck = {fault.do: fault for fault in state.faults.request(on)}
        if "slow" in struck:
            await asyncio.sleep(struck["slow"].seconds)
        early = _before(struck)
        if early is not None:
            return early
        try:
            reply = await handler(state, request, struck)
        except bureau.Refusal as refusal:
            reply = JSONResponse({"code": refusal.code, "message": refusal.message}, refusal.status)
        except ClientDisconnect:
            return Dropped()
        if "drop_after_accept" in struck:
            return Dropped()
        return Dropped(reply) if "truncate" in struck else reply

    return endpoint


def _before(struck: Struck) -> Response | None:
    """The faults that come before anything is stored."""
    if "drop_before_accept" in struck:
        return Dropped()
    if "503" in struck:
        headers = {"Retry-After": str(struck["503"].retry_after)}
        return JSONResponse({"code": "busy", "message": "try again later"}, 503, headers)
    return Response(PORTAL, media_type="text/html") if "html" in struck else None


async def _submit(state: Bureau, request: Request, struck: Struck) -> Response:
    upload = await _upload(state, request)
    known = state.store.submission(upload.submission_id)
    if known is None:
        now = state.clock.utcnow()
        manifest, signer = bureau.accept(upload, state.station_ca, now, state.revocation)
        if state.store.with_tcn(manifest.tcn) is not None:
            raise bureau.Refusal("tcn_reused", "this control number belongs to another submission")
        stored = receipted(state, upload, manifest.tcn, signer, now)
        if not state.store.keep(stored, plan(state, upload.transaction, now)):
            raise bureau.Refusal("conflict", "another upload of this submission came first", 409)
        return _receipt_reply(state, stored, struck, 201)
    if known.sha256 != hashlib.sha256(upload.transaction).hexdigest():
        raise bureau.Refusal("conflict", "this submission id belongs to other bytes", 409)
    return _receipt_reply(state, known, struck, 200)


async def _upload(state: Bureau, request: Request) -> bureau.Upload:
    submission_id = str(request.path_params["submission_id"])
    if int(request.headers.get("content-length") or LARGEST_UPLOAD + 1) > LARGEST_UPLOAD:
        raise bureau.Refusal("too_large", "the upload has no length or is too large", 413)
    if request.headers.get("idempotency-key", submission_id) != submission_id:
        raise bureau.Refusal("id_mismatch", "Idempotency-Key names another submission")
    try:
        async with request.form(max_files=8, max_fields=8, max_part_size=2**20) as form:
            manifest, signature = [await _part(form.get(name)) for name in PARTS]
            plain, sealed = [await _part(form.get(name)) for name in ("transaction", SEALED_NAME)]
            counter = await _part(form.get("counter_signature")) or b""
    except HTTPException as failure:
        raise bureau.Refusal("malformed", "the upload is not multipart/form-data", 400) from failure
    if manifest is None or signature is None or (plain is None) == (sealed is None):
        words = f"the parts {', '.join(PARTS)} and one of transaction, {SEALED_NAME} must be files"
        raise bureau.Refusal("malformed", words, 400)
    if sealed is not None:
        plain = bureau.opened(state.openers, sealed, submission_id)
    return bureau.Upload(submission_id, plain or b"", manifest, signature, counter)


async def _part(part: object) -> bytes | None:
    """The bytes of a file part; a part without file name would have been read as text."""
    return await part.read() if isinstance(part, UploadFile) else None


def plan(state: Bureau, content: bytes, now: dt.datetime) -> tuple[tuple[str, float], ...]:
    """A rejected submission gets no second message."""
    first = ("search", now.timestamp() + state.answer_after)
    if bureau.findings(content, now):
        return (first,)
    return first, ("second", now.timestamp() + max(state.second_stage_after, state.answer_after))


def receipted(state: Bureau, upload: bureau.Upload, tcn: str, signer: str, now: dt.datetime) -> Stored:
    """A submission with the receipt that is given out for it, ready to be kept."""
    digest = hashlib.sha256(upload.transaction).hexdigest()
    receipt = _receipt(upload.submission_id, tcn, digest, len(upload.transaction), now)
    return Stored(
        submission_id=upload.submission_id,
        tcn=tcn,
        sha256=digest,
        size=len(upload.transaction),
        received_at=stamp(now),
        signer=signer,
        content=upload.transaction,
        manifest=upload.manifest,
        signature=upload.signature,
        receipt=receipt,
        receipt_signature=cms.sign_detached(receipt, state.signer, now),
    )


def _receipt(submission_id: str, tcn: str, sha256: str, size: int, now: dt.datetime) -> bytes:
    return canonical.dumps(
        {
            "schema": 1,
            "gateway": NAME,
            "submission_id": submission_id,
            "tcn": tcn,
            "sha256": sha256,
            "size": size,
            "received_at": stamp(now),
            "custody": True,
        }
    )


def _receipt_reply(state: Bureau, stored: Stored, struck: Struck, status: int) -> Response:
    receipt, signature, now = stored.receipt, stored.receipt_signature, state.clock.utcnow()
    if "wrong_receipt_id" in struck or "wrong_receipt_digest" in struck:
        submission_id = "another" if "wrong_receipt_id" in struck else stored.submission_id
        sha256 = "0" * 64 if "wrong_receipt_digest" in struck else stored.sha256
        receipt = _receipt(submission_id, stored.tcn, sha256, stored.size, now)
        signature = cms.sign_detached(receipt, state.signer, now)
    if "bad_receipt_signature" in struck:
        signature = cms.sign_detached(b"other bytes", state.signer, now)
    return JSONResponse({"receipt": _text(receipt), "signature": _text(signature)}, status)


async def _status(state: Bureau, request: Request, struck: Struck) -> Response:
    stored = state.store.submission(str(request.path_params["submission_id"]))
    if stored is None:
        raise bureau.Refusal("unknown_submission", "no such submission is in custody", 404)
    return _receipt_reply(state, stored, struck, 200)


async def _responses(state: Bureau, request: Request, struck: Struck) -> Response:
    after, limit = _number(request, "after", 0), max(1, min(_number(request, "limit", PAGE), PAGE))
    now = state.clock.utcnow()
    state.store.publish_due(
        now.timestamp(),
        lambda stage, stored, seq: bureau.compose(stage, stored.content, seq, now, state.rates),
    )
    if "duplicate_response" in struck:
        state.store.repeat(tuple(answer.seq for answer in state.store.answers(after, limit)))
    answers = state.store.answers(after, limit + 1)
    shown = [_answer(state, answer, struck, now) for answer in answers[:limit]]
    return JSONResponse({"responses": shown, "more": len(answers) > limit})


def _number(request: Request, name: str, default: int) -> int:
    with contextlib.suppress(ValueError):
        return int(request.query_params.get(name, default))
    raise bureau.Refusal("malformed", f"{name} is not a number", 400)


def _answer(state: Bureau, answer: Answer, struck: Struck, now: dt.datetime) -> dict[str, object]:
    signed = b"other bytes" if "bad_receipt_signature" in struck else answer.content
    digest = "0" * 64 if "wrong_receipt_digest" in struck else hashlib.sha256(answer.content).hexdigest()
    shown = replace(answer, tcr="another") if "wrong_receipt_id" in struck else answer
    return {
        "seq": shown.seq,
        "tcr": shown.tcr,
        "tot": shown.tot,
        "sha256": digest,
        "content": _text(shown.content),
        "signature": _text(cms.sign_detached(signed, state.signer, now)),
    }


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
