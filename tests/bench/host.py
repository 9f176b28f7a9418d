"""What the clients of a service notice of its host, fdrpc-host."""

import dataclasses
import pathlib
import tempfile

from measure import Skipped, figures_of, serving

FIGURES = [("failed_calls", "failed", "{:.0f}")]


@dataclasses.dataclass
class HostWorkload:
    says: str
    does: str  # "reload" or "start"
    count: int
    figure: str = "p50_us"
    systems: list = dataclasses.field(default_factory=lambda: ["fdrpc"])

    def measure(self, directory, system):
        services = directory.parent.parent / "services"
        load = directory / "fdrpc_bench_host"
        host = services / "host" / "fdrpc-host"
        broker = (services / "filebroker" / "fdrpc-filebroker").resolve()
        for path in (load, host, broker):
            if not path.exists():
                raise Skipped(f"{path.name} was not built")
        with tempfile.TemporaryDirectory(prefix="fdrpc-bench-") as temporary:
            server = f"unix:{temporary}/socket"
            pathlib.Path(temporary, "file").touch()
            if system == "raw-block":
                return figures_of(load, "alone", server, str(self.count), broker, temporary)
            config = pathlib.Path(temporary, "config", "broker.textproto")
            config.parent.mkdir(mode=0o755)
            config.write_text(f'command: ["{broker}", "--root", "{temporary}", '
                              '"--listen", "systemd:"]\n'
                              f'sockets {{ address: "{server}" }}\n'
                              "log { destination: DESTINATION_NONE }\n")
            config.chmod(0o644)
            control = f"unix:{temporary}/control"
            words = [control, config] if self.does == "reload" else [control]
            with serving(host, "run", "--config", config.parent, "--control", control):
                return figures_of(load, self.does, server, str(self.count), *words)


WORKLOADS = {
    "host-reload": HostWorkload("a service replaced after a change of its configuration, "
                                "while two clients call it", "reload", 50),
    "host-start": HostWorkload("the first call of a service that it starts: by the host, and "
                               "from the exec of the same program", "start", 50,
                               systems=["raw-block", "fdrpc"]),
}
