"""`python -m training.benchmark console`: takes the console's figures and prints them as a Markdown table."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clap.program_name import program_name
from training.benchmarks.console import served
from training.benchmarks.console.browser import SCREEN, NeverError, Tab, chromium, clock_error_s
from training.benchmarks.console.gradio_events import Events
from training.benchmarks.console.rates import Rates, rates
from training.benchmarks.console.soak import Operator, Sample, Soak
from training.benchmarks.console.stops import Presser, Stops
from training.benchmarks.console.teleoperation import Teleoperation, drive
from training.benchmarks.measure import SectionUnavailable

GRADIO_EVENTS = ("-m", "training.benchmarks.console.gradio_events")
WARM_UP_S = 600.0
WANTED_MS = 100
"""What Stop is to stay within."""


def main(arguments: list[str]) -> int:
    """Take the figures that were asked for; 1 if this machine cannot."""
    options = parse(arguments)
    for variable in ("OMP_NUM_THREADS", "LP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    title = (
        f"{datetime.date.today()}, {os.cpu_count()} cores, python -m training.benchmark console {' '.join(arguments)}"
    )
    print(f"{title}\n\n| what | measured |\n|---|---|", flush=True)
    found: dict[str, Any] = {"title": title}
    try:
        with chromium() as browser:
            if options.stops:
                found["stops"] = asdict(stops(browser, options))
            if options.teleop_seconds or options.rate_seconds:
                found |= seen_and_driven(browser, options)
            if options.soak_minutes:
                found["soak"] = soak(browser, options.soak_minutes).as_json()
    except (SectionUnavailable, NeverError) as reason:
        print(f"not measured: {reason}")
        return 1
    finally:
        if options.out is not None:
            options.out.write_text(json.dumps(found))
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options; what is 0 is left out."""
    parser = argparse.ArgumentParser(prog=f"{program_name()} console", description=__doc__)
    parser.add_argument("--stops", type=int, default=200, help="presses of Stop under load (200)")
    parser.add_argument("--tabs", type=int, default=6, help="tabs that are open meanwhile (6)")
    parser.add_argument("--windows", action="store_true", help="all tabs are seen at once, each in a window of its own")
    parser.add_argument("--hogs", type=int, default=1, help="processes that take all the processor they get (1)")
    parser.add_argument("--teleop-seconds", type=float, default=60, help="seconds of driving by hand (60)")
    parser.add_argument("--rate-seconds", type=float, default=20, help="seconds of motion that are watched (20)")
    parser.add_argument("--soak-minutes", type=float, default=45, help="minutes of scripted use (45)")
    parser.add_argument("--out", type=Path, help="also write every single figure to this file, as JSON")
    return parser.parse_args(arguments)


def stops(browser: Any, options: argparse.Namespace) -> Stops:
    """Stop under load, beside Gradio's events."""
    with served.console() as (url, _), served.served(*GRADIO_EVENTS) as (gradio_url, _):
        context = browser.new_context(viewport=SCREEN)
        tab = Tab(context, url)
        error, uncertainty = clock_error_s(tab.page)
        gradio = Events(context, gradio_url, error)
        others = [Tab(context, url, seen=options.windows) for _ in range(options.tabs - 1)]
        tab.page.bring_to_front()
        presser = Presser(tab, gradio, error)
        try:
            with served.hogs(options.hogs):
                presser.run(options.stops)
        finally:  # a run that is cut short tells what it found
            tell_stops(
                presser.found,
                f"{len(others) + 1} {'windows' if options.windows else 'tabs'}, {options.hogs} busy processes",
                uncertainty,
            )
            context.close()
    return presser.found


