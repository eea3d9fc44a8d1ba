"""A demonstration recorded into a set of LeRobot v3 files, and read back.

python -m examples.record recordings
"""

from __future__ import annotations

import sys

import clap
from demos.recording.recorder import Recorder
from demos.store.store import DemonstrationStore


def main(folder: str = "recordings") -> None:
    """Let the scripted expert act once, recorded at 20 Hz while the arm moves."""
    episode = clap.Episode(clap.TabletopWorld, {"expert": clap.ExpertPolicy}, policy="expert", speed=0.0)
    with DemonstrationStore.open(folder) as store:
        recorder = Recorder(episode, store)
        episode.wait(lambda now: not now.state.busy)
        episode.reset("open_drawer", seed=0)
        now = episode.wait(lambda now: not now.state.busy)

        episode.plan(now.instruction)
        episode.wait(lambda now: not now.state.busy)
        recorder.begin(operator="example")
        episode.run()
        episode.wait(lambda now: not now.state.busy and not now.running)
        record = recorder.commit()  # success or failure is what the world judged

        recorded = store.read(record.id)
        outcome, keyframes = record.labels.outcome.value, recorded.keyframes.tolist()
        print(f"“{record.task}”: {record.length} frames, {outcome}, keyframes at {keyframes}")
        print("commanded poses:", recorded.action.shape, " reached poses:", recorded.state.shape)
        recorder.close()
    episode.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
