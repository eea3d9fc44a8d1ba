"""The console script ``clap``: one name for every command of the repository, ``clap --help`` lists them.

Each command is a module whose ``main`` reads ``sys.argv`` and returns an exit code or None; it is imported when it is
called and not before, so that help is there at once. All that follows its name goes to it as it is.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from clap.program_name import SCRIPT


class Command(NamedTuple):
    """The module of a command, and the line that tells what it does."""

    module: str
    line: str


GROUPS: dict[str, dict[str, Command]] = {
    "Operate": {
        "run": Command("app", "Serve the console in the browser"),
        "serve": Command("clap.serve", "Serve a checkpoint's planner to OpenAI-compatible clients"),
        "robot": Command(
            "clap.worlds.robot.__main__",
            "A real robot: check, home-gripper, print-board, sample, calibrate",
        ),
    },
    "Demonstrations": {
        "demos": Command("demos.__main__", "A folder of demonstrations: list, check, import, export, push"),
        "demos make-sample": Command("demos.make_sample", "Make the sample set again that ships"),
    },
    "Measure": {
        "evaluate": Command("training.commands.evaluate", "Success rates of a policy on unseen seeds"),
        "evaluate planner": Command("training.commands.evaluate_planner", "The planner on requests it has not seen"),
        "report": Command("training.commands.report", "Tables, failures and film strips of evaluations, as a page"),
        "benchmark": Command("training.commands.benchmark", "CPU time beside other libraries; of the page: console"),
    },
    "Train": {
        "retrain": Command("training.commands.retrain", "Fine-tune a checkpoint on recorded demonstrations"),
    },
}

TRAININGS = {
    "mini": Command("training.experiments.mini", "clap-mini from nothing: data, both trainings, evaluation"),
    "data": Command("training.data.generate", "Make the object-position and trajectory data sets"),
    "recordings": Command("training.commands.from_recordings", "Make training data of recorded demonstrations"),
    "planner": Command("training.planner.train", "The mini planner from scratch"),
    "predictor": Command("training.predictor.train", "The mini predictor from scratch"),
    "rvt2": Command("training.baselines.train_rvt2", "A branch of the RVT-2 baseline"),
    "export-rvt2": Command("training.baselines.export_rvt2", "Put a trained RVT-2 where the console finds it"),
    "table2": Command("training.experiments.table2", "The paper's ablation at equal compute"),
    "closed-loop": Command(
        "training.experiments.closed_loop.__main__", "Fail, correct on the page, retrain, measure again"
    ),
    "finetune-planner": Command("training.commands.finetune_planner", "The planner at the paper's size (Qwen2.5-VL)"),
    "finetune-predictor": Command("training.finetuning.train_predictor", "The predictor at the paper's size"),
}
"""What ``clap train`` trains."""


class Forwarded(TyperCommand):
    """A command that reads its arguments itself, ``--help`` among them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Nothing is parsed here: all arguments stay in ``ctx.args``."""
        super().parse_args(ctx, [])
        ctx.args = list(args)
        return list(args)


class TwoWords(TyperGroup):
    """Commands of which some have a name of two words; they go before one that is called by the first word."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command's name, the command, and what is left of the arguments."""
        pair = " ".join(args[:2])
        return super().resolve_command(ctx, [pair, *args[2:]] if pair in self.commands else args)


def application() -> typer.Typer:
    """The commands in their groups."""
    app = typer.Typer(
        cls=TwoWords,
        help="CLAP: a coarse-to-fine, language-aligned manipulation policy, and the console that operates it.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for group, commands in GROUPS.items():
        _add(app, commands, group)
    trainings = typer.Typer(help=f"Train or make one part: {', '.join(TRAININGS)}.", no_args_is_help=True)
    _add(trainings, TRAININGS)
    app.add_typer(trainings, name="train", rich_help_panel="Train")
    return app


def _add(app: typer.Typer, commands: Mapping[str, Command], group: str | None = None) -> None:
    for name, command in commands.items():
        app.command(name, cls=Forwarded, help=command.line, rich_help_panel=group, add_help_option=False)(
            _caller(command.module)
        )


def _caller(module: str) -> Callable[[typer.Context], None]:
    def call(context: typer.Context) -> None:
        sys.argv = [context.command_path, *context.args]
        sys.exit(importlib.import_module(module).main())

    return call


def main() -> None:
    """Run the command that ``sys.argv`` names; the process ends with its exit code."""
    application()(prog_name=SCRIPT)


if __name__ == "__main__":
    main()
