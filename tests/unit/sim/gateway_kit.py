"""A client of the simulated gateway that sees every byte: uploads with a real manifest and signature, raw replies."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import json
from typing import Any

import requests

from offline_queue import cms
from offline_queue.envelope import Manifest
from offline_queue.signers import load_signer
from station.records.encode import encode
from station.records.header import Header
from station.records.tot import car
from station.sim.pki import PkiPaths
from tests.unit.records.kit import HEADER, SUBJECT, tenprint


def transaction(tcn: str = "SIM-2026-000001", today: dt.date | None = None, **changes: Any) -> bytes:
    """A CAR; changes: Type-2 values."""
    day = today or dt.datetime.now(dt.UTC).date()
    header = Header(tcn, HEADER.dai, HEADER.ori, day, HEADER.gmt)
    return encode(
        car.build(header, {**SUBJECT, "DOA": "20260101", "ASL": "SYNTHETIC", **changes}, tenprint())
    )


def manifest(content: bytes, submission_id: str, tcn: str, **changes: Any) -> bytes:
    value = Manifest(
        submission_id=submission_id,
        tcn=tcn,
        tot="CAR",
        ori=HEADER.ori,
        station_id="station-1",
        seq=1,
        created_at=dt.datetime.now(dt.UTC),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        prev_audit="0" * 64,
    )
    return dataclasses.replace(value, **changes).to_bytes()


class Client:
    """The station's side of the protocol, without the queue."""

    def __init__(self, url: str, pki: PkiPaths) -> None:
        self._url = url
        self._pki = pki
        self._signer = load_signer(pki.signing_uri)

    def put(
        self,
        submission_id: str = "s-1",
        tcn: str = "SIM-2026-000001",
        content: bytes | None = None,
        *,
        headers: dict[str, str] | None = None,
        said: bytes | None = None,
        signature: bytes | None = None,
        **changes: Any,
    ) -> requests.Response:
        content = transaction(tcn) if content is None else content
        said = manifest(content, submission_id, tcn, **changes) if said is None else said
        signed = (
            cms.sign_detached(said, self._signer, dt.datetime.now(dt.UTC)) if signature is None else signature
        )
        files = {
            "transaction": ("transaction.an2", content, "application/octet-stream"),
            "manifest": ("manifest.json", said, "application/json"),
            "signature": ("manifest.p7s", signed, "application/pkcs7-signature"),
        }
        return self.request("PUT", f"/v1/submissions/{submission_id}", files=files, headers=headers)

    def get(self, path: str) -> requests.Response:
        return self.request("GET", path)

    def responses(self, after: int = 0, limit: int = 100) -> dict[str, Any]:
        return dict(self.get(f"/v1/responses?after={after}&limit={limit}").json())

    def request(self, method: str, path: str, *, known: bool = True, **kwargs: Any) -> requests.Response:
        certificate = (
            (str(self._pki.station_client_cert), str(self._pki.station_client_key)) if known else None
        )
        with requests.Session() as session:
            session.trust_env = False
            reply = session.request(
                method,
                self._url + path,
                cert=certificate,
                verify=str(self._pki.gateway_ca),
                timeout=20,
                allow_redirects=False,
                **kwargs,
            )
            reply.close()
            return reply

    def receipt(self, reply: requests.Response) -> dict[str, Any]:
        """The receipt of a reply, once its signature held."""
        shown = reply.json()
        content = base64.b64decode(shown["receipt"])
        self.verify(content, base64.b64decode(shown["signature"]))
        return dict(json.loads(content))

    def verify(self, content: bytes, signature: bytes) -> None:
        cms.verify_detached(content, signature, self._pki.gateway_ca.read_bytes(), dt.datetime.now(dt.UTC))
