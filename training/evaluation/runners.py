"""Episodes run one after the other, in processes, or on Ray: the same function, hence the same records."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Any

from clap.errors import ClapError
from training.evaluation.episode_job import Finished, Job
from training.evaluation.jobs import run_job

LOCAL_RAY = "local"
"""The address that starts Ray on this machine instead of joining a cluster."""

THREAD_VARIABLES = ("OMP_NUM_THREADS", "LP_NUM_THREADS")
"""Read when torch and Mesa start: with more threads than cores everything gets slower."""


class RayMissingError(ClapError):
    """Ray was asked for and is not installed."""

    name = "ray is not installed"
    default_next_move = 'Install it with `pip install "ray>=2.50,<3"` (about 240 MB), or use --workers without --ray.'


class RayUnreachableError(ClapError):
    """No Ray cluster answers at the address that was given."""

    name = "ray cluster not reachable"
    default_next_move = "Start one with `ray start --head`, check the address, or use --ray without an address."


def run_jobs(jobs: list[Job], workers: int) -> Iterator[Finished]:
    """Finished episodes in the order in which they end. One worker runs in this very process."""
    if workers == 1:
        yield from map(run_job, jobs)
        return
    context = multiprocessing.get_context("spawn")  # OpenGL contexts and threads do not survive a fork
    pool = ProcessPoolExecutor(workers, context)
    try:
        waiting: set[Future[Finished]] = {pool.submit(run_job, job) for job in jobs}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        # After an error or Ctrl-C the episodes under way end, the others never begin.
        pool.shutdown(cancel_futures=True)


def run_jobs_on_ray(jobs: list[Job], address: str, workers: int) -> Iterator[Finished]:
    """Finished episodes in the order in which they end, each a Ray task of one core.

    ``address``: LOCAL_RAY, "auto", or a cluster's ("ray://head:10001"), whose machines need this package and the
    checkpoint at the same path. ``workers`` limits how many run at once on LOCAL_RAY; a cluster uses all its cores.
    Raises RayMissingError or RayUnreachableError.
    """
    ray = _connected(address, workers)
    try:
        task = ray.remote(num_cpus=1, max_retries=0)(run_job)
        waiting = [task.remote(job) for job in jobs]
        while waiting:
            done, waiting = ray.wait(waiting, num_returns=1)
            yield from ray.get(done)
    finally:
        ray.shutdown()


def _connected(address: str, workers: int) -> Any:
    try:
        import ray
    except ImportError as error:
        raise RayMissingError("The package ray is not installed.") from error
    passed_on = {name: value for name, value in os.environ.items() if name in (*THREAD_VARIABLES, "MUJOCO_GL")}
    options: dict[str, Any] = {"runtime_env": {"env_vars": passed_on}, "log_to_driver": False}
    if address == LOCAL_RAY:
        ray.init(address=LOCAL_RAY, num_cpus=workers, include_dashboard=False, **options)
        return ray
    try:
        ray.init(address=address, **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise RayUnreachableError(f"No Ray cluster answers at {address}: {error}".rstrip(".") + ".") from error
    return ray
