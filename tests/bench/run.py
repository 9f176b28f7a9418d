#!/usr/bin/env python3
"""Measures fdrpc and what it is compared with: ./dev bench, docs/performance.md.

Each figure is the median of several repeats. A repeat is a server and a client
process of their own; the systems take turns, so that what the machine does
meanwhile concerns all of them.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import blobstore
import broker
import footprint
import host
import launches
import shares
import sweep
from measure import BLOCKING, RPC, SYSTEMS, Failed, Workload, measure, medians, repeat

MIB = 1 << 20
FDRPC = [name for name in SYSTEMS if name.startswith("fdrpc") and name != "fdrpc-block"]
# Those that carry streams, and messages of any size.
CONNECTED = [name for name in FDRPC if name != "fdrpc-connectionless"]
# They take long, and run only by their names.
ON_REQUEST = ["soak"]
# They have their own way to measure.
PROGRAMS = {**broker.WORKLOADS, **footprint.WORKLOADS, **host.WORKLOADS, **launches.WORKLOADS}
WORKLOADS = {
    "unary64": Workload("blocking calls, one after another", "unary", systems=list(SYSTEMS)),
    "oneway64": Workload("blocking one-way calls, one after another", "one_way", {},
                         "rate_per_s", [s for s in SYSTEMS if s.startswith("fdrpc")]),
    "unary64-pinned": Workload("the same, both processes on one CPU", "unary",
                               {"cpu": 0}, systems=BLOCKING),
    "unary64-busy1": Workload("blocking calls, beside a process that only computes", "unary",
                              at_least=1, computing=1),
    "unary64-busy2": Workload("blocking calls, beside two such processes", "unary",
                              at_least=1, computing=2),
    "inflight64": Workload("64 calls under way, from one thread", "in_flight",
                           {"in_flight": 64}, "rate_per_s"),
    "inflight64-pinned": Workload("the same, both processes on one CPU", "in_flight",
                                  {"in_flight": 64, "cpu": 0}, "rate_per_s", BLOCKING),
    "inflight64-busy1": Workload("64 calls under way, beside a process that only computes",
                                 "in_flight", {"in_flight": 64}, "rate_per_s",
                                 at_least=1, computing=1),
    "threads8": Workload("blocking calls of 8 threads, over one channel if it can be shared",
                         "threads", {"threads": 8}, "rate_per_s", BLOCKING),
    "threads8-busy1": Workload("blocking calls of 8 threads, beside a process that only computes",
                               "threads", {"threads": 8}, "rate_per_s", BLOCKING,
                               at_least=1, computing=1),
    "down64": Workload("a stream from the server, which may hold messages back", "down",
                       {"batched": 1}, "rate_per_s"),
    "down64-plain": Workload("a stream from the server, each message sent at once", "down",
                             {}, "rate_per_s"),
    "down64-plain-busy1": Workload("a plain stream, beside a process that only computes",
                                   "down", {}, "rate_per_s", at_least=1, computing=1),
    "up64": Workload("a stream to the server, of a client that may hold messages back", "up",
                     {"batched": 1}, "rate_per_s"),
    "up64-plain": Workload("a stream to the server, each message sent at once", "up",
                           {}, "rate_per_s"),
    "down1m": Workload("a stream of 1 MiB messages from the server", "down",
                       {"payload": MIB, "batched": 1}, "mbytes_per_s"),
    "echo1m": Workload("blocking calls with 1 MiB each way", "unary", {"payload": MIB}),
    "echo16m": Workload("blocking calls with 16 MiB each way", "unary", {"payload": 16 * MIB},
                        at_least=0.5),
    "unaryfd": Workload("blocking calls with a descriptor each way", "descriptor", {},
                        systems=["raw-block", "raw-poll",
                                 *(s for s in SYSTEMS if s.startswith("fdrpc"))]),
    "hand4k-bytes": Workload("4 KiB to the server, in the message", "hand_bytes",
                             {"payload": 4 << 10}, systems=FDRPC),
    "hand4k-buffer": Workload("4 KiB to the server, in shared memory", "hand_buffer",
                              {"payload": 4 << 10}, systems=FDRPC),
    "hand1g-bytes": Workload("1 GiB to the server, in the message", "hand_bytes",
                             {"payload": 1 << 30}, systems=CONNECTED),
    "hand1g-buffer": Workload("1 GiB to the server, in shared memory", "hand_buffer",
                              {"payload": 1 << 30}, systems=FDRPC),
    "callback64": Workload("blocking calls whose handler calls the client back", "call_back",
                           systems=CONNECTED),
    "given64": Workload("a service in a reply, one call of it, and its end", "call_given",
                        systems=CONNECTED),
    "soak": Workload("10,000,000 descriptors in streams, of which none is left", "soak",
                     {"descriptors": 10_000_000}, "rate_per_s", CONNECTED, at_least=60),
    "paced100": Workload("100 blocking calls a second", "paced", {}, "cpu_us_per_call",
                         BLOCKING, at_least=0.5),
    "idle": Workload("an open connection without calls: CPU time a second", "idle", {},
                     "client_cpu_us_per_s", RPC, at_least=1),
    "idle10k": Workload("10,000 idle connections: memory of one, and calls among them",
                        "among_idle", {"connections": 10000}, "server_bytes_per_connection", RPC),
}
ALL_WORKLOADS = [*WORKLOADS, *blobstore.WORKLOADS, *PROGRAMS]

# Figures as they are printed: name, heading, format.
FIGURES = [
    ("p50_us", "p50 µs", "{:.1f}"),
    ("p99_us", "p99 µs", "{:.1f}"),
    ("rate_per_s", "a second", "{:,.0f}"),
    ("mbytes_per_s", "MB/s", "{:,.1f}"),
    ("cpu_us_per_call", "CPU µs", "{:.2f}"),
    ("seconds", "seconds", "{:.1f}"),
    ("descriptors_left", "left", "{:.0f}"),
    ("alone_p50_us", "alone p50 µs", "{:.1f}"),
    ("alone_cpu_us_per_call", "alone CPU µs", "{:.2f}"),
    ("client_cpu_us_per_s", "client CPU µs/s", "{:.1f}"),
    ("server_cpu_us_per_s", "server CPU µs/s", "{:.1f}"),
    ("client_bytes_per_connection", "client bytes", "{:,.0f}"),
    ("server_bytes_per_connection", "server bytes", "{:,.0f}"),
] + footprint.FIGURES + host.FIGURES
MORE_IS_BETTER = {"rate_per_s", "mbytes_per_s"}


def print_table(name, workload, found, reasons):
    rows = {system: medians(repeats) for system, repeats in found.items()
            if repeats and system not in reasons}
    print(f"\n{name}: {workload.says}")
    columns = [figure for figure in FIGURES if any(figure[0] in row for row in rows.values())]
    lines = [["", *[heading for _, heading, _ in columns], "spread", "fdrpc is"]]
    own = rows.get("fdrpc", {}).get(workload.figure)
    for system, row in rows.items():
        cells = [form.format(row[figure]) if figure in row else ""
                 for figure, _, form in columns]
        value = row.get(workload.figure)
        all_values = [r[workload.figure] for r in found[system] if workload.figure in r]
        form = next((form for figure, _, form in FIGURES if figure == workload.figure), "{}")
        spread = (f"{form.format(min(all_values))}–{form.format(max(all_values))}"
                  if all_values else "")
        ratio = ""
        if own and value and system != "fdrpc":
            better = own / value if workload.figure in MORE_IS_BETTER else value / own
            ratio = f"{better:.2f} ×"
        lines.append([system, *cells, spread, ratio])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    if rows:
        for line in lines:
            print("  " + line[0].ljust(widths[0]),
                  *[cell.rjust(width) for cell, width in zip(line[1:], widths[1:])], sep="  ")
    for system, reason in reasons.items():
        print(f"  {system.ljust(widths[0])}  {reason}")
    sys.stdout.flush()
    return [{"workload": name, "system": system, **row,
             **{f"{workload.figure}_{end.__name__}": end(
                 r[workload.figure] for r in found[system])
                for end in (min, max) if workload.figure in row}}
            for system, row in rows.items()]


def read(path):
    try:
        return pathlib.Path(path).read_text().strip()
    except OSError:
        return "unknown"


def print_machine(options):
    cpu = next((line.split(":", 1)[1].strip() for line in read("/proc/cpuinfo").splitlines()
                if line.startswith("model name")), os.uname().machine)
    packages = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}  ", "libgrpc++-dev", "libcapnp-dev",
         "libprotobuf-dev"], capture_output=True, text=True).stdout.strip()
    print(f"CPU:      {cpu}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores")
    print(f"kernel:   {os.uname().sysname} {os.uname().release}; socket buffers "
          f"{read('/proc/sys/net/core/wmem_default')} bytes; load {read('/proc/loadavg')[:14]}")
    print(f"packages: {packages}")
    print(f"options:  {options.repeats} repeats of {options.seconds} s after {options.warm_up} s "
          "to warm up; payload 64 bytes unless said; medians; spread is of the figure that is "
          "compared; CPU is user and system time of both processes")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under two minutes")
    parser.add_argument("--sweep", action="store_true",
                        help="how figures change with sizes and numbers, instead of the workloads")
    parser.add_argument("--profile", action="store_true",
                        help="where the CPU time of each workload goes, instead of figures")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="writes the figures there")
    parser.add_argument("--workloads", metavar="A,B",
                        help=", ".join(ALL_WORKLOADS))
    parser.add_argument("--systems", metavar="A,B", help=", ".join(SYSTEMS))
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--seconds", type=float, help="how long a repeat measures")
    parser.add_argument("--smoke", action="store_true", help="whether everything runs; no figures")
    parser.add_argument("--build", default="build-bench", type=pathlib.Path,
                        help="the build directory")
    options = parser.parse_args()
    repeats, seconds, options.warm_up = ((1, 0.01, 0) if options.smoke else
                                         (3, 0.1, 0.03) if options.quick else
                                         (3, 0.3, 0.1) if options.sweep else (5, 1, 0.2))
    options.repeats = options.repeats or repeats
    options.seconds = options.seconds or seconds

    def chosen(names, known):
        names = names.split(",") if names else [
            name for name in known if options.smoke or name not in ON_REQUEST]
        for name in names:
            if name not in known:
                parser.error(f"there is no {name}, but: {', '.join(known)}")
        return names
    options.systems = chosen(options.systems, SYSTEMS)
    options.workloads = ([] if options.sweep else
                         chosen(options.workloads, ALL_WORKLOADS))
    return options


def run_workload(name, options):
    directory = options.build / "tests" / "bench"
    if name in blobstore.WORKLOADS:
        workload = blobstore.WORKLOADS[name]
        functions = {system: lambda: workload.measure(directory, options)
                     for system in workload.systems if system in options.systems}
        return workload, repeat(functions, options.repeats)
    if name in PROGRAMS:
        workload = PROGRAMS[name]
        functions = {system: lambda s=system: workload.measure(directory, s)
                     for system in workload.systems if system in [*options.systems, "protobuf"]}
        return workload, repeat(functions, options.repeats)
    workload = WORKLOADS[name]
    flags = {}
    if name == "idle10k" and (options.quick or options.smoke):
        flags["connections"] = 20 if options.smoke else 1000
    if options.smoke:
        for flag, most in {"payload": 16 * MIB, "descriptors": 100_000}.items():
            if flag in workload.flags:
                flags[flag] = min(workload.flags[flag], most)
    if options.quick or options.smoke:
        workload = dataclasses.replace(
            workload, at_least=0 if options.smoke else workload.at_least / 2)
    functions = {
        system: lambda s=SYSTEMS[system]: measure(directory, s, workload, options.warm_up,
                                                  options.seconds, flags)
        for system in options.systems if system in workload.systems}
    return workload, repeat(functions, options.repeats)


def profile(options):
    for name in options.workloads:
        if name in WORKLOADS:
            try:
                shares.run(name, WORKLOADS[name], options)
            except Failed as reason:
                print(f"{name}: FAILED: {reason}")
                return 1
    return 0


def absent(system, reasons):
    """Whether a system was not built."""
    return "not built" in reasons.get(system, "")


def missing(name, workload, rows, reasons):
    """Systems that were built and should have figures, but have none."""
    without = set(reasons)
    without.update(row["system"] for row in rows if workload.figure not in row)
    return [f"{name}: {system}" for system in without
            if system in SYSTEMS and not absent(system, reasons)]


def main():
    options = parse_arguments()
    print_machine(options)
    rows, any_failed = sweep.run(options) if options.sweep else ([], False)
    if options.profile:
        return profile(options)
    for name in options.workloads:
        workload, (found, reasons, failed) = run_workload(name, options)
        any_failed |= failed
        new = print_table(name, workload, found, reasons)
        if options.smoke and (without := missing(name, workload, new, reasons)):
            print("without figures:", ", ".join(without))
            any_failed = True
        rows += new
        # What is not there at all has been said once.
        options.systems = [s for s in options.systems if not absent(s, reasons)]
    if options.json:
        options.json.write_text(
            "[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]\n")
    return 1 if any_failed else 0


if __name__ == "__main__":
    sys.exit(main())
