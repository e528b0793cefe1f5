"""Which certificate may sign what, and when: tables typed from RFC 5280, RFC 9336 and RFC 7030."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from offline_queue import certificates, est
from offline_queue.errors import CertificateError, EstError
from station.sim.pki import Authority
from tests.unit.offline_queue.kit import AT

DAY, SECOND = dt.timedelta(days=1), dt.timedelta(seconds=1)

# Extended key usage against key usage: may it sign documents? `none`: the extension is absent.
# Meant for documents: emailProtection, documentSigning (RFC 9336), any. clientAuth is for TLS.
USES = """
                 none  digital  commitment  encipher
none             yes   yes      yes         no
email            yes   yes      yes         no
document         yes   yes      yes         no
any              yes   yes      yes         no
email+client     yes   yes      yes         no
client           no    no       no          no
server           no    no       no          no
"""
OIDS = {
    "email": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "document": ObjectIdentifier("1.3.6.1.5.5.7.3.36"),
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
}
HEAD = USES.split("\n")[1].split()
CELLS = [
    (words[0], usage, wanted)
    for words in (line.split() for line in USES.strip().splitlines()[1:])
    for usage, wanted in zip(HEAD, words[1:], strict=True)
]


def key_usage(**on: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**(dict.fromkeys(names, False) | on))


USAGES = {
    "digital": key_usage(digital_signature=True),
    "commitment": key_usage(content_commitment=True),
    "encipher": key_usage(key_encipherment=True),
}
KEY = ec.generate_private_key(ec.SECP256R1())


def made(*extensions: tuple[x509.ExtensionType, bool], issuer: Authority | None = None) -> x509.Certificate:
    """A certificate with these extensions, a day old and good for another."""
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "leaf")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.issued.certificate.subject if issuer else name)
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(AT - DAY)
        .not_valid_after(AT + DAY)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer.issued.key if issuer else KEY, hashes.SHA256())


ROOT = Authority.new("root", AT - 100 * DAY, 4000 * DAY)


def code_of(leaf: x509.Certificate, at: dt.datetime = AT, anchor: Authority = ROOT) -> str:
    try:
        certificates.path_to_anchor(leaf, (), (anchor.issued.certificate,), at)
    except CertificateError as error:
        return error.code
    return ""


@pytest.mark.parametrize(("meant", "usage", "wanted"), CELLS)
def test_each_use_of_a_certificate_lets_it_sign_or_not(meant: str, usage: str, wanted: str) -> None:
    extensions: list[tuple[x509.ExtensionType, bool]] = []
    if usage != "none":
        extensions.append((USAGES[usage], True))
    if meant != "none":
        extensions.append((x509.ExtendedKeyUsage([OIDS[one] for one in meant.split("+")]), False))
    assert code_of(made(*extensions, issuer=ROOT)) == ("" if wanted == "yes" else "certificate.wrong_use")


@pytest.mark.parametrize(("critical", "code"), [(False, ""), (True, "certificate.wrong_use")])
def test_what_is_not_understood_and_critical_is_refused(critical: bool, code: str) -> None:
    strange = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert code_of(made((strange, critical), issuer=ROOT)) == code


@pytest.mark.parametrize(
    ("away", "code"),
    [
        (-DAY - SECOND, "certificate.not_yet_valid"),
        (-DAY, ""),
        (DAY, ""),
        (DAY + SECOND, "certificate.expired"),
    ],
)
def test_a_certificate_is_good_from_its_first_moment_to_its_last(away: dt.timedelta, code: str) -> None:
    assert code_of(made(issuer=ROOT), AT + away) == code


def test_an_authority_that_ran_out_takes_what_it_issued_with_it() -> None:
    short = Authority.new("short", AT - 100 * DAY, 100 * DAY)
    leaf = made(issuer=short)
    end = short.issued.certificate.not_valid_after_utc
    assert code_of(leaf, end, short) == ""
    assert code_of(leaf, end + SECOND, short) == "certificate.expired"


@pytest.mark.parametrize(("levels", "found"), [(0, True), (1, True), (2, True), (3, True), (4, False)])
def test_up_to_three_authorities_may_stand_between_signer_and_anchor(levels: int, found: bool) -> None:
    between: list[x509.Certificate] = []
    authority = ROOT
    for n in range(levels):
        authority = authority.issue_authority(f"level {n}", AT, path_length=None)
        between.append(authority.issued.certificate)
    leaf = authority.issue("signer", "signing", AT - DAY, AT + DAY).certificate
    path = certificates.find_path(leaf, between, (ROOT.issued.certificate,))
    assert (path is not None) == found
    assert path is None or len(path) == levels + 2


@pytest.mark.parametrize(
    ("allowed", "below", "found"), [(0, 0, True), (0, 1, False), (1, 1, True), (1, 2, False)]
)
def test_an_authority_has_as_many_below_it_as_it_may(allowed: int, below: int, found: bool) -> None:
    authority = ROOT.issue_authority("limited", AT, path_length=allowed)
    between = [authority.issued.certificate]
    for n in range(below):
        authority = authority.issue_authority(f"below {n}", AT, path_length=None)
        between.append(authority.issued.certificate)
    leaf = authority.issue("signer", "signing", AT - DAY, AT + DAY).certificate
    path = certificates.find_path(leaf, between, (ROOT.issued.certificate,))
    assert (path is not None) == found


@pytest.mark.parametrize(("strangers", "found"), [(15, True), (16, False)])
def test_sixteen_certificates_beside_a_signature_are_looked_at(strangers: int, found: bool) -> None:
    middle = ROOT.issue_authority("middle", AT)
    leaf = middle.issue("signer", "signing", AT - DAY, AT + DAY).certificate
    others = [made()] * strangers + [middle.issued.certificate]
    path = certificates.find_path(leaf, others, (ROOT.issued.certificate,))
    assert (path is not None) == found


@pytest.mark.parametrize(
    ("ca", "usage", "may"),
    [
        (True, None, True),
        (True, "key_cert_sign", True),
        (True, "digital_signature", False),
        (False, "key_cert_sign", False),
        (None, "key_cert_sign", False),
    ],
)
def test_only_an_authority_issues(ca: bool | None, usage: str | None, may: bool) -> None:
    extensions: list[tuple[x509.ExtensionType, bool]] = []
    if ca is not None:
        extensions.append((x509.BasicConstraints(ca=ca, path_length=None), True))
    if usage is not None:
        extensions.append((key_usage(**{usage: True}), True))
    assert certificates._is_authority(made(*extensions), 0) == may


def test_a_certificate_is_renewed_when_two_thirds_of_its_life_are_over() -> None:
    leaf = ROOT.issue("x", "signing", AT, AT + 90 * DAY).certificate
    assert certificates.renewal_due(leaf) == AT + 60 * DAY


# what an enrolment server answers: RFC 7030

STATUSES = """
200 -
201 refused
202 pending
204 refused
302 refused
400 refused
401 not_permitted
402 refused
403 not_permitted
404 refused
500 refused
503 refused
"""


@pytest.mark.parametrize(("status", "wanted"), [line.split() for line in STATUSES.strip().splitlines()])
def test_each_status_of_an_enrolment_server_means_what_the_rfc_says(status: str, wanted: str) -> None:
    headers = {"content-type": "application/PKCS7-mime; smime-type=certs-only"}
    if wanted == "-":
        assert est._checked(int(status), headers, b"body") == b"body"
        return
    with pytest.raises(EstError) as caught:
        est._checked(int(status), headers, b"")
    assert caught.value.code == f"est.{wanted}"


@pytest.mark.parametrize("kind", ["", "text/html", "application/pkcs7-mimes"])
def test_an_answer_of_another_kind_is_malformed(kind: str) -> None:
    with pytest.raises(EstError, match=r"est\.malformed"):
        est._checked(200, {"content-type": kind}, b"")


def new_certificate(
    away: dt.timedelta = dt.timedelta(0),
    purpose: str = "signing",
    asked: str = "signing",
    anchor: Authority = ROOT,
) -> tuple[x509.Certificate, ...]:
    issued = ROOT.issue("x", purpose, AT - DAY, AT + DAY)  # type: ignore[arg-type]
    key: Any = SimpleNamespace(public=est._spki(issued.certificate))
    found = (made(), issued.certificate)
    return est.ours(found, key, asked, (anchor.issued.certificate,), AT + away)


def test_our_certificate_comes_first_whatever_the_order() -> None:
    leaf, *others = new_certificate()
    assert leaf.subject != others[0].subject
    assert len(others) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"away": -DAY}, ""),
        ({"away": -DAY - SECOND}, "est.dates"),
        ({"away": DAY - SECOND}, ""),
        ({"away": DAY}, "est.dates"),
        ({"purpose": "client"}, "est.wrong_use"),
        ({"purpose": "client", "asked": "client"}, ""),
        ({"asked": "client"}, "est.wrong_use"),
        ({"anchor": Authority.new("other", AT)}, "est.untrusted"),
    ],
)
def test_a_certificate_that_does_not_fit_is_not_taken(changes: dict[str, Any], code: str) -> None:
    if not code:
        assert new_certificate(**changes)
        return
    with pytest.raises(EstError) as caught:
        new_certificate(**changes)
    assert caught.value.code == code


def test_a_certificate_for_another_key_is_not_ours() -> None:
    key: Any = SimpleNamespace(public=b"other")
    with pytest.raises(EstError, match=r"est\.wrong_key"):
        est.ours((made(),), key, "signing", (ROOT.issued.certificate,), AT)
