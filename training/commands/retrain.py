"""Retrain the policy from recorded demonstrations, and measure what came of it.

    python -m training.retrain --recordings recordings --minutes 15 --out runs/retrain/triangle

The chosen episodes become shards; shards of what the checkpoint knows are generated where there are none, to be
rehearsed; planner and predictor are fine-tuned side by side, in full or by LoRA adapters that are merged at the end;
then the old and the new checkpoint act in the same scenes. The new checkpoint is OUT/checkpoint, the comparison
OUT/README.md. Every stage can be cut at any instant: the same command with --resume goes on. OUT/progress.jsonl tells
how far it is, a line of JSON each; `trackio show --project clap-retraining` with TRACKIO_DIR set to the folder
"trackio" beside OUT draws the curves of all runs.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from clap.errors import ClapError
from clap.policies.checkpoint import default_checkpoint
from clap.program_name import program_name
from training.retraining.progress import RetrainingProgress
from training.retraining.run_folder import RunFolder
from training.retraining.settings import METHODS, CancelledError, RetrainingError, RetrainSettings

THREAD_VARIABLES = ("OMP_NUM_THREADS", "LP_NUM_THREADS")
"""Read when torch and Mesa start: with more threads than cores everything gets slower."""

LOW = 10
"""Priority of a retraining beside the console. The world's process has -10: control gets 90 times this one's share."""


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    out = argparse.ArgumentParser(
        prog=program_name(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    new = RetrainSettings("", ("",), "")
    out.add_argument("--out", type=Path, required=True, help="folder of the run")
    out.add_argument("--resume", action="store_true", help="go on with the run that is there, as it was begun")
    out.add_argument(
        "--recordings", type=Path, default=Path("recordings"), help="the set of demonstrations (%(default)s)"
    )
    out.add_argument("--episodes", help="ids joined by commas; all that ended in success if left out")
    out.add_argument("--checkpoint", type=Path, default=default_checkpoint(), help="what to begin with (%(default)s)")
    out.add_argument("--method", choices=METHODS, default=new.method)
    out.add_argument("--minutes", type=float, default=new.minutes, help="CPU time of each part (%(default)g)")
    out.add_argument("--data", type=Path, default=Path(new.data), help="shards to rehearse (%(default)s)")
    out.add_argument(
        "--tasks", help='what is new, as "task" or "task:variation", joined by commas; else what was shown'
    )
    for name, text in {
        "rehearsal-shards": "generated if --data holds fewer",
        "rehearsal-demos": "demonstrations of each task in them",
        "rehearsal-copies": "renderings of each of their moments",
        "copies": "renderings of each moment of a recording",
        "moments": "moments of each of its steps",
        "check-scenes": "of each check during the training",
        "episodes-new": "of the evaluation, for each new task",
        "episodes-old": "of the evaluation, for each old task",
        "first-seed": "of the evaluation",
        "workers": "processes for data and evaluation",
        "seed": "of data and training",
    }.items():
        default = getattr(new, name.replace("-", "_"))
        out.add_argument(f"--{name}", type=int, default=default, help=f"{text} (%(default)s)")
    out.add_argument("--background", action="store_true", help="with low priority, beside a running console")
    return out


def settings_of(options: argparse.Namespace) -> RetrainSettings:
    """The settings that the options ask for. Raises RetrainingError, and what opening the recordings raises."""
    if not options.recordings.is_dir():
        raise RetrainingError(f"There is no folder {options.recordings}.", "Name the folder of the recordings.")
    from demos.store.store import DemonstrationStore

    with DemonstrationStore.open(options.recordings, read_only=True) as store:
        records = store.episodes() if not options.episodes else [store.get(one) for one in options.episodes.split(",")]
    chosen = {name: value for name, value in vars(options).items() if name in RetrainSettings.__dataclass_fields__}
    chosen |= {name: str(Path(chosen[name]).absolute()) for name in ("recordings", "checkpoint", "data")}
    chosen["episodes"] = tuple(record.id for record in records)
    chosen["tasks"] = tuple(options.tasks.split(",")) if options.tasks else ()
    return RetrainSettings.made_of(chosen, "the options")


def retrain(run: RunFolder, settings: RetrainSettings | None, background: bool = False) -> None:
    """Run the stages that are left; ``settings`` None goes on with the run that is there.

    Raises RetrainingError, CancelledError, and what the stages raise.
    """
    with run.hold():
        if settings is not None:
            if run.settings.exists():
                raise RetrainingError(
                    f"{run.path} holds a run already.", "Go on with --resume, or name another folder."
                )
            settings.save(run.settings)
        made = RetrainSettings.load(run.settings)
        if background:
            step_back()
        progress = RetrainingProgress(run.progress)
        try:
            with _ended_by_signal():
                # Only now: torch and the simulator take seconds, and the run is to be seen as running before.
                from training.retraining.stages import Stages

                Stages(run, made, progress).run()
        except CancelledError:
            progress.publish("cancelled")
            raise
        except ClapError as error:
            progress.publish("failed", sentence=str(error))
            raise
        except Exception as error:
            progress.publish("failed", sentence=f"It ended unexpectedly ({type(error).__name__}: {error}).")
            raise


def step_back() -> None:
    """Let everything else on this machine go first."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, LOW)
    with contextlib.suppress(OSError):  # Linux shares out between sessions before it looks at priorities
        if os.getsid(0) == os.getpid():
            Path("/proc/self/autogroup").write_text(str(LOW))


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    def cancel(*_: object) -> None:
        raise CancelledError

    former = signal.signal(signal.SIGTERM, cancel)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def main(arguments: list[str] | None = None) -> int:
    """Returns the process's exit status."""
    options = parser().parse_args(arguments)
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
    try:
        retrain(RunFolder(options.out), None if options.resume else settings_of(options), options.background)
    except (CancelledError, KeyboardInterrupt):
        print("retrain: cancelled; what was learned is kept, --resume goes on", file=sys.stderr)
        return 130
    except ClapError as error:
        print(f"retrain: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
