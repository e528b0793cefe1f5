"""`station VERB …`: each verb is one file in station/cli, imported only when called.

Exit codes: 0 done, 1 found wrong, 2 usage, 3 environment.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence

import station

VERBS: dict[str, str] = {
    "demo": "book one synthetic person whole, on simulated hardware, and show what came of it",
    "kiosk": "start the station on the simulated reader and leave it running to try by hand",
    "web": "serve the kiosk pages (loopback only)",
    "capture-service": "own the reader and serve it on a Unix socket",
    "sync": "send what is queued, fetch receipts and responses",
    "housekeeping": "check integrity and the audit chain, checkpoint the databases",
    "readers": "list, test, calibrate and record readers; capture one frame; print udev rules",
    "assess": "score the quality of images, with causes and advice",
    "stitch": "put the frames of one roll together, and say what went wrong",
    "extract": "extract a minutiae template from an image",
    "segment": "find the fingers of a slap, and which hand it is",
    "match": "compare two images or templates",
    "convert": "write a template file in another format",
    "record": "show, check or copy an ANSI/NIST-ITL file",
    "queue": "look at the offline queue, stop, start, carry, back up and verify what is in it",
    "keys": "show the station's keys and certificates; change the key that seals",
    "custody": "write everything that proves one submission, as a bundle",
    "verify": "what a custody bundle proves, from public certificates alone",
    "clock": "show whether the clock is trusted; an officer confirms the time",
    "relay": "take submissions of many stations and send them on to the bureau",
    "doctor": "check everything that can fail today and say what to do",
    "bench": "measure speed and accuracy",
}


def build_parser(verb: str | None) -> argparse.ArgumentParser:
    """The parser: help lines of all verbs, the arguments of the one that is called."""
    parser = argparse.ArgumentParser(prog="station", description="A livescan booking station.")
    parser.add_argument("--version", action="version", version=f"station {station.__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, line in VERBS.items():
        sub = verbs.add_parser(name, help=line, description=line)
        if name == verb:
            importlib.import_module(f"station.cli.{name.replace('-', '_')}").add_arguments(sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; every expected error becomes one line on stderr and an exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    verb = next((word for word in words if not word.startswith("-")), None)
    args = build_parser(verb).parse_args(words)
    try:
        return int(importlib.import_module(f"station.cli.{args.verb.replace('-', '_')}").run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        if not hasattr(error, "code") or not hasattr(error, "advice"):
            raise
        return _report(error, as_json=getattr(args, "json", False))


def _report(error: Exception, *, as_json: bool) -> int:
    """One typed error for a person (stderr) or a script (JSON on stdout)."""
    code, advice = str(getattr(error, "code", "")), str(getattr(error, "advice", ""))
    message = str(getattr(error, "message", error))
    if as_json:
        print(json.dumps({"error": {"code": code, "message": message, "advice": advice}}))
    print(f"station: {code}: {message}" + (f"\n  -> {advice}" if advice else ""), file=sys.stderr)
    return int(getattr(error, "exit_code", 3 if code.startswith(("reader.", "link.", "settings.")) else 1))


if __name__ == "__main__":
    sys.exit(main())