def tell_stops(found: Stops, load: str, uncertainty: float) -> None:
    """The rows of Stop."""
    row(f"Stop, from the click to the halted motion, under load ({load})", spread(found.all_halted))
    row(f"… within {WANTED_MS} ms", share_within(found.all_halted, WANTED_MS))
    for kind, times in found.halted.items():
        row(f"… during {kind}", spread(times))
    for part, times in found.parts.items():
        row(f"… of that, {part}", spread(times))
    row("… lost", str(found.lost))
    row("… from the click to the page's knowledge that it was taken", f"{spread(found.answered)}; by {found.ways}")
    for kind, times in found.gradio.items():
        row(f"The same click {kind}, to its function", spread(times))
    row("Uncertainty of the clocks", f"{1000 * uncertainty:.1f} ms")


def seen_and_driven(browser: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Driving by hand, and how often a page is told."""
    found: dict[str, Any] = {}
    with (
        served.console("--policy", "expert") as (url, _),
        contextlib.closing(browser.new_context(viewport=SCREEN)) as context,
    ):
        tab = Tab(context, url)
        if options.teleop_seconds:
            tab.reset(0)
            driven = drive(tab, options.teleop_seconds, clock_error_s(tab.page)[0])
            tell_driven(driven)
            found["teleoperation"] = asdict(driven)
        if options.rate_seconds:
            watched = rates(tab, options.rate_seconds)
            tell_rates(watched)
            found["rates"] = asdict(watched)
    return found


def tell_driven(driven: Teleoperation) -> None:
    """The rows of driving by hand."""
    rate, share = driven.sent / driven.seconds, driven.applied / driven.sent
    row(
        f"Driving by hand for {driven.seconds:.0f} s",
        f"{rate:.1f} commands a second, {share:.2%} of {driven.sent} applied",
    )
    row("… from sending to being applied", spread(driven.ms))
    row("… from sending to the answer in the page", spread(driven.answer_ms))


def tell_rates(watched: Rates) -> None:
    """The rows of what a page is told."""
    row(
        f"During {watched.seconds:.0f} s of motion a page gets",
        f"{watched.scenes:.1f} scenes a second of {watched.points[0]:,} to {watched.points[1]:,} points, "
        f"{watched.poses:.1f} poses a second; the canvas was made {watched.mounts} time(s)",
    )


def soak(browser: Any, minutes: float) -> Soak:
    """Scripted use."""
    with served.console() as (url, pid), contextlib.closing(browser.new_context(viewport=SCREEN)) as context:
        found = Operator(context, url, pid).use(minutes, tell_sample)
    from_s = min(WARM_UP_S, 60 * minutes / 4)
    row(f"Scripted use for {minutes:g} minutes", f"{found.rounds} rounds, {len(found.failures)} things failed")
    for name, what in (("server_mib", "server"), ("station_mib", "world's process"), ("heap_mib", "page's JavaScript")):
        last = getattr(found.samples[-1], name)
        row(
            f"… memory of the {what}",
            f"{last:.0f} MiB, {found.growth(name, from_s):+.1%} since minute {from_s / 60:.0f}",
        )
    first, last = next(one for one in found.samples if one.seconds >= from_s), found.samples[-1]
    for name in ("threads", "descriptors", "sockets"):
        row(f"… {name} of server and world then, and at the end", f"{getattr(first, name)}, {getattr(last, name)}")
    return found


def tell_sample(sample: Sample) -> None:
    """Progress on the terminal, as a comment in the table's Markdown."""
    print(f"<!-- {sample} -->", flush=True)


def row(what: str, figure: str) -> None:
    """One line of the table."""
    print(f"| {what} | {figure} |", flush=True)


def share_within(times: list[float], limit_ms: float) -> str:
    """How many of them took no longer than a limit."""
    within = sum(ms <= limit_ms for ms in times)
    return f"{within} of {len(times)}, {within / len(times):.1%}" if times else "never"


def spread(times: list[float]) -> str:
    """Median, 95th and 99th percentile and the largest, of milliseconds."""
    if not times:
        return "never"
    if len(times) == 1:
        return f"{times[0]:.0f} ms"
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return f"p50 {cuts[49]:.0f}, p95 {cuts[94]:.0f}, p99 {cuts[98]:.0f}, max {max(times):.0f} ms ({len(times)})"
