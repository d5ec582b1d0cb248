"""Serve: the console on 127.0.0.1, from its own files alone."""

from __future__ import annotations

import secrets
import socket
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from agent.errors import OutputError
from agent.fleet.console.gate import Gate
from agent.fleet.console.pages import add_pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.fleet.desk import Desk

HOST = "127.0.0.1"


def serve(desk: Desk, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C.

    Args:
        port: 0: a free one.
        ready: is told the address, which is the key.

    Raises:
        OutputError: nothing can listen there.
    """
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise OutputError(f"--port {port}: {error.strerror}; name another one") from error
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(32)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_pages(desk)
    ui.run_with(
        app, mount_path=f"/{token}", title="Sfumato", tailwind=False, show_welcome_message=False
    )
    config = uvicorn.Config(
        Gate(app, token, port), log_level="warning", access_log=False, server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    ready(f"http://{HOST}:{port}/{token}/")
    uvicorn.Server(config).run(sockets=[listening])
