"""Revocation lists: what is read, what is refused, who may sign one, and that damaged bytes are only ever refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from offline_queue import crl
from offline_queue.errors import RevocationError
from station.sim.pki import Authority, _usage

NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
SHA256 = hashes.SHA256()
OURS = Authority.new("SIMULATED TEST authority", NOW - 10 * DAY)
OTHER = Authority.new("SIMULATED TEST other authority", NOW - 10 * DAY)
KEY_LOST = x509.ReasonFlags.key_compromise
GOOD = OURS.crl(NOW, {7: (NOW - DAY, KEY_LOST), 8: (NOW, x509.ReasonFlags.superseded)})


def point(**said: object) -> tuple[x509.IssuingDistributionPoint, bool]:
    values = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**(values | said)), True  # type: ignore[arg-type]


def code(work: Callable[[], object]) -> str:
    with pytest.raises(RevocationError) as error:
        work()
    assert error.value.advice
    return error.value.code


@pytest.mark.parametrize("pem", [False, True])
def test_a_serial_number_is_looked_up_with_reason_and_date(pem: bool) -> None:
    data = GOOD
    if pem:
        data = x509.load_der_x509_crl(GOOD).public_bytes(serialization.Encoding.PEM)
    found = crl.parse(data)
    entry = found.entry(7)
    assert entry is not None
    assert (entry.reason, entry.since, entry.key_lost) == ("keyCompromise", NOW - DAY, True)
    other = found.entry(8)
    assert other is not None
    assert not other.key_lost
    assert found.entry(9) is None
    assert (found.number, found.this_update, found.next_update) == (1, NOW, NOW + 7 * DAY)


def test_the_date_of_invalidity_counts_when_it_is_earlier() -> None:
    entry = x509.RevokedCertificateBuilder().serial_number(5).revocation_date(NOW)
    entry = entry.add_extension(x509.InvalidityDate(NOW - 3 * DAY), critical=False)
    found = crl.parse(built(lambda made: made.add_revoked_certificate(entry.build()))).entry(5)
    assert found is not None
    assert (found.at, found.since) == (NOW, NOW - 3 * DAY)


def built(
    more: Callable[[x509.CertificateRevocationListBuilder], x509.CertificateRevocationListBuilder],
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey = OURS.issued.key,
    digest: hashes.SHA256 | None = SHA256,
) -> bytes:
    made = x509.CertificateRevocationListBuilder().issuer_name(OURS.issued.certificate.subject)
    made = more(made.last_update(NOW).next_update(NOW + DAY))
    return made.sign(key, digest).public_bytes(serialization.Encoding.DER)


def entry_with(extension: x509.ExtensionType, critical: bool) -> bytes:
    entry = x509.RevokedCertificateBuilder().serial_number(5).revocation_date(NOW)
    return built(
        lambda made: made.add_revoked_certificate(entry.add_extension(extension, critical=critical).build())
    )


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
ISSUER = x509.CertificateIssuer([x509.DirectoryName(OTHER.issued.certificate.subject)])
REASONS = frozenset({KEY_LOST})
REFUSED = {
    "a delta list": (OURS.crl(NOW, extensions=[(x509.DeltaCRLIndicator(1), True)]), "revocation.delta"),
    "an indirect list": (OURS.crl(NOW, extensions=[point(indirect_crl=True)]), "revocation.indirect"),
    "an entry of another authority": (entry_with(ISSUER, True), "revocation.indirect"),
    "a list of some reasons": (
        OURS.crl(NOW, extensions=[point(only_some_reasons=REASONS)]),
        "revocation.partial",
    ),
    "an unknown critical extension": (
        OURS.crl(NOW, extensions=[(UNKNOWN, True)]),
        "revocation.unknown_extension",
    ),
    "an unknown critical extension of an entry": (entry_with(UNKNOWN, True), "revocation.unknown_extension"),
    "an entry that only a delta list has": (
        entry_with(x509.CRLReason(x509.ReasonFlags.remove_from_crl), False),
        "revocation.malformed",
    ),
    "another algorithm": (
        built(lambda made: made, ed25519.Ed25519PrivateKey.generate(), None),
        "revocation.unsupported",
    ),
    "bytes behind it": (GOOD + b"\x00", "revocation.malformed"),
    "a certificate": (
        OURS.issued.certificate.public_bytes(serialization.Encoding.DER),
        "revocation.malformed",
    ),
    "nothing": (b"", "revocation.malformed"),
    "too much": (b"\x30" * (crl.LIMIT + 1), "revocation.too_large"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_whole_list_is_refused_with_its_code(name: str) -> None:
    data, wanted = REFUSED[name]
    assert code(lambda: crl.parse(data)) == wanted


def test_extensions_that_are_unknown_and_not_critical_do_no_harm() -> None:
    assert crl.parse(OURS.crl(NOW, extensions=[(UNKNOWN, False)])).number == 1
    assert crl.parse(entry_with(UNKNOWN, False)).entry(5) is not None


def test_it_is_signed_by_the_authority_whose_name_it_bears() -> None:
    found = crl.parse(GOOD)
    assert (
        crl.signer_of(found, [OTHER.issued.certificate, OURS.issued.certificate]) == OURS.issued.certificate
    )
    assert code(lambda: crl.signer_of(found, [OTHER.issued.certificate])) == "revocation.untrusted"
    namesake = Authority.new("SIMULATED TEST authority", NOW - 10 * DAY)
    assert code(lambda: crl.signer_of(found, [namesake.issued.certificate])) == "revocation.untrusted"


def test_an_rsa_authority_s_list_is_believed_too() -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = OURS.issued.certificate.subject
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + DAY)
    authority = made.sign(key, hashes.SHA256())
    assert crl.signed_by(crl.parse(built(lambda made: made, key)), authority)


@pytest.mark.parametrize(("may", "wanted"), [(True, True), (False, False)])
def test_another_certificate_of_that_name_may_sign_it_if_it_is_under_the_anchor_and_for_lists(
    may: bool, wanted: bool
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = OURS.issued.certificate.subject
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(3).not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    made = made.add_extension(_usage(crl_sign=may, digital_signature=True), critical=True)
    signer = made.sign(OURS.issued.key, hashes.SHA256())
    found = crl.parse(built(lambda made: made, key))
    if wanted:
        assert crl.signer_of(found, [OURS.issued.certificate], [signer]) == signer
    else:
        assert (
            code(lambda: crl.signer_of(found, [OURS.issued.certificate], [signer])) == "revocation.untrusted"
        )
    assert code(lambda: crl.signer_of(found, [OTHER.issued.certificate], [signer])) == "revocation.untrusted"


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        (-DAY, "revocation.not_yet_valid"),
        (-crl.SLACK, ""),
        (2 * DAY, ""),
        (2 * DAY + dt.timedelta(seconds=1), "revocation.too_old"),
        (8 * DAY, "revocation.too_old"),
    ],
)
def test_dates_are_judged_against_a_time_that_is_given(after: dt.timedelta, wanted: str) -> None:
    found = crl.parse(GOOD)
    if wanted:
        assert code(lambda: crl.check_dates(found, NOW + after, 2 * DAY)) == wanted
    else:
        crl.check_dates(found, NOW + after, 2 * DAY)


def test_the_end_the_authority_names_counts_before_our_own_limit() -> None:
    found = crl.parse(OURS.crl(NOW, life=DAY))
    assert code(lambda: crl.check_dates(found, NOW + 2 * DAY, 30 * DAY)) == "revocation.too_old"


@pytest.mark.parametrize(
    ("number", "moved", "wanted"),
    [(1, DAY, True), (2, -DAY, True), (2, 0 * DAY, False), (3, DAY, False)],
)
def test_older_is_what_has_a_lower_number_or_an_earlier_date(
    number: int, moved: dt.timedelta, wanted: bool
) -> None:
    kept = crl.parse(OURS.crl(NOW, number=2))
    assert crl.is_older(crl.parse(OURS.crl(NOW + moved, number=number)), kept) is wanted


URL = "http://pki.example/part1.crl"


def leaf(*, ca: bool = False, url: str = "") -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateBuilder().subject_name(OTHER.issued.certificate.subject)
    made = made.issuer_name(OURS.issued.certificate.subject).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(NOW).not_valid_after(NOW + DAY)
    made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if url:
        where = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
        made = made.add_extension(x509.CRLDistributionPoints([where]), critical=False)
    return made.sign(OURS.issued.key, hashes.SHA256())


def test_what_a_list_is_about_says_which_certificates_it_covers() -> None:
    users = crl.parse(OURS.crl(NOW, extensions=[point(only_contains_user_certs=True)]))
    authorities = crl.parse(OURS.crl(NOW, extensions=[point(only_contains_ca_certs=True)]))
    part = crl.parse(OURS.crl(NOW, extensions=[point(full_name=[x509.UniformResourceIdentifier(URL)])]))
    person, authority, of_part = leaf(), leaf(ca=True), leaf(url=URL)
    assert [users.covers(one) for one in (person, authority, of_part)] == [True, False, True]
    assert [authorities.covers(one) for one in (person, authority, of_part)] == [False, True, False]
    assert [part.covers(one) for one in (person, authority, of_part)] == [False, False, True]
    assert not crl.parse(GOOD).covers(OTHER.issued.certificate)


@given(data=st.binary(max_size=400))
def test_bytes_of_any_kind_are_refused_with_a_typed_error(data: bytes) -> None:
    with pytest.raises(RevocationError):
        crl.parse(data)


@given(
    changes=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(1, 255)), min_size=1, max_size=4)
)
def test_a_damaged_list_is_refused_or_nobody_signed_it(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for at, flip in changes:
        data[at] ^= flip
    if bytes(data) == GOOD:
        return
    with pytest.raises(RevocationError, match=r"^revocation\."):
        crl.signer_of(crl.parse(bytes(data)), [OURS.issued.certificate])


def test_a_signature_that_is_no_whole_number_of_bytes_is_refused() -> None:
    parsed = crl.parse(GOOD).parsed
    data = bytearray(next(der for der in _lists() if x509.load_der_x509_crl(der).signature[-1] % 2 == 0))
    at = len(data) - len(x509.load_der_x509_crl(bytes(data)).signature) - 1
    assert data[at] == 0
    data[at] = 1
    assert x509.load_der_x509_crl(bytes(data)).issuer == parsed.issuer  # the library takes it
    with pytest.raises(RevocationError, match=r"^revocation\.malformed"):
        crl.parse(bytes(data))


def _lists() -> Iterator[bytes]:
    """Signed anew each time: every other signature ends in a bit that is not set."""
    while True:
        yield OURS.crl(NOW)


@given(cut=st.integers(0, len(GOOD) - 1))
def test_a_list_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(RevocationError):
        crl.parse(GOOD[:cut])
