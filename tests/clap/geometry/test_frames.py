"""The geometry: view axes against hand-computed points, and round trips as properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clap.errors import OutOfWorkspaceError
from clap.geometry.frames import (
    IMAGE_SIZE,
    VIEW_NAMES,
    Pose,
    Workspace,
    lift,
    matrix_to_quaternion,
    project,
    quaternion_to_matrix,
    to_pixels,
)

WORKSPACE = Workspace()


def inside(workspace: Workspace):
    """Points strictly inside the workspace's cube, (3,) world metres."""
    return arrays(float, 3, elements=st.floats(-0.999, 0.999)).map(workspace.to_world)


workspaces = st.builds(
    lambda center, edges: Workspace(tuple(center - edges / 2), tuple(center + edges / 2)),
    arrays(float, 3, elements=st.floats(-2, 2)),
    arrays(float, 3, elements=st.floats(0.05, 3)),
)
quaternions = (
    arrays(float, 4, elements=st.floats(-1, 1))
    .filter(lambda q: np.linalg.norm(q) > 0.1)
    .map(lambda q: q / np.linalg.norm(q))
)
poses = st.builds(Pose, arrays(float, 3, elements=st.floats(-2, 2)), quaternions)


@pytest.mark.parametrize(
    ("point", "front", "left", "top"),
    [
        # The cube is centred at (0.2, 0, 1.1) m with half an edge of 0.5 m; 224 px span it.
        ((0.2, 0.0, 1.1), (112, 112), (112, 112), (112, 112)),
        # 25 cm away from the robot, 12.5 cm to its right, 25 cm below the centre: local (0.5, -0.25, -0.5).
        ((0.45, -0.125, 0.85), (84, 168), (56, 168), (168, 140)),
        # The corner that is far, left and high: local (1, 1, 1).
        ((0.7, 0.5, 1.6), (224, 0), (0, 0), (224, 0)),
        # The corner that is near, right and low: local (-1, -1, -1).
        ((-0.3, -0.5, 0.6), (0, 224), (224, 224), (0, 224)),
    ],
)
def test_view_axes_match_points_computed_by_hand(point, front, left, top):
    assert VIEW_NAMES == ("front", "left", "top")
    np.testing.assert_allclose(project(np.array(point), WORKSPACE), [front, left, top], atol=1e-9)


def test_a_pixel_is_the_cell_that_holds_the_projection():
    half_cell = 0.5 / IMAGE_SIZE
    point = WORKSPACE.center + half_cell
    # u and v of a positive axis fall in cell 112, of a negative one in cell 111.
    np.testing.assert_array_equal(to_pixels(point, WORKSPACE), [[112, 111], [111, 111], [112, 111]])
    corners = to_pixels(np.array([WORKSPACE.low, WORKSPACE.high]), WORKSPACE)
    assert corners.min() == 0 and corners.max() == IMAGE_SIZE - 1


@given(workspaces.flatmap(lambda w: st.tuples(st.just(w), inside(w))), st.sampled_from([28, 112, 224]))
def test_lifting_the_pixel_cells_of_a_point_comes_back_within_one_pixel_on_each_axis(case, size):
    workspace, point = case
    lifted = lift(to_pixels(point, workspace, size) + 0.5, workspace, size)
    pixel = 2 * workspace.half_extent / size
    assert np.all(np.abs(lifted.position - point) <= pixel + 1e-9)
    assert lifted.agreement_px <= 1 + 1e-9


@given(workspaces.flatmap(lambda w: st.tuples(st.just(w), inside(w))))
def test_lifting_the_exact_projection_is_exact_and_in_full_agreement(case):
    workspace, point = case
    lifted = lift(project(point, workspace), workspace)
    np.testing.assert_allclose(lifted.position, point, atol=1e-9)
    assert lifted.agreement_px < 1e-6


@given(inside(WORKSPACE), st.integers(0, 2), st.integers(0, 1), st.floats(-40, 40))
def test_an_error_in_one_view_is_halved_in_space_and_shown_as_disagreement(point, view, coordinate, error):
    pixels = project(point, WORKSPACE)
    pixels[view, coordinate] += error
    lifted = lift(pixels, WORKSPACE)
    metres = abs(error) * 2 * WORKSPACE.half_extent / IMAGE_SIZE
    assert np.isclose(np.abs(lifted.position - point).max(), metres / 2, atol=1e-9)
    assert np.isclose(lifted.agreement_px, abs(error), atol=1e-6)


