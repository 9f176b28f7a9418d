"""How long a process takes from its start to its end, by the launcher and without."""

import tempfile

from measure import Skipped, figures_of, serving

COUNT = 500


def measure_launches(directory, system):
    program = directory / "fdrpc_bench_launches"
    launcher = directory.parent.parent / "services" / "launcher" / "fdrpc-launcher"
    for path in (program, launcher):
        if not path.exists():
            raise Skipped(f"{path.name} was not built")
    if system == "raw-block":
        return figures_of(program, str(COUNT))
    with tempfile.TemporaryDirectory(prefix="fdrpc-bench-") as temporary:
        address = f"unix:{temporary}/socket"
        with serving(launcher, "--listen", address):
            return figures_of(program, str(COUNT), address)


class Launches:
    says = "a process of /bin/true, from its start to its end: by posix_spawn(3), by the launcher"
    figure = "p50_us"
    systems = ["raw-block", "fdrpc"]
    measure = staticmethod(measure_launches)


WORKLOADS = {"launches": Launches}
