"""Whether a certificate was revoked, from a folder of lists: certificates in, an entry of a list or nothing out.

A list counts where it is signed by the very authority that issued the certificate, or by another certificate of the
same name under the same anchors that may sign lists. What an old list says stays true; only what it does not say gets
old: that is `require_current`. Files ending in `.crl` are lists, in `.pem` further certificates of authorities.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from cryptography import x509

from offline_queue import certificates, cms, crl
from offline_queue.crl import RevocationList, Revoked
from offline_queue.errors import Certainty, CertificateError, CmsError, RevocationError, TransportFault
from offline_queue.transports import Parcel, Transport
from offline_queue.wire import ResponsePage, SignedReceipt

MOST = 64
Stamp = tuple[int, int, int]


class Lists:
    """The lists of a folder, each read again when its file is another one. A folder that is absent has none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: dict[
            Path, tuple[Stamp, RevocationList | tuple[x509.Certificate, ...] | RevocationError]
        ] = {}

    def all(self) -> tuple[RevocationList, ...]:
        """Those that can be read, by file name."""
        return tuple(what for what in self.files().values() if isinstance(what, RevocationList))

    def authorities(self) -> tuple[x509.Certificate, ...]:
        """Certificates that lie beside the lists. They count only where they lead to an anchor."""
        return tuple(each for what in self.files().values() if isinstance(what, tuple) for each in what)

    def unfit(self) -> dict[Path, RevocationError]:
        """Files that cannot be read, and why."""
        return {path: what for path, what in self.files().items() if isinstance(what, RevocationError)}

    def files(self) -> dict[Path, RevocationList | tuple[x509.Certificate, ...] | RevocationError]:
        """Every file of the folder, with what is in it."""
        paths = self._paths()
        kept = {path: self._look(path) for path in paths[:MOST]}
        self._kept = kept
        found = {path: what for path, (_, what) in kept.items()}
        if len(paths) > MOST:
            text = (
                f"{len(paths)} files in {self.folder}: those behind {paths[MOST - 1].name} are not looked at"
            )
            found[paths[MOST]] = RevocationError("revocation.too_many", text, "remove what is not needed")
        return found

    def _paths(self) -> list[Path]:
        try:
            found = sorted(path for path in self.folder.iterdir() if path.suffix in (".crl", ".pem"))
        except OSError:
            return []
        return [path for path in found if not path.name.startswith(".")]

    def _look(
        self, path: Path
    ) -> tuple[Stamp, RevocationList | tuple[x509.Certificate, ...] | RevocationError]:
        try:
            status = path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            known = self._kept.get(path)
            if known is not None and known[0] == stamp:
                return known
            with path.open("rb") as file:
                data = file.read(crl.LIMIT + 1)
            return stamp, certificates.from_pem(data) if path.suffix == ".pem" else crl.parse(data)
        except OSError as error:
            text = f"{path}: {error.strerror}"
            return (0, 0, 0), RevocationError(
                "revocation.unreadable", text, "check the file's owner and mode"
            )
        except CertificateError as error:
            return stamp, RevocationError(
                "revocation.malformed", f"{path.name}: {error.message}", error.advice
            )
        except RevocationError as error:
            return stamp, error


