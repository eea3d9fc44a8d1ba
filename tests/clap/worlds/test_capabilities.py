"""What a world can do follows from the methods that it has, and from nothing else."""

from __future__ import annotations

import time

import pytest

from clap.errors import WorldError
from clap.worlds.capabilities import (
    Ability,
    Drivable,
    Instructable,
    Movable,
    ObservableInParts,
    Previewable,
    Recoverable,
    Resettable,
    Restorable,
    Snapshotable,
    abilities_of,
    require,
)
from tests.support.kinematic_world import KinematicArm, KinematicTable, KinematicWorld

CAPABILITIES = {
    Movable,
    Drivable,
    Recoverable,
    Previewable,
    Resettable,
    Restorable,
    Instructable,
    ObservableInParts,
    Snapshotable,
}


@pytest.mark.parametrize(
    ("world", "lacks", "abilities"),
    [
        (KinematicTable(), CAPABILITIES - {Snapshotable}, set()),
        (
            KinematicArm(clock=time.time),
            {Resettable, Restorable, Instructable},
            {Ability.MOVE, Ability.PREVIEW, Ability.CALIBRATE},
        ),
        (KinematicWorld(), set(), set(Ability) - {Ability.CALIBRATE}),
    ],
)
def test_a_world_can_do_what_it_has_the_methods_for(world, lacks, abilities):
    assert {capability for capability in CAPABILITIES if not isinstance(world, capability)} == lacks
    assert abilities_of(world) == abilities


@pytest.mark.parametrize("capability", sorted(CAPABILITIES - {Snapshotable}, key=lambda one: one.__name__))
def test_a_capability_that_is_lacking_is_refused_with_a_next_move(capability):
    with pytest.raises(WorldError) as refused:
        require(KinematicTable(), capability)
    assert refused.value.sentence and refused.value.next_move
    world = KinematicWorld()
    assert require(world, capability) is world
