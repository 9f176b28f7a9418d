"""What a small server costs, and how soon it answers: tests/bench/small/."""

import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from measure import Failed, Skipped

FIGURES = [
    ("resident_bytes", "resident", "{:,.0f}"),
    ("private_bytes", "private", "{:,.0f}"),
    ("anonymous_bytes", "anonymous", "{:,.0f}"),
    ("static_anonymous_bytes", "static anonymous", "{:,.0f}"),
    ("threads", "threads", "{:.0f}"),
    ("binary_bytes", "binary", "{:,.0f}"),
    ("static_binary_bytes", "static binary", "{:,.0f}"),
    ("server_ready_us", "server ready µs", "{:,.0f}"),
    ("client_reply_us", "client's reply µs", "{:,.0f}"),
]

# The small programs by the system that they stand for.
SMALL = {"fdrpc": "fdrpc", "grpc-sync": "grpc", "protobuf": "protobuf"}


def small(directory, system, role):
    path = directory / f"fdrpc_bench_small_{SMALL[system]}_{role}"
    if not path.exists():
        raise Skipped(f"{path.name} was not built: its packages are missing")
    return path


def stripped_bytes(path, temporary):
    if not path.exists():
        return None
    stripped = pathlib.Path(temporary, "stripped")
    subprocess.run(["strip", "-o", stripped, path], check=True)
    return stripped.stat().st_size


def measure_server(path):
    """What a server costs that has just started."""
    with tempfile.TemporaryDirectory(prefix="fdrpc-bench-") as temporary:
        server = subprocess.Popen([path, f"unix:{temporary}/socket"], stdout=subprocess.PIPE,
                                  text=True)
        try:
            if server.stdout.readline().strip() != "ready":
                raise Failed("the server does not start")
            process = pathlib.Path("/proc", str(server.pid))
            memory = {}
            for line in (process / "smaps_rollup").read_text().splitlines()[1:]:
                name, value = line.split(":")
                memory[name] = int(value.split()[0]) * 1024
            return {
                "resident_bytes": memory["Rss"],
                "private_bytes": memory["Private_Dirty"],
                "anonymous_bytes": memory["Anonymous"],
                "threads": len(list((process / "task").iterdir())),
            }
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


def measure_footprint(directory, system):
    path = small(directory, system, "server")
    static = path.with_name(path.name + "_static")
    figures = measure_server(path)
    if static.exists():
        figures["static_anonymous_bytes"] = measure_server(static)["anonymous_bytes"]
    if shutil.which("strip"):
        with tempfile.TemporaryDirectory(prefix="fdrpc-bench-") as temporary:
            for name, program in (("binary_bytes", path), ("static_binary_bytes", static)):
                size = stripped_bytes(program, temporary)
                if size is not None:
                    figures[name] = size
    return figures


def measure_coldstart(directory, system, starts=7):
    server = small(directory, system, "server")
    client = "" if system == "protobuf" else small(directory, system, "client")
    runs = []
    for _ in range(starts):
        with tempfile.TemporaryDirectory(prefix="fdrpc-bench-") as temporary:
            run = subprocess.run(
                [directory / "fdrpc_bench_coldstart", server, client, f"unix:{temporary}/socket"],
                stdout=subprocess.PIPE, text=True, timeout=60)
            if run.returncode != 0:
                raise Failed("a program does not start")
            runs.append(json.loads(run.stdout))
    return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}


class Footprint:
    says = "a small server after its start, in bytes"
    figure = "anonymous_bytes"
    systems = list(SMALL)
    measure = staticmethod(measure_footprint)


class Coldstart:
    says = "from exec of a small server and then a client to the first reply"
    figure = "p50_us"
    systems = list(SMALL)
    measure = staticmethod(measure_coldstart)


WORKLOADS = {"footprint": Footprint, "coldstart": Coldstart}
