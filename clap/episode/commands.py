"""What an episode's commands do, on its worker thread: the scene, the policies, and the turns of an instruction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clap.episode.events import Reset
from clap.episode.manual_control import ByHand
from clap.episode.run_loop import Turns
from clap.episode.snapshot import NOTHING_DONE, EpisodeState, InstructionProgress
from clap.episode.worker import Worker
from clap.episode.world_session import Stage, WorldFactory
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
        self.stage = Stage(worker, world_factory)
        self.turns = Turns(self.stage, correction)
        self.by_hand = ByHand(self.turns)
        self.loaded: dict[str, Policy] = {}
        self._factories = dict(policies)

    def start(self) -> None:
        """Make the world and the first policy."""
        self.stage.open()
        self.worker.note(approve_each=self.stage.world.is_real)
        self._load_policy(self.worker.board.snapshot.policy)
        self.worker.enter(EpisodeState.READY)

    def reset(self, task: str, seed: int, variation: int | None, condition: str) -> None:
        """Set the scene up anew."""
        self.turns.rollout = None
        self.turns.memories.clear()
        self.worker.note(task="", instruction="", progress=InstructionProgress.NONE, scene=None, **NOTHING_DONE)
        instruction = self.stage.reset(task, seed, variation, condition)
        scene = {"task": task, "seed": seed, "variation": variation, "condition": condition}
        self.worker.note(**scene, instruction=instruction)
        self.worker.note(examples=self.stage.examples())
        self.worker.tell(Reset, task=task, seed=seed, instruction=instruction)
        self.stage.look()
        self.worker.enter(EpisodeState.READY)

    def plan(self, instruction: str) -> None:
        """Begin an instruction with the plan of its first sub-task."""
        self.turns.begin(self.loaded[self.worker.board.snapshot.policy], instruction)

    def plan_with(self, policy: PolicyFactory, instruction: str) -> None:
        """Begin an instruction with a policy that is not among those to choose from."""
        self.turns.begin(policy(self.stage.world), instruction)

    def run(self, instruction: str | None, resume: bool) -> None:
        """Go on by itself; ``instruction`` begins one first, ``resume`` takes up what waits for the operator."""
        if instruction is not None:
            self.plan(instruction)
        elif resume:
            self.turns.resume()
        else:
            self.turns.predict()

    def home(self) -> None:
        """Move the arm home."""
        self.stage.home()
        self._rest()

    def recover(self) -> None:
        """Clear what holds the arm."""
        require(self.stage.world, Recoverable).recover(self.stage.motion)
        self.stage.ask_for_trouble()
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
        if self.turns.rollout is not None:
            self.turns.rollout.use(self.loaded[name])
        self._rest()

    def _rest(self) -> None:
        """Enter the resting state: an instruction is under way, or none is."""
        rollout = self.turns.rollout
        under_way = rollout is not None and not rollout.complete
        self.worker.enter(EpisodeState.PLANNED if under_way else EpisodeState.READY)

    def _load_policy(self, name: str) -> None:
        if name not in self.loaded:
            self.loaded[name] = self._factories[name](self.stage.world)
        policy = self.loaded[name]
        facts = {"policy_is_expert": policy.is_expert, "has_fine_stage": policy.has_fine_stage}
        self.worker.note(policy=name, policy_loaded=True, **facts)
