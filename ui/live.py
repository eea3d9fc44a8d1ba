"""The live link: fans the episode out to every connected page, and carries stop and commands up to it.

The episode's worker thread only marks what changed. Each page has its own sender task that takes the newest state,
so that a slow page skips frames instead of holding anything up; pictures are encoded in a worker thread of the
server, once for all pages, so that a Stop never waits for a JPEG.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from clap import events
from clap.episode import Episode
from clap.episode_state import SceneFrame
from clap.geometry import Workspace
from clap.prediction import Prediction
from ui import log, messages, pictures
from ui.access import POLICY_VIOLATION, Access
from ui.commands import BadCommandError, obey

logger = logging.getLogger(__name__)

LOG_LENGTH = 300
MIN_INTERVAL_S = 0.05
"""At most 20 messages of state a second to a page."""

OPENING_TIMEOUT_S = 5.0
MAX_MESSAGE = 8_192
"""Characters of a message from a page; an instruction is far shorter."""


@dataclass(eq=False)
class Page:
    """One connected page: what it has not been sent yet."""

    loop: asyncio.AbstractEventLoop
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    status: bool = True
    pose: messages.Json | None = None
    lines: deque[messages.Json] = field(default_factory=deque)
    scene: SceneFrame | None = None
    prediction: Prediction | None = None

    def wake(self) -> None:
        """Let the sender look; callable from any thread."""
        self.loop.call_soon_threadsafe(self.changed.set)


class EncodedOnce:
    """Remembers the bytes of the latest object, so that several pages share one encoding."""

    def __init__(self, encode: Callable[[Any], bytes]):
        self._encode = encode
        self._lock = threading.Lock()
        self._source: object = None
        self._bytes = b""

    def __call__(self, source: object) -> bytes:
        """The encoded bytes of ``source``."""
        with self._lock:
            if source is not self._source:
                self._bytes, self._source = self._encode(source), source
            return self._bytes


class Live:
    """The episode as all pages see it."""

    def __init__(self, episode: Episode, info: messages.ConsoleInfo, access: Access):
        self.episode, self.info, self.access = episode, info, access
        self._pages: set[Page] = set()
        self._lines: deque[messages.Json] = deque(maxlen=LOG_LENGTH)
        self._scene = EncodedOnce(pictures.scene_message)
        self._fine = EncodedOnce(pictures.fine_message)
        self._lock = threading.Lock()
        episode.subscribe(self._on_event)

    def _on_event(self, event: events.Event) -> None:
        """Called on the episode's worker thread: mark what changed and return."""
        told = log.sentence(event)
        line = None if told is None else {"time": event.time, "level": told[0], "text": told[1]}
        with self._lock:
            if line is not None:
                self._lines.append(line)
            for page in self._pages:
                if line is not None:
                    page.lines.append(line)
                if isinstance(event, events.PoseUpdated):
                    page.pose = messages.pose(event.pose, event.gripper_open)
                else:
                    page.status = True
                page.wake()

    async def serve(self, socket: WebSocket) -> None:
        """One page's link, from its token to its end."""
        await socket.accept()
        if not await self._opened(socket):
            await socket.close(POLICY_VIOLATION, "This link was not opened by the console's page.")
            return
        page = Page(asyncio.get_running_loop())
        page.changed.set()
        with self._lock:
            page.lines.extend(self._lines)
            self._pages.add(page)
        sender = asyncio.create_task(self._send(socket, page))
        try:
            while True:
                await self._answer(socket, page, await socket.receive_text())
        except (WebSocketDisconnect, RuntimeError, KeyError):  # gone, closed while sending, or binary instead of text
            pass
        finally:
            sender.cancel()
            with self._lock:
                self._pages.discard(page)

    async def _opened(self, socket: WebSocket) -> bool:
        try:
            first = _parse(await asyncio.wait_for(socket.receive_text(), OPENING_TIMEOUT_S))
        except (asyncio.TimeoutError, WebSocketDisconnect, BadCommandError, KeyError):
            return False
        return first.get("type") == "open" and self.access.redeem(first.get("token"))

    async def _answer(self, socket: WebSocket, page: Page, text: str) -> None:
        try:
            message = _parse(text)
            kind = message.get("type")
            if kind == "stop":
                self.episode.stop()
                await socket.send_text(_json({"type": "stop-ack", "id": message.get("id")}))
            elif kind == "ping":
                await socket.send_text(_json({"type": "pong", "t": message.get("t")}))
            else:
                obey(self.episode, message)
        except BadCommandError as error:
            await socket.send_text(_json({"type": "refused", "sentence": str(error)}))
        page.status = True
        page.changed.set()

    async def _send(self, socket: WebSocket, page: Page) -> None:
        try:
            await socket.send_text(_json(self._hello()))
            while True:
                await page.changed.wait()
                page.changed.clear()
                await self._send_changes(socket, page)
                await asyncio.sleep(MIN_INTERVAL_S)
        except (WebSocketDisconnect, RuntimeError):
            return
        except Exception:
            logger.exception("A page could not be sent its state")
            await socket.close(1011, "The console could not describe its state; see the terminal.")

    def _hello(self) -> messages.Json:
        scene = self.episode.snapshot().scene
        workspace = Workspace() if scene is None else scene.views.workspace
        return messages.hello(self.info, self.episode.tasks(), self.episode.conditions(), workspace)

    async def _send_changes(self, socket: WebSocket, page: Page) -> None:
        if page.lines:
            lines = [page.lines.popleft() for _ in range(len(page.lines))]
            await socket.send_text(_json({"type": "log", "lines": lines}))
        snapshot = self.episode.snapshot()
        if page.status:
            page.status = False
            await socket.send_text(_json(messages.status(snapshot)))
        if page.pose is not None:
            pose, page.pose = page.pose, None
            await socket.send_text(_json({"type": "pose", **pose}))
        if snapshot.scene is not None and snapshot.scene is not page.scene:
            page.scene = snapshot.scene
            await socket.send_bytes(await run_in_threadpool(self._scene, snapshot.scene))
        if snapshot.prediction is not None and snapshot.prediction is not page.prediction:
            page.prediction = snapshot.prediction
            await socket.send_bytes(await run_in_threadpool(self._fine, snapshot.prediction))


def _parse(text: str) -> messages.Json:
    if len(text) > MAX_MESSAGE:
        raise BadCommandError(f"A message of {len(text):,} characters is too long (at most {MAX_MESSAGE:,}).")
    try:
        message = json.loads(text)
    except ValueError as error:
        raise BadCommandError("The message is not JSON.") from error
    if not isinstance(message, dict):
        raise BadCommandError("The message is not a JSON object.")
    return message


def _json(message: messages.Json) -> str:
    return json.dumps(message, separators=(",", ":"), allow_nan=False)
