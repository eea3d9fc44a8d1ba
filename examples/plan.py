"""One decision of the shipped policy, with nothing moved: what is on the table, the plan, the keypoint, the pose.

python -m examples.plan "put the red block in the red cup"
"""

from __future__ import annotations

import sys

import clap


def main(instruction: str = "") -> None:
    """Plan an instruction (the scene's own one if there is none), then predict its first step and judge it."""
    world = clap.TabletopWorld()
    instruction = instruction or world.reset("block_in_same_cup", seed=0)
    policy = clap.load_checkpoint()

    observation = world.observe()
    detected_objects = policy.detect_objects(observation)
    plan = policy.plan(clap.PlanRequest(instruction, detected_objects=detected_objects))
    print(f"instruction: {instruction}\non the table: {', '.join(detected_objects or ())}")
    if plan.status is not clap.PlanStatus.STEPS:
        print(f"{plan.status.value}: {plan.reason}")
        return
    print("plan:", *plan.steps, sep="\n  ")

    decided = policy.predict(clap.PredictRequest(observation, plan))
    pose = decided.action.pose
    print(f"step: {decided.step}")
    print(f"keypoint: {decided.keypoint.position.round(3)} m, views agree to {decided.keypoint.agreement_px:.1f} px")
    gripper = "open" if decided.action.gripper_open else "closed"
    print(f"target: {pose.position.round(3)} m, quaternion {pose.quaternion.round(3)}, gripper {gripper} at the end")

    verdict = clap.judge(decided, observation, world.workspace, world.reachable, now=observation.timestamp)
    print(f"verdict: {verdict.decision.value}")
    for check in verdict.checks:
        print(f"  {check.name}: {check.sentence}")
    world.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
