"""What the benchmark scripts share: interleaved timing, tables, JSON."""

import json
import resource
import statistics
import sys
import time

from skkernels.utils._show_versions import dependency_info, system_info


def median_times(calls, runs):
    """Median seconds of each call, the calls taking turns so that drift hits all."""
    times = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            # Untimed: threads of the call before may still spin, its own may sleep.
            call()
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def peak_megabytes():
    """Largest resident size of this process so far, in MiB."""
    # On Linux getrusage counts the peak of the parent before exec, too.
    try:
        with open("/proc/self/status") as file:
            return int(file.read().split("VmHWM:")[1].split()[0]) / 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def resident_megabytes():
    """Resident size of this process now, in MiB; its peak where that is not known."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        return peak_megabytes()


def _format(value):
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


def print_table(rows, *, header=True):
    """Print dictionaries as a Markdown table; columns in order of first appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if header:
        print("| " + " | ".join(columns) + " |")
        print("|" + "---|" * len(columns))
    for row in rows:
        cells = (_format(row[c]) if c in row else "-" for c in columns)
        print("| " + " | ".join(cells) + " |", flush=True)


def write_json(path, results):
    """Write results with the machine and the versions they hold for, if asked to."""
    if path:
        record = {
            "system": system_info(),
            "versions": dependency_info(),
            "results": results,
        }
        with open(path, "w") as file:
            json.dump(record, file, indent=1, default=str)
