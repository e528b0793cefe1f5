"""The PKCS #11 signer on a TPM 2: swtpm, tpm2-abrmd and tpm2-pkcs11 as Debian ships them, each real."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.helpers import running

PROGRAMS = ("swtpm", "tpm2-abrmd", "tpm2_ptool", "tpm2_getrandom", "dbus-run-session")
LIBRARIES = sorted(Path("/usr/lib").glob("*/libtpm2_pkcs11.so.1"))
TCTI = sorted(Path("/usr/lib").glob("*/libtss2-tcti-tabrmd.so.0"))
LACKING = [name for name in PROGRAMS if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None]


def two_ports() -> int:
    """A port of which the next one is free as well: swtpm's control channel is found by counting."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


@pytest.mark.skipif(
    bool(LACKING) or not LIBRARIES or not TCTI,
    reason=f"a TPM cannot be simulated: no {', '.join(LACKING) or 'PKCS #11 library for it'} "
    "(Debian: swtpm tpm2-abrmd tpm2-tools libtpm2-pkcs11-1 libtss2-tcti-tabrmd0)",
)
def test_a_key_in_a_tpm_signs_what_the_queue_sends(tmp_path: Path, repo: Path) -> None:
    (tmp_path / "state").mkdir()
    port = two_ports()
    words = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={tmp_path / 'state'}"]
    words += ["--server", f"type=tcp,port={port}", "--ctrl", f"type=tcp,port={port + 1}"]
    with running([*words, "--flags", "not-need-init,startup-clear"]):
        child = [sys.executable, "-m", "tests.unit.offline_queue.tpm_child", str(tmp_path), str(port)]
        done = subprocess.run(
            ["dbus-run-session", "--", *child, str(LIBRARIES[0])],
            capture_output=True,
            text=True,
            check=False,
            cwd=repo,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path)},
        )
    assert done.stdout.startswith("ok"), done.stderr[-3000:]
