"""How long a file takes to be opened, by the file broker and without."""

import pathlib
import tempfile

from measure import Skipped, figures_of, serving


def measure_opens(directory, system):
    load = directory / "fdrpc_bench_broker"
    broker = directory.parent.parent / "services" / "filebroker" / "fdrpc-filebroker"
    for path in (load, broker):
        if not path.exists():
            raise Skipped(f"{path.name} was not built")
    with tempfile.TemporaryDirectory(prefix="fdrpc-bench-") as temporary:
        root = pathlib.Path(temporary, "root")
        root.mkdir()
        (root / "file").touch()
        if system == "raw-block":
            return figures_of(load, root, "file")
        address = f"unix:{temporary}/socket"
        with serving(broker, "--root", root, "--listen", address) as server:
            return figures_of(load, root, "file", address, str(server.pid))


class Opens:
    says = "a file opened and closed: by openat2(2), by the file broker"
    figure = "p50_us"
    systems = ["raw-block", "fdrpc"]
    measure = staticmethod(measure_opens)


WORKLOADS = {"broker-open": Opens}
