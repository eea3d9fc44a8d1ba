"""A policy of your own behind the same operator, checks and recorder: here it moves above the highest thing it sees.

    python -m examples.add_a_policy

These members are all that an episode calls (``clap.policies.base.Policy``; nothing is inherited). A policy that is
served elsewhere sends what ``predict`` is given to its server and makes a Prediction of the answer.
"""

from __future__ import annotations

import clap
from clap.geometry.frames import to_pixels


class AboveTheHighest:
    name, step_words = "above the highest", ()
    is_expert = has_fine_action = knows_completion = False

    def detect_objects(self, observation, on_text=None):
        return None

    def plan(self, request: clap.PlanRequest) -> clap.Plan:
        return clap.Plan(clap.PlanStatus.STEPS, (request.instruction,))

    def predict(self, request: clap.PredictRequest) -> clap.Prediction:
        workspace = clap.Workspace()
        views = clap.render_views(clap.fuse(request.observation, workspace), workspace)
        on_the_table = views.xyz[2][views.mask[2] & (views.xyz[2][..., 0] > 0.15)]  # top view, away from the arm
        highest = on_the_table[on_the_table[:, 2].argmax()].astype(float)
        pixels = to_pixels(highest, workspace)
        pose = clap.Pose(highest + [0, 0, 0.1], request.observation.gripper_pose.quaternion)  # 10 cm above it
        keypoint, window = clap.lift(pixels + 0.5, workspace), workspace.zoomed(highest)
        return clap.Prediction(request.plan.steps[0], (), keypoint, pixels, window, clap.Action(pose, True), views)


def main() -> None:
    episode = clap.Episode(clap.TabletopWorld, {"mine": lambda world: AboveTheHighest()}, policy="mine", speed=0.0)
    for verb in (lambda: episode.reset("block_in_same_cup", 0), lambda: episode.plan("point"), episode.predict):
        episode.wait(lambda now: not now.state.busy)
        verb()
    verdict = episode.wait(lambda now: not now.state.busy).verdict
    print("verdict:", verdict.decision.value)
    episode.approve()
    print("steps done:", episode.wait(lambda now: not now.state.busy).steps_done)
    episode.close()


if __name__ == "__main__":
    main()
