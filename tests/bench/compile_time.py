#!/usr/bin/env python3
"""compile_time.py BUILD_DIR [REPEATS]: how long the compiler takes for a file that includes
what a client or server written with fdrpc, gRPC or Cap'n Proto includes, and nothing else.
Prints processor time in seconds, the least of REPEATS (5) rounds in which each is compiled
once, without optimisation. BUILD_DIR is the bench's, whose generated headers it uses."""

import json
import pathlib
import resource
import shlex
import subprocess
import sys
import tempfile

# Name, the source whose include directories it is compiled with, and what it includes.
FILES = (
    ('Protocol Buffers, echo.pb.h', 'fdrpc_system.cc', ('tests/bench/echo.pb.h',)),
    ('fdrpc, echo.fdrpc.h', 'fdrpc_system.cc', ('tests/bench/echo.fdrpc.h',)),
    ('fdrpc, a client', 'fdrpc_system.cc', ('fdrpc/channel.h', 'tests/bench/echo.fdrpc.h')),
    ('fdrpc, a server', 'fdrpc_system.cc', ('fdrpc/server.h', 'tests/bench/echo.fdrpc.h')),
    ('gRPC, echo.grpc.pb.h', 'grpc_system.cc', ('tests/bench/echo.grpc.pb.h',)),
    ('gRPC, a client or server', 'grpc_system.cc',
     ('grpcpp/grpcpp.h', 'tests/bench/echo.grpc.pb.h')),
    ("Cap'n Proto, echo.capnp.h", 'capnp_system.cc', ('tests/bench/echo.capnp.h',)),
    ("Cap'n Proto, a client or server", 'capnp_system.cc',
     ('capnp/ez-rpc.h', 'tests/bench/echo.capnp.h')),
)


def directories(build, source):
    """The -I arguments with which the unity source that has `source` is compiled."""
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        unity = pathlib.Path(entry['file'])
        if unity.parent.name == 'Unity' and f'/{source}"' in unity.read_text():
            words = shlex.split(entry['command'])
            return words[0], [word for word in words if word.startswith('-I')]
    sys.exit(f'compile_time.py: {build} does not compile {source}; ./dev bench builds it')


def processor_time(command):
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    before = used()
    subprocess.run(command, check=True)
    return used() - before


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    least = {}
    with tempfile.TemporaryDirectory() as work:
        for _ in range(repeats):
            for name, source, headers in FILES:
                compiler, includes = directories(build, source)
                file = pathlib.Path(work) / 'file.cc'
                file.write_text(''.join(f'#include "{header}"\n' for header in headers))
                took = processor_time([compiler, '-std=c++20', '-O0', *includes, '-c', file,
                                       '-o', '/dev/null'])
                least[name] = min(took, least.get(name, took))
    for name, took in least.items():
        print(f'{name:34} {took:5.2f}')


if __name__ == '__main__':
    main()