def test_lift_wants_one_pixel_per_view():
    with pytest.raises(ValueError, match=r"shape \(3, 2\)"):
        lift(np.zeros((2, 2)), WORKSPACE)


@given(inside(WORKSPACE), st.data())
def test_a_zoom_pixel_lifts_back_to_its_point(center, data):
    window = WORKSPACE.zoomed(center)
    point = data.draw(inside(window))
    lifted = lift(to_pixels(point, window, 112) + 0.5, window, 112)
    assert np.all(np.abs(lifted.position - point) <= 0.25 / 112 + 1e-9)


@given(inside(WORKSPACE), st.floats(1, 16))
def test_zooming_shrinks_the_cube_around_the_keypoint(center, factor):
    window = WORKSPACE.zoomed(center, factor)
    np.testing.assert_allclose(window.center, center, atol=1e-9)
    assert np.isclose(window.half_extent, WORKSPACE.half_extent / factor)
    np.testing.assert_allclose(project(center, window, 112), np.full((3, 2), 56), atol=1e-6)


@pytest.mark.parametrize("center", [(0.71, 0, 1.1), (0.2, -0.6, 1.1), (0.2, 0, 0.5), (np.nan, 0, 1.1), (np.inf, 0, 1)])
def test_zooming_outside_the_workspace_is_refused_with_the_point(center):
    with pytest.raises(OutOfWorkspaceError, match="lies outside the workspace") as error:
        WORKSPACE.zoomed(np.array(center))
    assert error.value.next_move


@given(workspaces)
def test_a_box_is_embedded_in_the_smallest_cube_around_it(workspace):
    corners = workspace.to_local(np.array([workspace.low, workspace.high]))
    assert np.isclose(np.abs(corners).max(), 1)
    np.testing.assert_allclose(workspace.to_world(corners), [workspace.low, workspace.high], atol=1e-9)
    np.testing.assert_allclose(corners[0], -corners[1], atol=1e-6)


@pytest.mark.parametrize("low", [(0.0, 0.0, 1.0), (0.0, 2.0, 0.0)])
def test_a_workspace_without_volume_is_refused(low):
    with pytest.raises(ValueError, match="low < high"):
        Workspace(low, (1.0, 1.0, 1.0))


def test_the_bounds_belong_to_the_workspace_and_nan_does_not():
    points = np.array([WORKSPACE.low, WORKSPACE.high, WORKSPACE.center, (0.2, 0.0, 1.601), (np.nan, 0, 1)])
    assert WORKSPACE.contains(points).tolist() == [True, True, True, False, False]


def test_a_quarter_turn_about_z_sends_x_to_y():
    quaternion = np.array([0, 0, np.sqrt(0.5), np.sqrt(0.5)])
    np.testing.assert_allclose(quaternion_to_matrix(quaternion) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


@given(quaternions)
def test_quaternion_to_matrix_and_back_is_the_same_rotation(quaternion):
    matrix = quaternion_to_matrix(quaternion)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    assert np.isclose(np.linalg.det(matrix), 1)
    back = matrix_to_quaternion(matrix)
    assert back[3] >= 0
    assert np.isclose(abs(back @ quaternion), 1)
    np.testing.assert_allclose(quaternion_to_matrix(back), matrix, atol=1e-9)


@given(quaternions, quaternions)
def test_the_matrices_of_quaternions_multiply_as_rotations_compose(first, second):
    product = quaternion_to_matrix(first) @ quaternion_to_matrix(second)
    np.testing.assert_allclose(quaternion_to_matrix(matrix_to_quaternion(product)), product, atol=1e-9)


@given(poses)
def test_a_pose_survives_its_matrix(pose):
    metres, radians = pose.distance(Pose.from_matrix(pose.matrix))
    assert metres < 1e-9 and radians < 1e-6


@given(poses, poses)
def test_pose_distance_is_symmetric_and_zero_only_to_itself(a, b):
    np.testing.assert_allclose(a.distance(b), b.distance(a), atol=1e-6)
    assert a.distance(a)[0] == 0 and a.distance(a)[1] < 1e-6
    assume(abs(a.quaternion @ b.quaternion) < 0.99)
    assert a.distance(b)[1] > 0.1


def test_pose_distance_measures_the_angle_turned():
    still = Pose(np.zeros(3), np.array([0.0, 0, 0, 1]))
    turned = Pose(np.array([0.3, 0.4, 0]), np.array([np.sin(0.35), 0, 0, np.cos(0.35)]))
    np.testing.assert_allclose(still.distance(turned), (0.5, 0.7), atol=1e-9)
