"""A demonstration carried out again in the simulation: the scene is set up as it was, its keyframes are approved and
moved to like any steps, or the arm is driven through every frame, and the world judges the end. Stop works as ever."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from clap.episode.episode import Episode, EpisodeSnapshot, EpisodeState
from clap.errors import ClapError
from demos.errors import DemonstrationError
from demos.replay.every_frame import FrameFollower
from demos.replay.policy import ReplayPolicy, ReplayScene, keyframe_actions, scene_of
from demos.store.episode import RecordedEpisode
from ui.protocol.messages import Replay, ReplayOutcome
from ui.station.demonstration_preconditions import cannot_replay

WORLD = "tabletop"
"""What the recorder notes as the world of its takes."""

PATIENCE_S = 600.0

WAITING = (EpisodeState.AWAITING, EpisodeState.PAUSED)

STOPPED: tuple[ReplayOutcome, str] = ("stopped", "The replay was stopped.")

logger = logging.getLogger(__name__)


class Replaying:
    """One replay at a time, watched on a thread of its own. ``state`` is what ``publish`` tells the pages."""

    def __init__(self, publish: Callable[[], None]):
        self._publish = publish
        self._leads = False
        self.state: Replay | None = None

    @property
    def under_way(self) -> bool:
        """True until a replay has ended."""
        return self.state is not None and self.state.state in ("running", "waiting")

    def begin(self, episode: Episode, recorded: RecordedEpisode, every_frame: bool = False) -> None:
        """Begin to replay the keyframes, or ``every_frame``.

        Raises ReplayError if it cannot be replayed here, and DemonstrationError if not now.
        """
        error = cannot_replay(episode.snapshot(), self.under_way)
        if error is not None:
            raise error
        scene = scene_of(recorded, WORLD, episode.tasks(), episode.conditions())
        if not every_frame:
            keyframe_actions(recorded)
        self._leads = every_frame
        self._say(recorded.record.id, "running", "Setting up the scene as it was …")
        threading.Thread(target=self._run, args=(episode, recorded, scene), name="replay", daemon=True).start()

    def _run(self, episode: Episode, recorded: RecordedEpisode, scene: ReplayScene) -> None:
        name = recorded.record.id
        try:
            self._set_up(episode, recorded, scene)
            execute_step = self._every_frame if self._leads else self._keyframes
            execute_step(episode, recorded, scene)
        except (ClapError, TimeoutError) as error:
            self._say(name, "failed", f"The replay was given up. {error}")
        except Exception as error:
            logger.exception("A replay failed")
            self._say(name, "failed", f"The replay failed ({type(error).__name__}: {error}).")

    def _set_up(self, episode: Episode, recorded: RecordedEpisode, scene: ReplayScene) -> None:
        if not episode.reset(scene.task, scene.seed, scene.variation, scene.condition):
            raise DemonstrationError("The scene could not be set up now.")
        _require(_rested(episode), EpisodeState.READY)

        most = len(recorded)  # how many keyframes may be carried out has been seen to
        if not episode.plan_with(lambda world: ReplayPolicy(world, recorded, most), recorded.record.task):
            raise DemonstrationError("The replay could not begin now.")
        _require(_rested(episode), EpisodeState.PLANNED)

    def _every_frame(self, episode: Episode, recorded: RecordedEpisode, scene: ReplayScene) -> None:
        self._say(recorded.record.id, "running", f"The arm is led through all {len(recorded)} frames. Stop halts it.")
        follower = FrameFollower(episode, recorded)
        done = follower.run()
        self._say(recorded.record.id, *(_judged(follower.success, "frames") if done else STOPPED))

    def _keyframes(self, episode: Episode, recorded: RecordedEpisode, scene: ReplayScene) -> None:
        name, task = recorded.record.id, recorded.record.task
        self._say(name, "running", "The keyframes are carried out. Stop halts it.")
        if not episode.run():
            raise DemonstrationError("The replay could not begin now.")
        while True:
            now = _rested(episode)
            if (now.task, now.seed, now.instruction) != (scene.task, scene.seed, task.strip()):
                return self._say(name, "stopped", "Something else was begun before the replay had ended.")
            if now.state not in WAITING:
                break
            self._say(name, "waiting", "The replay waits for approval on Operate.")
            episode.wait(lambda snapshot: snapshot.state not in WAITING, PATIENCE_S)
        return self._say(name, *_ending(now))

    def _say(self, episode: str, state: ReplayOutcome, sentence: str) -> None:
        leads = self._leads and state == "running"
        self.state = Replay(episode=episode, state=state, sentence=sentence, leads=leads)
        self._publish()


def _rested(episode: Episode) -> EpisodeSnapshot:
    return episode.wait(lambda snapshot: not snapshot.state.busy, PATIENCE_S)


def _require(now: EpisodeSnapshot, state: EpisodeState) -> None:
    if now.state is not state:
        raise DemonstrationError(
            now.failure.sentence if now.failure else f"The episode is {now.state.value}.",
            now.failure.next_move if now.failure else "Try again.",
        )


def _judged(success: bool | None, what: str) -> tuple[ReplayOutcome, str]:
    if success is None:
        return "done", f"All {what} were carried out. This world cannot judge the instruction."
    if success:
        return "success", "The replay reached the goal: the world judges it a success."
    return "missed", f"All {what} were carried out, but the goal is not reached."


def _ending(now: EpisodeSnapshot) -> tuple[ReplayOutcome, str]:
    if now.state is EpisodeState.DONE:
        return _judged(now.success, "keyframes")
    if now.state is EpisodeState.STOPPED:
        return STOPPED
    if now.failure is not None:
        return "failed", f"The replay failed. {now.failure.sentence}"
    return "stopped", "The replay was ended before its last keyframe."
