"""One measurement: a server and a client process of one system."""

import contextlib
import dataclasses
import json
import statistics
import subprocess
import tempfile


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def figures_of(*words):
    """The figures that a program prints as JSON."""
    result = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=120)
    if result.returncode != 0:
        raise Failed(f"{words[0].name} fails")
    return json.loads(result.stdout)


@contextlib.contextmanager
def serving(*words):
    """One of the services' programs, until the end of the block; `words` begin with its
    path."""
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        if not server.stdout.readline().startswith("listening"):
            raise Failed(f"{words[0].name} does not start")
        yield server
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@dataclasses.dataclass
class System:
    program: str  # fdrpc_bench_<program>
    form: str = ""
    scheme: str = "unix:"


SYSTEMS = {
    "raw-block": System("raw", "block", ""),
    "raw-poll": System("raw", "poll", ""),
    "raw-ring": System("ring", "", ""),
    "fdrpc": System("fdrpc"),
    "fdrpc-block": System("fdrpc", "block"),
    "fdrpc-socket": System("fdrpc", "socket"),
    "fdrpc-seqpacket": System("fdrpc", scheme="unix-seqpacket:"),
    "fdrpc-dgram": System("fdrpc", scheme="unix-dgram:"),
    "grpc-sync": System("grpc", "sync"),
    "grpc-callback": System("grpc", "callback"),
    "fdrpc-over-grpc": System("over_grpc"),
    "capnp": System("capnp"),
    "fdrpc-connectionless": System("fdrpc", "connectionless", "unix-dgram:"),
}
# Calls in datagrams are neither streams nor large.
CONNECTED = [name for name in SYSTEMS if name != "fdrpc-connectionless"]
RPC = [name for name in CONNECTED if not name.startswith("raw")]
# Those whose sides do not both keep a CPU.
BLOCKING = [name for name in CONNECTED if name not in ("raw-poll", "raw-ring")]


@dataclasses.dataclass
class Workload:
    says: str
    does: str  # a name in workloads.cc
    # Of programs' flags, those that differ from their defaults.
    flags: dict = dataclasses.field(default_factory=dict)
    # The figure that systems are compared by.
    figure: str = "p50_us"
    systems: list = dataclasses.field(default_factory=lambda: list(CONNECTED))
    # Seconds that a repeat takes at least.
    at_least: float = 0
    # Processes beside server and client that only compute, at their priority.
    computing: int = 0


def answer(line):
    """What a program printed: figures, or why it has none."""
    try:
        figures = json.loads(line)
    except ValueError:
        raise Failed(f"no figures: {line!r}") from None
    if "skipped" in figures:
        raise Skipped(figures["skipped"])
    return figures


def program(directory, name):
    path = directory / f"fdrpc_bench_{name}"
    if not path.exists():
        raise Skipped(f"{path.name} was not built: its packages are missing")
    return str(path)


@contextlib.contextmanager
def computing(path, processes):
    """Meanwhile so many processes only compute."""
    started = []
    try:
        for _ in range(processes):
            started.append(subprocess.Popen([path, "--role=compute"]))
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def measure(directory, system, workload, warm_up, seconds, flags,
            watch=lambda server_pid: contextlib.nullcontext(), client_prefix=()):
    """One repeat: starts a server, and a client that measures. Meanwhile the server is watched."""
    path = program(directory, system.program)
    with tempfile.TemporaryDirectory(prefix="fdrpc-bench-") as temporary:
        flags = {**workload.flags, **flags, "form": system.form,
                 "address": f"{system.scheme}{temporary}/socket", "workload": workload.does,
                 "warm_up": warm_up, "seconds": max(seconds, workload.at_least)}
        common = [f"--{name}={value}" for name, value in flags.items()]
        server = subprocess.Popen([path, "--role=server", *common], stdout=subprocess.PIPE,
                                  text=True)
        try:
            ready = server.stdout.readline().strip()
            if ready != "ready":
                answer(ready)
            with watch(server.pid), computing(path, workload.computing):
                client = subprocess.run(
                    [*client_prefix, path, "--role=client", f"--server_pid={server.pid}", *common],
                    stdout=subprocess.PIPE, text=True, timeout=60 + 10 * flags["seconds"])
            if client.returncode != 0:
                raise Failed(f"the client ended with {client.returncode}")
            return answer(client.stdout)
        except subprocess.TimeoutExpired:
            raise Failed("the client does not end") from None
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


def repeat(functions, repeats):
    """Runs functions by name in turn; gives figures, and why there are none."""
    found = {name: [] for name in functions}
    reasons = {}
    failed = False
    for _ in range(repeats):
        for name, function in functions.items():
            if name in reasons:
                continue
            try:
                found[name].append(function())
            except Skipped as reason:
                reasons[name] = f"skipped: {reason}"
            except Failed as reason:
                reasons[name] = f"FAILED: {reason}"
                failed = True
    return found, reasons, failed


def medians(repeats):
    return {figure: statistics.median(r[figure] for r in repeats if figure in r)
            for figure in sorted({figure for r in repeats for figure in r})}
