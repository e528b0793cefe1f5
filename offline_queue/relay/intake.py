"""What stations hand in: an upload and the name in its TLS certificate in, the relay's signed custody receipt out.

Once a receipt is given, payload, manifest, signature, receipt and audit row are on the server's disk. An id of a
station counts once, for ever: the same bytes get the same receipt again, others a 409. Who may not, or has used up its
quota, gets a Refused with the HTTP status of docs/gateway-protocol.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import peewee
from cryptography import x509
from cryptography.x509.oid import NameOID

from offline_queue import canonical, certificates, vouched
from offline_queue.clock import Clock, stamp
from offline_queue.envelope import LARGEST_PAYLOAD, Manifest
from offline_queue.errors import QueueError, VaultError
from offline_queue.outward import Openers
from offline_queue.relay import chain
from offline_queue.relay.database import Database, Row
from offline_queue.relay.quick_cms import QuickSigner
from offline_queue.revocation import Revocation
from offline_queue.signers import Signer
from offline_queue.states import State
from offline_queue.vault import Vault
from offline_queue.wire import SignedReceipt

MIB = 1024 * 1024
WAIT_S = 60
KNOWN_S = 10.0  # so long a station that was removed from the settings may still be served
KNOWN = """
    SELECT s.seq, s.state, s.sha256, c.receipt, c.signature FROM submission s JOIN custody c USING (seq)
    WHERE s.station_id = %s AND s.submission_id = %s
"""
USED = """
    SELECT w.waiting, w.waiting_bytes, h.last_hour FROM
      (SELECT count(*) AS waiting, coalesce(sum(size), 0) AS waiting_bytes FROM submission
       WHERE station_id = %(station)s AND state IN ('ready','unknown','sending','asking','held')) w,
      (SELECT count(*) AS last_hour FROM submission
       WHERE station_id = %(station)s AND kept_at > clock_timestamp() - interval '1 hour') h
"""
NEW = """
    WITH s AS (
        INSERT INTO submission (station_id, submission_id, tcn, tot, ori, state, size, sha256, created_at)
        VALUES (%(station_id)s, %(submission_id)s, %(tcn)s, %(tot)s, %(ori)s, %(state)s, %(size)s, %(sha256)s,
                %(created_at)s) RETURNING seq
    ), p AS (INSERT INTO payload SELECT seq, %(sealed)s, %(sealed_sha256)s FROM s),
    e AS (INSERT INTO envelope SELECT seq, %(manifest)s, %(signature)s, %(signer)s FROM s),
    c AS (INSERT INTO custody SELECT seq, %(receipt)s, %(receipt_signature)s, %(received_at)s FROM s)
    SELECT seq FROM s
"""


class Refused(QueueError):
    """Not taken. `code` goes out as it is; `status` is the HTTP status; retry_after_s with 429 and 503."""

    def __init__(self, code: str, message: str, status: int = 422, retry_after_s: int | None = None) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Upload:
    """The parts as they came, and the id of the URL. sealed: `transaction` is sealed to the relay's key."""

    submission_id: str
    transaction: bytes
    manifest: bytes
    signature: bytes
    counter_signature: bytes = b""
    sealed: bool = False


@dataclass(frozen=True)
class Taken:
    """A receipt, and whether it was made just now."""

    receipt: SignedReceipt
    new: bool


def payload_aad(station_id: str, submission_id: str) -> bytes:
    """What ties sealed bytes to their entry."""
    return f"relay:{station_id}:{submission_id}".encode()


