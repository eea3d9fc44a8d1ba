"""Inverse kinematics of the FR3 by damped least squares on a model of the robot alone."""

from __future__ import annotations

import functools

import mujoco
import numpy as np
from numpy.typing import NDArray

from clap.geometry.frames import Pose
from clap.robots.fr3 import HOME_JOINTS, robot_only_model

Array = NDArray[np.floating]

OUTLINE_POINTS = 60
"""Of each mesh of a link."""


class InverseKinematics:
    """Solves for the joint angles (7,) rad that bring the tool centre point to a pose in the world frame.

    Damped least squares with a pull towards the home posture in the null space, in the first iteration only: about
    one iteration a waypoint along a line, three for a keyframe.
    """

    POSITION_TOLERANCE = 2e-4
    ROTATION_TOLERANCE = 1e-3
    DAMPING = 1e-4
    MAX_STEP = 0.4
    ITERATIONS = 60

    def __init__(self) -> None:
        self._model = robot_only_model()
        self._data = mujoco.MjData(self._model)
        self._site = self._model.site("tcp").id
        self._low = self._model.jnt_range[:7, 0] + 0.01
        self._high = self._model.jnt_range[:7, 1] - 0.01

    @property
    def limits(self) -> tuple[Array, Array]:
        """The lowest and the highest angles (7,) rad of the joints, a hundredth inside the arm's own."""
        return self._low.copy(), self._high.copy()

    def solve(self, pose: Pose, start: Array, iterations: int = ITERATIONS) -> Array | None:
        """Joint angles (7,) near ``start`` that reach ``pose``, or None if none was found."""
        target, rotation = np.asarray(pose.position, float), pose.rotation
        q = np.clip(np.asarray(start, float), self._low, self._high)
        model, data = self._model, self._data
        jac_p, jac_r = np.zeros((3, model.nv)), np.zeros((3, model.nv))
        quaternion, turn = np.zeros(4), np.zeros(3)
        for iteration in range(iterations):
            data.qpos[:7] = q
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            current = data.site_xmat[self._site].reshape(3, 3)
            mujoco.mju_mat2Quat(quaternion, (rotation @ current.T).ravel())
            mujoco.mju_quat2Vel(turn, quaternion, 1.0)
            error = np.concatenate([target - data.site_xpos[self._site], turn])
            if np.abs(error[:3]).max() < self.POSITION_TOLERANCE and np.abs(error[3:]).max() < self.ROTATION_TOLERANCE:
                return q
            mujoco.mj_jacSite(model, data, jac_p, jac_r, self._site)
            jacobian = np.vstack([jac_p, jac_r])[:, :7]
            pseudo = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + self.DAMPING * np.eye(6))
            step = pseudo @ error
            if iteration == 0:
                pull = 0.1 * (HOME_JOINTS - q)
                step += pull - pseudo @ (jacobian @ pull)
            largest = np.abs(step).max()
            if largest > self.MAX_STEP:
                step *= self.MAX_STEP / largest
            q = np.clip(q + step, self._low, self._high)
        return None

    def forward(self, joints: Array) -> Pose:
        """Pose of the tool centre point at the joint angles (7,) rad."""
        self._data.qpos[:7] = joints
        mujoco.mj_kinematics(self._model, self._data)
        return Pose.from_rotation(self._data.site_xpos[self._site], self._data.site_xmat[self._site].reshape(3, 3))

    def outline(self, joints: Array) -> Array:
        """(k, 3) world metres: points on the moving links but the gripper, at the joint angles (7,) rad."""
        data, model = self._data, self._model
        data.qpos[:7] = joints
        mujoco.mj_kinematics(model, data)
        out = []
        for geom, vertices in self._link_vertices:
            out.append(vertices @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom])
        return np.concatenate(out)

    @functools.cached_property
    def _link_vertices(self) -> list[tuple[int, Array]]:
        """Each mesh of links 1 to 7, with some of its vertices in the geom's frame."""
        model, found = self._model, []
        links = {model.body(f"fr3_link{k}").id for k in range(1, 8)}
        for geom in range(model.ngeom):
            mesh = model.geom_dataid[geom]
            if model.geom_bodyid[geom] in links and model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH and mesh >= 0:
                first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
                every = max(1, count // OUTLINE_POINTS)
                found.append((geom, model.mesh_vert[first : first + count : every].astype(float)))
        return found

    def solve_from_anywhere(self, pose: Pose, start: Array) -> Array | None:
        """As solve, and tries again from the home posture turned towards the target."""
        found = self.solve(pose, start)
        if found is not None:
            return found
        seed = HOME_JOINTS.copy()
        seed[0] = np.arctan2(pose.position[1], pose.position[0] + 0.309)
        return self.solve(pose, seed)
