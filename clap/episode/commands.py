"""What an episode's commands do, on its worker thread: the scene, the policies, and the turns of an instruction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clap.episode.events import Reset
from clap.episode.manual_control import ByHand
from clap.episode.run_loop import RunLoop
from clap.episode.snapshot import NOTHING_DONE, EpisodeState, InstructionProgress
from clap.episode.worker import Worker
from clap.episode.world_session import WorldFactory, WorldSession
from clap.policies.base import Policy
from clap.worlds.base import World
from clap.worlds.capabilities import Recoverable, require
from clap.worlds.teleoperation import JogFeed

PolicyFactory = Callable[[World], Policy]


class EpisodeRun:
    """The world, the policies and the present instruction.

    All methods but the constructor and ``add_policy`` run on the worker thread.
    """

    def __init__(
        self, worker: Worker, world_factory: WorldFactory, policies: Mapping[str, PolicyFactory], correction: bool
    ):
        self.worker = worker
        self.world_session = WorldSession(worker, world_factory)
        self.run_loop = RunLoop(self.world_session, correction)
        self.by_hand = ByHand(self.run_loop)
        self.loaded: dict[str, Policy] = {}
        self._factories = dict(policies)

    def start(self) -> None:
        """Make the world and the first policy."""
        self.world_session.open()
        self.worker.note(approve_each=self.world_session.world.is_real)
        self._load_policy(self.worker.event_bus.snapshot.policy)
        self.worker.enter(EpisodeState.READY)

    def reset(self, task: str, seed: int, variation: int | None, condition: str) -> None:
        """Set the scene up anew."""
        self.run_loop.rollout = None
        self.run_loop.undo_stack.clear()
        self.worker.note(task="", instruction="", progress=InstructionProgress.NONE, scene=None, **NOTHING_DONE)
        instruction = self.world_session.reset(task, seed, variation, condition)
        scene = {"task": task, "seed": seed, "variation": variation, "condition": condition}
        self.worker.note(**scene, instruction=instruction)
        self.worker.note(examples=self.world_session.examples())
        self.worker.publish(Reset, task=task, seed=seed, instruction=instruction)
        self.world_session.observe_scene()
        self.worker.enter(EpisodeState.READY)

    def plan(self, instruction: str) -> None:
        """Begin an instruction with the plan of its first sub-task."""
        self.run_loop.begin(self.loaded[self.worker.event_bus.snapshot.policy], instruction)

    def plan_with(self, policy: PolicyFactory, instruction: str) -> None:
        """Begin an instruction with a policy that is not among those to choose from."""
        self.run_loop.begin(policy(self.world_session.world), instruction)

    def run(self, instruction: str | None, resume: bool) -> None:
        """Go on by itself; ``instruction`` begins one first, ``resume`` takes up what waits for the operator."""
        if instruction is not None:
            self.plan(instruction)
        elif resume:
            self.run_loop.resume()
        else:
            self.run_loop.predict()

    def home(self) -> None:
        """Move the arm home."""
        self.world_session.home()
        self._rest()

    def recover(self) -> None:
        """Clear what holds the arm."""
        require(self.world_session.world, Recoverable).recover(self.world_session.motion)
        self.world_session.poll_arm_fault()
        self._rest()

    def drive(self, feed: JogFeed) -> None:
        """Let the operator drive the arm until the feed ends."""
        self.by_hand.drive(feed)
        self._rest()

    def add_policy(self, name: str, factory: PolicyFactory) -> None:
        """Keep one more policy to load when it is chosen; the one method besides the constructor for other threads."""
        self._factories[name] = factory

    def set_policy(self, name: str) -> None:
        """Load and choose a policy; the instruction goes on with it."""
        self._load_policy(name)
        if self.run_loop.rollout is not None:
            self.run_loop.rollout.use(self.loaded[name])
        self._rest()

    def _rest(self) -> None:
        """Enter the resting state: an instruction is under way, or none is."""
        rollout = self.run_loop.rollout
        under_way = rollout is not None and not rollout.complete
        self.worker.enter(EpisodeState.PLANNED if under_way else EpisodeState.READY)

    def _load_policy(self, name: str) -> None:
        if name not in self.loaded:
            self.loaded[name] = self._factories[name](self.world_session.world)
        policy = self.loaded[name]
        facts = {"policy_is_expert": policy.is_expert, "has_fine_action": policy.has_fine_action}
        self.worker.note(policy=name, policy_loaded=True, **facts)
