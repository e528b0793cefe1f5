"""`station web`: kiosk pages and JSON interface, on loopback only. It opens no device and no outside address."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from contextlib import ExitStack
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from station.clock import SystemClock
from station.errors import EnvironmentFault
from station.kiosk.app import make_app
from station.kiosk.wiring import open_counter
from station.sdnotify import notify
from station.settings import load_settings

WATCHDOG_S = 2.0
"""How often systemd hears from us: well below WatchdogSec of systemd/livescan-web.service."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="station.toml")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    settings = load_settings(args.config)
    with ExitStack() as stack:
        counter = open_counter(settings, SystemClock(), stack)
        server = make_server(make_app(counter), settings.web.host, settings.web.port)
        asyncio.run(_serve(server, settings.web.host))
    if not server.started:
        raise EnvironmentFault(
            "environment.port",
            f"{settings.web.host}:{settings.web.port} cannot be opened",
            "another program has it, or change [web] port",
        )
    return 0


def make_server(app: Starlette, host: str, port: int) -> uvicorn.Server:
    """A server for one screen: no access log (it would hold booking ids), small limits."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=4096,
            limit_concurrency=64,
            timeout_graceful_shutdown=5,
            lifespan="off",
        )
    )


async def _serve(server: uvicorn.Server, host: str) -> None:
    """Tell the supervisor when the socket is open, then that we are alive while loop and threads answer."""
    watch = asyncio.create_task(_watch(server, host))
    try:
        with contextlib.suppress(SystemExit):  # uvicorn exits when it cannot bind; `run` says why
            await server.serve()
    finally:
        watch.cancel()


async def _watch(server: uvicorn.Server, host: str) -> None:
    while not server.started:
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]  # the real one when the settings say 0
    notify("READY=1")
    print(f"ready http://{host}:{port}", flush=True)
    while True:
        await asyncio.to_thread(notify, "WATCHDOG=1")
        await asyncio.sleep(WATCHDOG_S)
