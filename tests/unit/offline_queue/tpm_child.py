"""Runs on a message bus of its own: a key in a TPM (swtpm), through the resource manager and tpm2-pkcs11.

In: folder, port of the TPM, path of the PKCS #11 library. Out: "ok" and signatures a second on standard output.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from offline_queue import cms
from offline_queue.clock import SystemClock
from offline_queue.signers import load_key, load_signer
from tests.kit.waiting import until
from tests.unit.offline_queue.test_signers import certificate_for, verify

TABRMD = "tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=session"


def tool(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def answers() -> bool:
    return subprocess.run(["tpm2_getrandom", "4"], capture_output=True, check=False).returncode == 0


def main(folder: Path, port: str, module: str) -> None:
    os.environ |= {
        "TPM2_PKCS11_STORE": str(folder / "store"),
        "TPM2_PKCS11_TCTI": TABRMD,
        "TPM2TOOLS_TCTI": TABRMD,
    }
    (folder / "store").mkdir()
    words = ["tpm2-abrmd", "--session", f"--tcti=swtpm:host=127.0.0.1,port={port}"]
    with subprocess.Popen(
        words + (["--allow-root"] if os.geteuid() == 0 else []), stderr=subprocess.DEVNULL
    ) as manager:
        try:
            until(answers, "the TPM to answer")
            tool("tpm2_ptool", "init")
            tool("tpm2_ptool", "addtoken", "--pid=1", "--label=station", "--sopin=officer", "--userpin=1234")
            tool(
                "tpm2_ptool",
                "addkey",
                "--algorithm=ecc256",
                "--label=station",
                "--userpin=1234",
                "--key-label=signing",
            )
            used(folder, f"pkcs11:token=station;object=signing?module-path={module}&pin-value=1234")
        finally:
            manager.terminate()


def used(folder: Path, uri: str) -> None:
    key = load_key(uri)
    verify(key.public, key.sign(b"data"), b"data")
    leaf, authority = certificate_for(key.public, folder)
    signer, now = load_signer(f"{uri}&cert={leaf}&chain={authority}"), SystemClock().utcnow()
    began = time.monotonic()
    for n in range(20):
        signature = cms.sign_detached(str(n).encode(), signer, now)
        cms.check_signature(str(n).encode(), signature)
    sys.stdout.write(f"ok {20 / (time.monotonic() - began):.0f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:4])
