"""Where the CPU time of a workload goes: ./dev bench --profile."""

import collections
import contextlib
import re
import shutil
import signal
import subprocess
import tempfile

from measure import SYSTEMS, Failed, Skipped, measure, program

RECORD = ["perf", "record", "--quiet", "--event", "cpu-clock", "--freq", "4999"]
MALLOC = re.compile(r"(_int_|__libc_|c)?(malloc|free|realloc|calloc)$|operator (new|delete)|_Zn[wa]|"
                    r"_Zd[la]|tcache|unlink_chunk|sysmalloc|malloc_consolidate")
COPYING = re.compile(r"__mem(cpy|move|set|cmp)|__str")
LOCKS = re.compile(r"pthread_mutex|lll_lock|_pthread_mutex")


@contextlib.contextmanager
def recorded(pid, path):
    """Records what a process does meanwhile."""
    perf = subprocess.Popen([*RECORD, "--output", path, "--pid", str(pid)],
                            stderr=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        perf.send_signal(signal.SIGINT)
        errors = perf.communicate()[1]
        if perf.returncode not in (0, -signal.SIGINT):
            raise Failed(f"perf record: {errors.strip()}")


def source_files(binary):
    """Of its functions, by their mangled names."""
    listed = subprocess.run(["nm", "--line-numbers", binary], capture_output=True, text=True,
                            check=True).stdout
    files = {}
    for line in listed.splitlines():
        symbol, _, place = line.partition("\t")
        fields = symbol.split()
        if place and len(fields) == 3 and fields[1] in "tTwW":
            files[fields[2]] = place.rpartition(":")[0]
    return files


def part_of(symbol, library, files):
    """Whom a sample is counted to."""
    if library.startswith("[vdso"):
        return "the clock"
    if library.startswith("[") or symbol.startswith("[k]"):
        return "kernel"
    if MALLOC.search(symbol):
        return "malloc"
    if LOCKS.search(symbol):
        return "locks"
    if COPYING.search(symbol):
        return "copying"
    if "libprotobuf" in library:
        return "Protocol Buffers"
    place = files.get(symbol, "")
    if "_generated/" in place:
        return "Protocol Buffers"
    if room := re.search(r"/runtime/(?:include/)?(\w+)/", place):
        return "fdrpc: " + ("headers of users" if room[1] == "fdrpc" else room[1])
    if "/tests/bench/" in place:
        return "the bench's own"
    return "other libraries"


def shares(path, files):
    """Samples by part."""
    lines = subprocess.run(["perf", "script", "--input", path, "--no-demangle", "--fields",
                            "ip,sym,dso"], capture_output=True, text=True, check=True).stdout
    counts = collections.Counter()
    for line in lines.splitlines():
        if found := re.fullmatch(r"\s*\w+ (.*?) \((.*)\)\s*", line):
            counts[part_of(found[1], found[2].rpartition("/")[2], files)] += 1
    return counts


def run(name, workload, options):
    """Prints a table for each system."""
    if shutil.which("perf") is None:
        raise Failed("perf is missing: apt-get install linux-perf")
    directory = options.build / "tests" / "bench"
    for system in options.systems:
        if system not in workload.systems:
            continue
        try:
            files = source_files(program(directory, SYSTEMS[system].program))
            with tempfile.TemporaryDirectory(prefix="fdrpc-bench-") as temporary:
                paths = {side: f"{temporary}/{side}.perf" for side in ("server", "client")}
                measure(directory, SYSTEMS[system], workload, options.warm_up, options.seconds, {},
                        lambda pid: recorded(pid, paths["server"]),
                        [*RECORD, "--output", paths["client"], "--"])
                counts = {side: shares(path, files) for side, path in paths.items()}
        except Skipped as reason:
            print(f"\n{name}, {system}: skipped: {reason}")
            continue
        totals = {side: max(1, sum(count.values())) for side, count in counts.items()}
        print(f"\n{name}, {system}: CPU time by whose code runs; samples of the server "
              f"{totals['server']}, of the client {totals['client']}")
        both = counts["server"] + counts["client"]
        for part, _ in both.most_common():
            cells = [f"{counts[side][part] / totals[side]:6.0%}" for side in counts]
            print(f"  {part:24} {cells[0]} {cells[1]}")
