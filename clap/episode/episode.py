"""One instruction's run under an operator: verbs that return at once, events that tell the rest.

The world is made on the episode's worker thread and touched nowhere else (MuJoCo's model and its EGL context belong
to one thread); commands run there one after the other, and subscribers are called there. Stop is no command: it
takes effect from whatever thread calls it, at the next control tick of a motion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from clap.episode.command_gate import CommandGate
from clap.episode.commands import EpisodeRun, PolicyFactory
from clap.episode.event_bus import EventBus
from clap.episode.events import OnEvent, Stopped
from clap.episode.preconditions import objection, waits
from clap.episode.snapshot import EpisodeSnapshot, EpisodeState, InstructionProgress
from clap.episode.worker import Halted, OnHalted, Worker
from clap.episode.world_session import Watcher, WorldFactory
from clap.errors import InvalidInstructionError
from clap.geometry.frames import Array, Pose, Workspace
from clap.policies.planner.step_text import read_steps
from clap.worlds.base import TaskInfo
from clap.worlds.capabilities import Ability
from clap.worlds.teleoperation import Jog, JogFeed, OnJog

__all__ = ["Episode", "EpisodeSnapshot", "EpisodeState"]


class Episode:
    """A world, a choice of policies, and the run of one instruction at a time. Any thread may call any verb.

    A verb returns True if it is accepted; the state is then already the busy one that it leads to. Else it returns
    False, and a ``Refused`` event says why and what is possible: ``clap.episode.preconditions`` is the table of that.

    ``halted`` is polled every control tick of every motion: a reason halts the arm as stop does, and keeps it from
    moving. ``on_halted`` is told when, after a stop, nothing moved any more; ``on_jog`` what became of each jog. Both
    are called at once, on whatever thread it is, and must be quick.
    """

    def __init__(
        self,
        world_factory: WorldFactory,
        policies: Mapping[str, PolicyFactory],
        policy: str,
        speed: float = 1.0,
        correction: bool = True,
        halted: Halted = lambda: None,
        on_halted: OnHalted = lambda when: None,
        on_jog: OnJog = lambda seq, applied: None,
    ):
        if policy not in policies:
            raise ValueError(f'there is no policy "{policy}"; there are: {", ".join(policies)}')
        self._event_bus = EventBus(EpisodeSnapshot(policy=policy, speed=speed))
        self._worker = Worker(self._event_bus, halted, on_halted)
        self._run = EpisodeRun(self._worker, world_factory, policies, correction)
        self._world_session, self._run_loop = self._run.world_session, self._run.run_loop
        self._manual_control, self._gate = self._run.by_hand, CommandGate(self._run)
        self._on_jog = on_jog
        self._feed: JogFeed | None = None
        self._policy_names = tuple(policies)
        self._worker.begin(self._run.start, self._world_session.close, self._world_session.idle)

    # What anyone may read

    def snapshot(self) -> EpisodeSnapshot:
        """The episode as it is now."""
        return self._event_bus.snapshot

    def subscribe(self, callback: OnEvent) -> Callable[[], None]:
        """Call ``callback`` with every event from now on, on the worker thread; the result unsubscribes it."""
        return self._event_bus.subscribe(callback)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Show ``watcher`` every control tick of the motions from now on; the result ends that."""
        return self._world_session.watch_motions(watcher)

    def wait(self, until: Callable[[EpisodeSnapshot], bool], timeout: float = 60.0) -> EpisodeSnapshot:
        """Block until a snapshot satisfies ``until``, and return it. Raises TimeoutError. Not for subscribers."""
        return self._event_bus.wait(until, timeout)

    def tasks(self) -> tuple[TaskInfo, ...]:
        """The world's tasks; empty while it starts."""
        return self._world_session.tasks

    def conditions(self) -> tuple[str, ...]:
        """The world's perturbations; empty while it starts."""
        return self._world_session.conditions

    def workspace(self) -> Workspace:
        """What the policy sees and acts in. For after the start."""
        return self._world_session.world.workspace

    def is_real(self) -> bool:
        """True where time goes on while nothing moves. For after the start."""
        return self._world_session.world.is_real

    def policy_names(self) -> tuple[str, ...]:
        """The policies to choose from."""
        return self._policy_names

    def add_policy(self, name: str, factory: PolicyFactory) -> None:
        """Offer one more policy; nothing happens if there is one of this name. Any thread may call it."""
        with self._event_bus.lock:
            if name not in self._policy_names:
                self._run.add_policy(name, factory)
                self._policy_names = (*self._policy_names, name)

    # Verbs

    def reset(self, task: str, seed: int, variation: int | None = None, condition: str = "none") -> bool:
        """Set the scene up anew and forget the instruction's run."""
        work = partial(self._run.reset, task, seed, variation, condition)
        return self._gate.command("reset", EpisodeState.STARTING, work)

    def plan(self, instruction: str) -> bool:
        """Begin an instruction: ask round one for the plan of its first sub-task."""
        return self._gate.command("plan", EpisodeState.PLANNING, lambda: self._run.plan(instruction))

    def plan_with(self, policy: PolicyFactory, instruction: str) -> bool:
        """Begin an instruction that this policy carries out, just this once: the chosen one stays chosen."""
        work = partial(self._run.plan_with, policy, instruction)
        return self._gate.command("plan-with", EpisodeState.PLANNING, work)

    def predict(self) -> bool:
        """Predict the next step and judge it; it then waits for approval. One that waits already is left: see redo."""
        return self._gate.command("predict", EpisodeState.PREDICTING, self._run_loop.predict)

    def redo(self) -> bool:
        """Throw the pending prediction away and predict again."""
        return self._gate.command("redo", EpisodeState.PREDICTING, self._run_loop.predict)

    def approve(self) -> bool:
        """Carry the pending prediction out, unless its verdict is to refuse it. Where it is to ask, this is the yes.

        After a failure with a proposed correction it is the yes to that.
        """
        return self._gate.command("approve", EpisodeState.MOVING, self._run_loop.approve, keep=True)

    def skip(self) -> bool:
        """Count the predicted step, or else the current one, as done without moving."""
        return self._gate.command("skip", EpisodeState.PLANNING, self._run_loop.skip, keep=True)

    def run(self) -> bool:
        """Predict and execute until the instruction is complete; wait for approval where the verdict is to ask.

        A pending prediction that is not refused is taken up, as is a proposed correction; a fresh scene's own
        instruction is planned first.
        """
        with self._event_bus.lock:
            snapshot = self.snapshot()
            resume = objection("approve", snapshot) is None
            fresh = snapshot.progress is InstructionProgress.NONE
            work = partial(self._run.run, snapshot.instruction if fresh else None, resume)
            return self._gate.command("run", EpisodeState.PREDICTING, work, keep=resume, running=True)

    def pause(self) -> bool:
        """Let the present motion (or prediction) end, then wait."""
        with self._event_bus.lock:
            if not self._gate.allows("pause"):
                return False
            if self.snapshot().state is EpisodeState.AWAITING:
                self._run_loop.running = False
                self._event_bus.update(state=EpisodeState.PAUSED)
                self._worker.wake()
            else:
                self._run_loop.pause = True
            return True

    def stop(self) -> bool:
        """Halt now: a motion stops at its next control tick, and all queued commands are dropped."""
        with self._event_bus.lock:
            self._run_loop.running = self._run_loop.pause = False
            if self._world_session.is_open and not self._worker.closed:
                self._event_bus.update(state=EpisodeState.STOPPED, correction=None)
                self._event_bus.post(Stopped)
                self._worker.interrupt()
                if not self._worker.arm_moves:
                    self._worker.at_rest()
            return True

    def home(self) -> bool:
        """Open the gripper and return to the home posture; a pending prediction is dropped."""
        return self._gate.command("home", EpisodeState.MOVING, self._run.home)

    def recover(self) -> bool:
        """A person has seen to what holds the arm, and made sure that nobody is in reach: it may move again.

        Nothing moves by that.
        """
        return self._gate.command("recover", EpisodeState.RECOVERING, self._run.recover)

    def set_policy(self, name: str) -> bool:
        """Change the policy; it is loaded when it is first chosen. A pending prediction is dropped."""
        with self._event_bus.lock:
            if name not in self._policy_names:
                return self._gate.refuse(f'There is no policy "{name}". There are: {", ".join(self._policy_names)}.')
            return self._gate.command("policy", EpisodeState.STARTING, lambda: self._run.set_policy(name))

    def set_speed(self, speed: float) -> bool:
        """The pace of the motions from the next one on: 1 is real time, 0 as fast as possible.

        What waits for approval is judged anew.
        """
        with self._event_bus.lock:
            if not self._gate.allows("speed"):
                return False
            if not (math.isfinite(speed) and speed >= 0):
                return self._gate.refuse(f"The speed must be 0 (as fast as possible) or more, not {speed}.")
            if not 0 < speed <= 1 and Ability.FASTER_THAN_REAL_TIME not in self.snapshot().abilities:
                return self._gate.refuse("Faster than real time is for a simulation.")
            self._event_bus.update(speed=float(speed))
            if waits(self.snapshot()):  # what is approved has to be what was judged
                work = partial(self._manual_control.judge_again, self.snapshot().state)
                self._gate.command("speed", EpisodeState.PREDICTING, work, keep=True)
            return True

    # Verbs with which the operator takes part

    def edit_plan(self, steps: Sequence[str]) -> bool:
        """Put these steps in place of those of the present part that are not done; a pending prediction is dropped.

        Free text: "the robot" is put in front where it is missing, and words that the policy cannot read are named.
        The policy's own plan is asked for again once these steps are done.
        """
        with self._event_bus.lock:
            if not self._gate.allows("edit-plan"):
                return False
            policy = self._run.loaded[self.snapshot().policy]
            try:
                read = read_steps(steps, policy.step_words)
            except InvalidInstructionError as error:
                return self._gate.refuse(str(error))
            return self._gate.command("edit-plan", EpisodeState.PLANNING, lambda: self._manual_control.edit(read))

    def replan(self) -> bool:
        """Ask round one again from here; the operator's steps and a pending prediction are dropped."""
        return self._gate.command("replan", EpisodeState.PLANNING, self._manual_control.replan)

    def set_keypoint(self, position: Array) -> bool:
        """Let the fine stage predict again around this point (3,), world metres; the result waits for approval."""
        point = np.array(position, float)
        if point.shape != (3,) or not np.all(np.isfinite(point)):
            return self._gate.refuse("A keypoint needs three numbers: x, y and z in metres.")
        work = partial(self._manual_control.set_keypoint, point)
        return self._gate.command("keypoint", EpisodeState.PREDICTING, work, keep=True)

    def set_target(self, pose: Pose, gripper_open: bool) -> bool:
        """Put the operator's own target in place of the prediction's, or of none; it is judged, and waits for approval.

        Without a prediction it stands for the current step of the plan.
        """
        pose = Pose(np.array(pose.position, float), np.array(pose.quaternion, float))
        with self._event_bus.lock:
            # A prediction whose motion was stopped is out of date: the arm stands elsewhere.
            keep = waits(self.snapshot())
            work = partial(self._manual_control.set_target, pose, gripper_open)
            return self._gate.command("target", EpisodeState.PREDICTING, work, keep=keep)

    def revert(self) -> bool:
        """Take the operator's keypoint or target back: the policy's own prediction waits for approval again."""
        return self._gate.command("revert", EpisodeState.PREDICTING, self._manual_control.revert, keep=True)

    def preview(self) -> bool:
        """Show the step that waits for approval in a preview; nothing moves, and it waits on."""
        with self._event_bus.lock:
            state = self.snapshot().state
            work = partial(self._manual_control.preview, state)
            return self._gate.command("preview", EpisodeState.PREDICTING, work, keep=True)

    def undo(self) -> bool:
        """Set the world and the run back to exactly what they were before the last step; simulation only."""
        return self._gate.command("undo", EpisodeState.PLANNING, self._manual_control.undo)

    def set_approve_each(self, value: bool) -> bool:
        """True: a run waits for approval of every step. False: it goes on where the verdict allows."""
        with self._event_bus.lock:
            if not self._gate.allows("approve-each"):
                return False
            self._event_bus.update(approve_each=bool(value))
            return True

    def drive(self, on: bool) -> bool:
        """Begin or end driving by hand; a pending prediction is dropped."""
        with self._event_bus.lock:
            if not on:
                if not self._gate.allows("drive-end"):
                    return False
                assert self._feed is not None, "it is made before the arm is driven"
                self._feed.end()
                return True
            feed = JogFeed(self._on_jog)
            if not self._gate.command("drive", EpisodeState.DRIVING, lambda: self._run.drive(feed)):
                return False
            self._feed = feed
            return True

    def jog(self, jog: Jog) -> None:
        """What the operator holds down while driving; anywhen else it is told to ``on_jog`` as not applied."""
        feed = self._feed
        if feed is None or self.snapshot().state is not EpisodeState.DRIVING:
            self._on_jog(jog.seq, False)
        else:
            feed.put(jog)

    def close(self, timeout: float = 10.0) -> None:
        """Stop, release the world, and end the worker thread."""
        self._worker.close(timeout)
