"""Who may log in: one user and password, compared as scrypt hashes, and the sessions of those who did.

Wrong attempts are slowed down by address, so that a password cannot be guessed by trying.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ui.station.options import CannotStartError

SESSION_S = 12 * 3600.0
MAX_SESSIONS = 256
"""The oldest go first, so that logging in again and again cannot fill the memory."""

FREE_ATTEMPTS = 3
"""Wrong attempts from an address before it has to wait: 1 s, then twice as long each time."""

LONGEST_WAIT_S = 60.0
MAX_ADDRESSES = 1024
MAX_PASSWORD = 200
DEFAULT_USER = "operator"
GENERATED_BYTES = 9


def is_loopback(host: str) -> bool:
    """True if only this machine can reach a server at this address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Credentials:
    """A user and the hash of a password."""

    user: str
    digest: bytes
    salt: bytes = field(repr=False)

    @staticmethod
    def of(user: str, password: str) -> Credentials:
        """The credentials of a user with this password."""
        salt = secrets.token_bytes(16)
        return Credentials(user, _hash(password, salt), salt)

    def match(self, user: str, password: str) -> bool:
        """True for the right user and password; takes equally long (about 50 ms) for every wrong one."""
        known = hmac.compare_digest(user.encode(), self.user.encode())
        return hmac.compare_digest(_hash(password, self.salt), self.digest) and known


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


def credentials(
    host: str, wanted: str | None, environment: Mapping[str, str], is_real: bool
) -> tuple[Credentials | None, str]:
    """The credentials to ask for at this address (None: no login), and a generated password to tell, else "".

    ``wanted`` is "user:password" of the option --auth, which goes before CLAP_AUTH in the ``environment``. Raises
    CannotStartError if it has another form, or if a real robot would be served beyond this machine without one.
    """
    given = wanted if wanted is not None else environment.get("CLAP_AUTH")
    if given is not None:
        user, colon, password = given.partition(":")
        if not (user and colon and 8 <= len(password) <= MAX_PASSWORD):
            raise CannotStartError(
                "The login (--auth or CLAP_AUTH) must be user:password, "
                f"with a password of 8 to {MAX_PASSWORD} characters."
            )
        return Credentials.of(user, password), ""
    if is_loopback(host):
        return None, ""
    if is_real:
        raise CannotStartError(
            f"A real robot is not served at {host} without a login. Set one: CLAP_AUTH=user:password python app.py …"
        )
    password = secrets.token_urlsafe(GENERATED_BYTES)
    return Credentials.of(DEFAULT_USER, password), password


class Login:
    """Checks passwords and remembers sessions."""

    def __init__(self, credentials: Credentials, clock: Callable[[], float] = time.monotonic):
        self._credentials, self._clock = credentials, clock
        self._sessions: dict[str, float] = {}
        self._failures: dict[str, tuple[int, float]] = {}

    def wait(self, address: str) -> float:
        """Seconds until this address may try again; 0 if it may now."""
        failures, at = self._failures.get(address, (0, 0.0))
        if failures < FREE_ATTEMPTS:
            return 0.0
        pause = min(LONGEST_WAIT_S, 2.0 ** (failures - FREE_ATTEMPTS))
        return max(0.0, at + pause - self._clock())

    def attempt(self, user: str, password: str, address: str) -> str | None:
        """The token of a new session, None if user or password is wrong. Call it only where ``wait`` is 0."""
        if len(password) > MAX_PASSWORD or not self._credentials.match(user, password):
            failures, _ = self._failures.pop(address, (0, 0.0))
            while len(self._failures) >= MAX_ADDRESSES:
                self._failures.pop(next(iter(self._failures)))
            self._failures[address] = (failures + 1, self._clock())
            return None
        self._failures.pop(address, None)
        now = self._clock()
        self._sessions = {key: until for key, until in self._sessions.items() if until > now}
        while len(self._sessions) >= MAX_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        token = secrets.token_urlsafe(32)
        self._sessions[_key(token)] = now + SESSION_S
        return token

    def end(self, token: str | None) -> None:
        """End a session, if there is one by this token."""
        if token is not None:
            self._sessions.pop(_key(token), None)

    def knows(self, token: str | None) -> bool:
        """True for the token of a session that has not ended."""
        return token is not None and self._sessions.get(_key(token), 0.0) > self._clock()


def _key(token: str) -> str:
    """What is kept of a token, so that looking it up tells nothing about the others."""
    return hashlib.sha256(token.encode()).hexdigest()
