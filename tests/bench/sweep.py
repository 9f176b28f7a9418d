"""How the figures change with size and number: ./dev bench --sweep."""

import sys

from measure import RPC, SYSTEMS, Workload, measure, medians, repeat

# Name: what is done, the flag that changes, its values.
SWEEPS = {
    "sweep-payload": (Workload("blocking calls, by bytes each way: p50 in µs", "unary"),
                      "payload",
                      [1, 64, 1024, 4096, 16384, 65536, 1 << 18, 1 << 20, 1 << 22, 1 << 24,
                       1 << 26]),
    "sweep-connections": (Workload("blocking calls among idle connections, by their number: "
                                   "p50 in µs", "among_idle", systems=RPC),
                          "connections", [1, 10, 100, 1000, 10000]),
    "sweep-inflight": (Workload("calls a second, by how many are under way", "in_flight", {},
                                "rate_per_s"),
                       "in_flight", [1, 4, 16, 64, 256, 1024, 4096]),
    "sweep-streams": (Workload("64-byte messages a second from the server, by streams at once, "
                               "each read by a thread", "streams", {"batched": 1}, "rate_per_s"),
                      "threads", [1, 4, 16, 64]),
}


def run(options):
    """Prints a line for each value; gives the rows of the JSON."""
    rows = []
    directory = options.build / "tests" / "bench"
    any_failed = False
    for name, (workload, flag, values) in SWEEPS.items():
        systems = [s for s in options.systems if s in workload.systems]
        print(f"\n{name}: {workload.says}")
        print("".rjust(12), *[system.rjust(15) for system in systems])
        skipped = {}
        for value in values:
            functions = {
                system: lambda s=SYSTEMS[system], v=value: measure(
                    directory, s, workload, options.warm_up, options.seconds, {flag: v})
                for system in systems if system not in skipped}
            found, reasons, failed = repeat(functions, options.repeats)
            any_failed |= failed
            skipped.update(reasons)
            cells = []
            for system in systems:
                row = medians(found.get(system, []))
                cells.append(f"{row[workload.figure]:,.1f}" if row else "–")
                if row:
                    rows.append({"workload": name, "system": system, "x": value, **row})
            print(f"{value:,}".rjust(12), *[cell.rjust(15) for cell in cells])
            sys.stdout.flush()
        for system, reason in skipped.items():
            print(f"  {system}: {reason}")
    return rows, any_failed
