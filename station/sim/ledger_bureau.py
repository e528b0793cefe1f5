"""A bureau that only counts: `python -m station.sim.ledger_bureau --pki DIR --ledger FILE [--answer]`.

It speaks docs/gateway-protocol.md for loads and crashes: it takes any bytes, signs a receipt for each id once, and
writes a line for everything it was handed (`taken ID SHA256`, `again ID SHA256`), before it answers. With --answer it
also answers each, with a signed line of text. It prints `ready PORT` and runs until SIGTERM. SIMULATED.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from offline_queue import canonical
from offline_queue.clock import SystemClock, stamp
from offline_queue.envelope import Manifest
from offline_queue.outward import Openers
from offline_queue.relay import multipart
from offline_queue.relay.quick_cms import QuickSigner
from offline_queue.relay.serving import listener, serve, server_context
from offline_queue.relay.settings import Listen
from offline_queue.signers import Signer, load_signer
from offline_queue.transports import SEALED_NAME
from station.sim.pki import PkiPaths

NAME = "SIMULATED counting bureau"
PAGE = 100


class Ledger:
    """What was handed in."""

    def __init__(self, path: Path, signer: Signer, openers: Openers, *, answer: bool) -> None:
        self._openers = openers
        self._signer = QuickSigner(signer, SystemClock().utcnow())
        self._answer = answer
        self._receipts: dict[str, dict[str, str]] = {}
        self._tcns: list[str] = []
        self._file: IO[str] = path.open("a", buffering=1)

    def application(self) -> Starlette:
        path = "/v1/submissions/{submission_id}"
        return Starlette(
            routes=[
                Route(path, self._submit, methods=["PUT"]),
                Route(path, self._status, methods=["GET"]),
                Route("/v1/responses", self._responses, methods=["GET"]),
            ]
        )

    async def _submit(self, request: Request) -> Response:
        parts = multipart.parts(request.headers["content-type"], await request.body())
        manifest = Manifest.from_bytes(parts["manifest"])
        if SEALED_NAME in parts:
            parts["transaction"] = self._openers.submission(parts[SEALED_NAME], manifest.submission_id)
        digest = hashlib.sha256(parts["transaction"]).hexdigest()
        if (manifest.sha256, manifest.submission_id) != (digest, request.path_params["submission_id"]):
            return JSONResponse({"code": "digest_mismatch", "message": "other bytes"}, 422)
        known = self._receipts.get(manifest.submission_id)
        self._file.write(f"{'taken' if known is None else 'again'} {manifest.submission_id} {digest}\n")
        if known is None:
            known = self._receipts[manifest.submission_id] = self._receipt(manifest)
            self._tcns.append(manifest.tcn)
        return JSONResponse(known)

    async def _status(self, request: Request) -> Response:
        known = self._receipts.get(request.path_params["submission_id"])
        if known is None:
            return JSONResponse({"code": "unknown_submission", "message": "not here"}, 404)
        return JSONResponse(known)

    async def _responses(self, request: Request) -> Response:
        after, limit = int(request.query_params["after"]), min(int(request.query_params["limit"]), PAGE)
        tcns = self._tcns[after : after + limit] if self._answer else []
        more = self._answer and after + limit < len(self._tcns)
        shown = [self._answered(after + n, tcn) for n, tcn in enumerate(tcns, start=1)]
        return JSONResponse({"responses": shown, "more": more})

    def _answered(self, seq: int, tcn: str) -> dict[str, object]:
        content = f"SIMULATED ANSWER {seq} TO {tcn}".encode()
        signature = self._signer.sign(content, SystemClock().utcnow())
        digest = hashlib.sha256(content).hexdigest()
        return {"seq": seq, "tcr": tcn, "tot": "SRE", "sha256": digest, "content": _text(content),
                "signature": _text(signature)}  # fmt: skip

    def _receipt(self, manifest: Manifest) -> dict[str, str]:
        now = SystemClock().utcnow()
        said = {name: getattr(manifest, name) for name in ("submission_id", "tcn", "sha256", "size")}
        receipt = canonical.dumps(
            {"schema": 1, "gateway": NAME, "custody": True, "received_at": stamp(now), **said}
        )
        return {"receipt": _text(receipt), "signature": _text(self._signer.sign(receipt, now))}


def read_ledger(path: Path) -> tuple[dict[str, str], list[str]]:
    """Ledger file to (id → digest, ids that were handed in again after custody): a bureau that did not know ids
    would have doubled those."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return (
        {name: digest for what, name, digest in lines if what == "taken"},
        [name for what, name, _ in lines if what == "again"],
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="A simulated bureau that counts, for loads and crashes.")
    parser.add_argument("--pki", type=Path, required=True, help="folder of `station.sim.pki`")
    parser.add_argument("--ledger", type=Path, required=True, help="where it writes what it was handed")
    parser.add_argument("--answer", action="store_true", help="answer every submission, too")
    args = parser.parse_args(argv)
    pki, stop = PkiPaths.at(args.pki), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    openers = Openers.load([pki.gateway_sealing_key])
    ledger = Ledger(args.ledger, load_signer(pki.receipt_signing_uri), openers, answer=args.answer)
    listen = Listen(cert=pki.gateway_server_cert, key=pki.gateway_server_key, station_ca=pki.station_ca)
    with listener("127.0.0.1", 0) as sock:
        sys.stdout.write(f"ready {sock.getsockname()[1]}\n")
        sys.stdout.flush()
        serve(ledger.application(), sock, stop, lambda: None, server_context(listen))
    return 0


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


if __name__ == "__main__":
    sys.exit(main())