class Intake:
    """Takes custody. station_ca: PEM of the authority of the stations' signing certificates; openers: the keys to which
    stations may seal; revocation: lists on which no certificate of a station may stand. Safe for threads."""

    def __init__(
        self, database: Database, vault: Vault, signer: Signer, name: str, station_ca: bytes, clock: Clock,
        openers: Openers | None = None, revocation: Revocation | None = None,
    ) -> None:  # fmt: skip
        certificates.from_pem(station_ca)
        self.database = database
        self._vault = vault
        self._signer = QuickSigner(signer, clock.utcnow())
        self._name = name
        self._station_ca = station_ca
        self._clock = clock
        self._openers = openers or Openers()
        self.revocation = revocation
        self._stations: dict[str, tuple[float, Row]] = {}
        self._full: set[str] = (
            set()
        )  # refused for their quota: asked for it before the next upload is written

    def admit(self, certificate: bytes) -> None:
        """Refused 403 when a station's TLS certificate (DER) is on a list: nothing of it is read."""
        entry = None if self.revocation is None else self.revocation.of_der([certificate])
        if entry is not None:
            raise Refused("certificate_revoked", str(entry), 403)

    def station(self, client: str) -> Row:
        """The station of a TLS certificate with this common name, as the database knew it KNOWN_S ago or later.
        Refused 403 when there is none."""
        row = self.remembered(client)
        if row is None:
            now = self._clock.monotonic()  # before it is read: it is no younger than that
            row = self._station(client)
            self._stations[client] = (now, row)
        return row

    def remembered(self, client: str) -> Row | None:
        """`station` when the database need not be asked, else None: for those who may not wait."""
        read_at, row = self._stations.get(client, (0.0, None))
        return None if row is None or self._clock.monotonic() - read_at > KNOWN_S else row

    def _station(self, client: str) -> Row:
        row = self.database.one("SELECT * FROM station WHERE client = %s AND active", (client,))
        if row is None:
            raise Refused("unknown_station", "this certificate belongs to no station of this relay", 403)
        return row

    def submit(self, client: str, upload: Upload) -> Taken:
        """Refused, StoreFault, or the relay's custody receipt."""
        station = self.station(client)
        upload = self._opened(upload)
        digest = hashlib.sha256(upload.transaction).hexdigest()
        try:
            return Taken(self._take(station, upload, digest), True)
        except (
            peewee.IntegrityError,
            Refused,
        ) as refusal:  # what is known is receipted again, whatever has changed
            known = self._known(station["station_id"], upload.submission_id, digest)
            if known is not None:
                return Taken(known, False)
            if isinstance(refusal, Refused):
                raise
            raise Refused("tcn_reused", "this control number belongs to another submission") from None

    def _opened(self, upload: Upload) -> Upload:
        """Refused when it is sealed to somebody else: for bytes that nobody here could look at, no receipt is given."""
        if not upload.sealed:
            return upload
        try:
            plain = self._openers.submission(upload.transaction, upload.submission_id)
        except VaultError as failure:
            raise Refused(failure.code, failure.message) from failure
        return replace(upload, transaction=plain, sealed=False)

    def _take(self, station: Row, upload: Upload, digest: str) -> SignedReceipt:
        name = station["station_id"]
        manifest, signer = self._checked(station, upload, digest)
        if name in self._full:
            self._check_quota(station, 1, len(upload.transaction))
            self._full.discard(name)
        receipt = self._receipt(manifest)
        sealed = self._vault.seal(upload.transaction, payload_aad(name, upload.submission_id))
        self._keep(station, upload, manifest, signer, receipt, sealed)
        return receipt

    def status(self, client: str, submission_id: str) -> SignedReceipt:
        """The relay's receipt of one of the station's submissions. Refused 404 when it does not have it."""
        row = self.database.one(KNOWN, (self.station(client)["station_id"], submission_id))
        if row is None:
            raise Refused("unknown_submission", "no such submission is in custody", 404)
        return SignedReceipt(bytes(row["receipt"]), bytes(row["signature"]))

    def onward(self, client: str, submission_id: str) -> tuple[str, SignedReceipt | None]:
        """How far it got: its state here, and the bureau's own receipt once there is one. Refused 404."""
        statement = (
            "SELECT s.state, r.receipt, r.signature FROM submission s LEFT JOIN receipt r USING (seq) "
            "WHERE s.station_id = %s AND s.submission_id = %s"
        )
        row = self.database.one(statement, (self.station(client)["station_id"], submission_id))
        if row is None:
            raise Refused("unknown_submission", "no such submission is in custody", 404)
        receipt = row["receipt"]
        return row["state"], None if receipt is None else SignedReceipt(
            bytes(receipt), bytes(row["signature"])
        )

    def _known(self, station_id: str, submission_id: str, digest: str) -> SignedReceipt | None:
        row = self.database.one(KNOWN, (station_id, submission_id))
        if row is None:
            return None
        if row["sha256"] != digest:
            raise Refused("conflict", "this submission id belongs to other bytes", 409)
        return SignedReceipt(bytes(row["receipt"]), bytes(row["signature"]))

    def _checked(self, station: Row, upload: Upload, digest: str) -> tuple[Manifest, str]:
        """The manifest and its signer, when everything fits together."""
        parts, now = (upload.manifest, upload.signature, upload.counter_signature), self._clock.utcnow()
        try:
            who = vouched.verify(*parts, self._station_ca, now, self.revocation)
        except QueueError as failure:
            raise Refused(failure.code, failure.message) from failure
        manifest, signers = who.manifest, [each for each in (who.signer, who.counter) if each is not None]
        if any(common_name(each.certificate) != station["signer"] for each in signers):
            raise Refused("signer_mismatch", "the manifest was signed by another station")
        if (manifest.submission_id, manifest.station_id) != (upload.submission_id, station["station_id"]):
            raise Refused("id_mismatch", "the manifest names another submission or station")
        if (manifest.sha256, manifest.size) != (digest, len(upload.transaction)):
            raise Refused("digest_mismatch", "the transaction is not the one the manifest was signed for")
        if not 0 < manifest.size <= LARGEST_PAYLOAD:
            raise Refused("too_large", "no transaction, or one that is too large")
        if manifest.ori not in station["oris"].split():
            raise Refused("ori_not_permitted", f"this station does not submit for {manifest.ori}")
        return manifest, who.signer.subject

    def _check_quota(self, station: Row, more: int, size: int) -> None:
        """Refused 429 when `more` entries of `size` bytes would be too many. Asked with the chain locked and the row
        written; of a station that was refused for it also before anything is."""
        used = used_by(self.database, station["station_id"])
        over = (
            ("waiting submissions", used["waiting"] + more > station["most_waiting"]),
            ("waiting bytes", used["waiting_bytes"] + size > station["most_waiting_mib"] * MIB),
            ("submissions in an hour", used["last_hour"] + more > station["most_an_hour"]),
        )
        for what, full in over:
            if full:
                self._full.add(station["station_id"])
                raise Refused("quota", f"this station's quota of {what} is used up", 429, WAIT_S)

    def _receipt(self, manifest: Manifest) -> SignedReceipt:
        now = self._clock.utcnow()
        receipt = canonical.dumps(
            {
                "schema": 1,
                "gateway": self._name,
                "submission_id": manifest.submission_id,
                "tcn": manifest.tcn,
                "sha256": manifest.sha256,
                "size": manifest.size,
                "received_at": stamp(now),
                "custody": True,
            }
        )
        return SignedReceipt(receipt, self._signer.sign(receipt, now))

    def _keep(
        self,
        station: Row,
        upload: Upload,
        manifest: Manifest,
        signer: str,
        receipt: SignedReceipt,
        sealed: bytes,
    ) -> None:
        values = {
            name: getattr(manifest, name) for name in ("submission_id", "tcn", "tot", "ori", "size", "sha256")
        }
        values |= {
            "station_id": station["station_id"],
            "state": str(State.READY),
            "created_at": stamp(manifest.created_at),
            "sealed": sealed,
            "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
            "manifest": upload.manifest,
            "signature": upload.signature,
            "signer": signer,
            "receipt": receipt.receipt,
            "receipt_signature": receipt.signature,
            "received_at": stamp(self._clock.utcnow()),
        }
        with self.database.write() as database:
            row = database.one(NEW, values)
            head = chain.lock(database, station["station_id"])
            self._check_quota(station, 0, 0)
            detail = {"sha256": manifest.sha256, "size": manifest.size, "tcn": manifest.tcn}
            detail["seq"] = row["seq"] if row else 0
            detail["receipt_sha256"] = hashlib.sha256(receipt.receipt).hexdigest()
            detail["manifest_sha256"] = hashlib.sha256(upload.manifest).hexdigest()
            if second := upload.counter_signature:
                row_of_it = {"seq": detail["seq"], "n": 1, "signature": second, "signer": signer}
                database.add("counter_signature", row_of_it)
                detail["counter_signature_sha256"] = hashlib.sha256(second).hexdigest()
            chain.append(database, station["station_id"], "taken", manifest.submission_id, detail, head)


def used_by(database: Database, station_id: str) -> Row:
    """waiting, waiting_bytes, last_hour of a station."""
    row = database.one(USED, {"station": station_id})
    assert row is not None
    return {name: int(value) for name, value in row.items()}


def common_name(certificate_der: bytes) -> str:
    """The one common name of a certificate; '' when there is none or several."""
    subject: Any = x509.load_der_x509_certificate(certificate_der).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""
