"""The classes of failed episodes; ``training.evaluation.taxonomy`` says which failure belongs to which."""

from __future__ import annotations

from training.evaluation.thresholds import CLOSE_PX, OFF_DEGREES, OFF_MM

CLASSES = {
    "refused request": "the policy would not plan the instruction",
    "wrong plan": "the plan is not that of the current sub-task",
    "wrong step": "the plan is right, and another step than the next one was chosen",
    "wrong object": "other objects were named, or the action goes to another thing",
    "views disagree": "the keypoint's three views were too far apart to be one point, and the motion was refused",
    "keypoint off": f"the coarse keypoint is more than {CLOSE_PX:g} px from the expert's in a view",
    "action off": f"the keypoint is right, and the action is {OFF_MM:g} mm or {OFF_DEGREES:g}° off, or the gripper "
    "was set the wrong way",
    "motion": "the prediction is right, and the arm could not get there",
    "grasp": "the arm got there, and the thing was not between the fingers afterwards",
    "finished too early": "the policy called the task complete before its last step",
    "goal not held": "every step was right, and the goal does not hold: dropped, tipped or bounced off",
    "never finished": "steps went on, or repeated themselves, until the limit",
    "no answer": "the policy failed to answer",
}
"""Every class of failure with its definition, from language over seeing to acting and ending."""
