"""Calls of the blob store, services/blobstore, as it is installed."""

import dataclasses
import tempfile

from measure import Skipped, figures_of, serving


@dataclasses.dataclass
class BlobWorkload:
    says: str
    does: str  # "get" or "put"
    size: int
    figure: str = "p50_us"

    systems = ["fdrpc"]

    def measure(self, directory, options):
        server = directory.parent.parent / "services" / "blobstore" / "fdrpc-blobstore"
        if not server.exists():
            raise Skipped("the services were not built")
        size = min(self.size, 16 << 20) if options.smoke else self.size
        with tempfile.TemporaryDirectory(prefix="fdrpc-bench-") as temporary:
            address = f"unix:{temporary}/socket"
            with serving(server, "--listen", address, "--capacity", "2G", "--user-bytes", "4G",
                         "--user-blobs", "1000000") as store:
                return figures_of(directory / "fdrpc_bench_blobstore", address, self.does,
                                  str(size), str(options.warm_up), str(options.seconds),
                                  str(store.pid))


WORKLOADS = {
    "blob-get4k": BlobWorkload("a blob of 4 KiB, got from the blob store", "get", 4 << 10),
    "blob-get1g": BlobWorkload("a blob of 1 GiB, got from the blob store", "get", 1 << 30),
    "blob-put4k": BlobWorkload("blobs of 4 KiB, filled, sealed and put", "put", 4 << 10,
                               "rate_per_s"),
}