class Revocation:
    """Lists, judged under one set of anchors: ours, the gateway's, or the receipts'."""

    def __init__(self, lists: Lists, anchors: Sequence[x509.Certificate]) -> None:
        self.lists = lists
        self.anchors = tuple(anchors)

    def of(self, leaf: x509.Certificate, others: Sequence[x509.Certificate] = ()) -> Revoked | None:
        """The entry of this certificate, or of an authority between it and the anchor; None when there is none, or it
        is not under these anchors."""
        path = certificates.find_path(leaf, (*others, *self.lists.authorities()), self.anchors)
        return None if path is None else self.of_path(path)

    def of_der(self, chain: Sequence[bytes]) -> Revoked | None:
        """The same for DER, the leaf first."""
        leaf, *others = (certificates.from_der(each) for each in chain)
        return self.of(leaf, others)

    def of_cms(self, signature: bytes) -> Revoked | None:
        """The same for the certificate that made a signature. None for a signature that cannot be read."""
        try:
            return self.of_der(cms.embedded_certificates(signature))
        except (CmsError, CertificateError):
            return None

    def of_path(self, path: Sequence[x509.Certificate]) -> Revoked | None:
        """The same for a path, leaf first, anchor last."""
        for child, issuer in pairwise(path):
            for each in self.lists.all():
                if self._counts(each, issuer) and (entry := each.entry(child.serial_number)) is not None:
                    return entry
        return None

    def signer_of(self, found: RevocationList) -> x509.Certificate:
        """RevocationError `revocation.untrusted` when it is signed by no authority under these anchors."""
        return crl.signer_of(found, self.anchors, self.lists.authorities())

    def require_current(
        self, authorities: Iterable[x509.Certificate], at: dt.datetime | None, oldest: dt.timedelta
    ) -> None:
        """Each of these authorities has a list here that is not too old. at: None on a clock that nobody vouches for:
        then dates are not judged. RevocationError `revocation.missing`, `.too_old`, `.not_yet_valid`."""
        for authority in authorities:
            lists = [each for each in self.lists.all() if self._counts(each, authority)]
            _require(authority, lists, at, oldest)

    def require_covered(
        self, path: Sequence[x509.Certificate], at: dt.datetime | None, oldest: dt.timedelta
    ) -> None:
        """The same for the authorities of one path, leaf first: a list that would name each of its certificates."""
        for child, issuer in pairwise(path):
            lists = [each for each in self.lists.all() if each.covers(child) and self._counts(each, issuer)]
            _require(issuer, lists, at, oldest)

    def _counts(self, found: RevocationList, issuer: x509.Certificate) -> bool:
        if found.issuer != issuer.subject:
            return False
        if crl.signed_by(found, issuer):
            return True
        try:
            return bool(self.signer_of(found))
        except RevocationError:
            return False


def _require(
    authority: x509.Certificate,
    lists: Sequence[RevocationList],
    at: dt.datetime | None,
    oldest: dt.timedelta,
) -> None:
    if not lists:
        text = f"there is no revocation list of {authority.subject.rfc4514_string()}"
        raise RevocationError("revocation.missing", text, "see: station keys crl")
    if at is not None:
        crl.check_dates(max(lists, key=lambda each: each.this_update), at, oldest)


def of_peer(options: Mapping[str, str]) -> Callable[[Sequence[bytes]], object | None]:
    """What a transport asks of the other side's certificates. options: `ca` and, by choice, `crl_folder`."""
    revocation = of_folder(options, Path(options["ca"]).read_bytes())
    if revocation is None:
        return lambda _: None

    def entry(chain: Sequence[bytes]) -> object | None:
        try:
            return revocation.of_der(chain)
        except CertificateError as error:
            return error  # what cannot be read cannot be looked up: as good as revoked

    return entry


def of_folder(options: Mapping[str, str], anchors: bytes) -> Revocation | None:
    """The lists of `crl_folder` under these anchors (PEM); None when the options name no folder."""
    if "crl_folder" not in options:
        return None
    return Revocation(Lists(Path(options["crl_folder"])), certificates.from_pem(anchors))


class Guarded:
    """A transport that is not used while `check` raises RevocationError: `gateway.revocation_unknown`, nothing sent."""

    def __init__(self, transport: Transport, check: Callable[[], None]) -> None:
        self._transport, self._check = transport, check

    def submit(self, parcel: Parcel) -> SignedReceipt:
        self._allowed()
        return self._transport.submit(parcel)

    def status(self, submission_id: str) -> SignedReceipt | None:
        self._allowed()
        return self._transport.status(submission_id)

    def responses(self, after: int, limit: int) -> ResponsePage:
        self._allowed()
        return self._transport.responses(after, limit)

    def close(self) -> None:
        self._transport.close()

    def _allowed(self) -> None:
        try:
            self._check()
        except RevocationError as error:
            raise TransportFault(
                "gateway.revocation_unknown",
                f"nothing is sent, by [revocation] required: {error.message} ({error.code})",
                error.advice,
                certainty=Certainty.NOT_SENT,
            ) from error
