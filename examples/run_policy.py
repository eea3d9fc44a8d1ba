"""The shipped policy on tasks that no demonstration showed it, to their end and judged by the simulator.

python -m examples.run_policy --scenes 3
"""

from __future__ import annotations

import argparse

import clap


def main() -> None:
    """Run some scenes with nobody to ask; self-correction acts where a step fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="block_in_other_cup")
    parser.add_argument("--scenes", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=20_001)
    options = parser.parse_args()

    world = clap.TabletopWorld()
    policy = clap.load_checkpoint()
    successes = 0
    for seed in range(options.first_seed, options.first_seed + options.scenes):
        instruction = world.reset(options.task, seed)
        result = clap.run_unattended(world, policy, instruction)
        successes += result.success
        print(f"seed {seed}, {instruction}: {'done' if result.success else result.failure or 'goal not reached'}")
        for step in result.log:
            print(f"  {step.step}: {step.outcome}, {1000 * step.position_error:.1f} mm off")
        for correction in result.corrections:
            print(f"  corrected: {correction.sentence}")
    print(f"{successes} of {options.scenes}")
    world.close()


if __name__ == "__main__":
    main()
