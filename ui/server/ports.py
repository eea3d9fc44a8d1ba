"""The port the console is served on: taken at once, so that a busy one is told before any model is loaded."""

from __future__ import annotations

import errno
import socket

PORTS_TO_TRY = 50


class PortError(Exception):
    """The console cannot be served at this address; the text says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket at the address. Raises PortError; for a busy port it names the next free one."""
    try:
        return _bind(host, port)
    except (OSError, UnicodeError) as error:
        raise PortError(_reason(host, port, error)) from error


def _reason(host: str, port: int, error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        free = next(
            (other for other in range(port + 1, min(port + PORTS_TO_TRY, 65536)) if _is_free(host, other)), None
        )
        advice = f"Port {free} is free: python app.py --port {free}" if free else "Choose another one with --port."
        return f"Port {port} is in use by another program. {advice}"
    if code == errno.EACCES:
        return f"Port {port} needs more rights than this user has. Choose one above 1023 with --port."
    return f"The console cannot be served at {host}, port {port} ({error}). Check --host."


def _is_free(host: str, port: int) -> bool:
    try:
        _bind(host, port).close()
    except OSError:
        return False
    return True


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)
