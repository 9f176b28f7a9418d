#!/usr/bin/env python3
"""check_alone.py BUILD_DIR JOBS FOLDER...: whether every source of these folders that a
unity build joins with others also compiles alone: a unity build hides an include that is
missing where a source before it has it. Checks the syntax only, with the commands of
BUILD_DIR's compile_commands.json. Prints what the compiler says; fails if one source fails.

What many sources include costs most of the time: so sources with the same options share
precompiled headers. A source gets one only of headers that it reaches by includes of its own
and of the project's headers, so that none hides that an include is missing."""

import collections
import concurrent.futures
import functools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

# What is precompiled, in this order, and the tenths of a second that it takes the compiler;
# and besides, generated headers.
PRECOMPILED_HEADERS = {
    'atomic': 1, 'map': 1, 'memory': 5, 'optional': 1, 'string': 3, 'utility': 1, 'vector': 1,
    'functional': 2, 'chrono': 3, 'mutex': 1, 'thread': 3, 'stop_token': 3,
    'absl/types/span.h': 2, 'absl/time/time.h': 5, 'absl/strings/str_cat.h': 3,
    'absl/container/inlined_vector.h': 4, 'absl/container/flat_hash_map.h': 9,
    'absl/functional/any_invocable.h': 3, 'absl/status/status.h': 7,
    'absl/status/statusor.h': 8, 'google/protobuf/message.h': 9,
    'google/protobuf/descriptor.h': 8, 'gtest/gtest.h': 10, 'gmock/gmock.h': 12,
    'fdrpc/channel.h': 5, 'fdrpc/server.h': 6}
GENERATED_HEADERS = '.fdrpc.h'
GENERATED_COST = 5

NOT_FOR_SYNTAX = {'-c', '-MD'}
WITH_VALUE = {'-o', '-MT', '-MF'}


def joined_sources(unity_source):
    text = pathlib.Path(unity_source).read_text()
    return re.findall(r'^#include "(.+)"$', text, re.MULTILINE)


def syntax_command(entry):
    """entry's command without its source and output, and without what says nothing of the
    syntax: warnings, optimisation and instrumentation, which the build itself has."""
    arguments = []
    words = iter(shlex.split(entry['command']))
    for word in words:
        if word in WITH_VALUE:
            next(words)
        elif (word != entry['file'] and word not in NOT_FOR_SYNTAX and
              not word.startswith(('-fsanitize', '-fno-sanitize', '-fPI', '-O', '-g', '-W'))):
            arguments.append(word)
    return tuple(arguments + ['-w', '-fsyntax-only'])


@functools.cache
def includes_of(path):
    text = path.read_text(errors='replace')
    return re.findall(r'^#include ["<](.+?)[">]', text, re.MULTILINE)


@functools.cache
def find_header(name, directories):
    return next((path for path in (pathlib.Path(d) / name for d in directories)
                 if path.exists()), None)


def precompiled_headers_of(source, command):
    """Those that the source reaches through headers of the command's -I directories."""
    directories = tuple(word[2:] for word in command if word.startswith('-I'))
    names, left = set(), [pathlib.Path(source)]
    while left:
        for name in includes_of(left.pop()):
            if name in names:
                continue
            names.add(name)
            if header := find_header(name, directories):
                left.append(header)
    return frozenset(name for name in names
                     if name in PRECOMPILED_HEADERS or name.endswith(GENERATED_HEADERS))


def cost(headers):
    return sum(PRECOMPILED_HEADERS.get(name, GENERATED_COST) for name in headers)


def shared_sets(reached):
    """For each of a list of sets of headers, a subset that is precompiled for it. Takes what
    saves most first, for as long as it saves more than it costs."""
    kinds = collections.Counter(reached)
    candidates = {a & b for a in kinds for b in kinds}
    chosen = dict.fromkeys(kinds, frozenset())

    def saved(candidate):
        return sum(number * max(0, cost(candidate) - cost(chosen[kind]))
                   for kind, number in kinds.items() if candidate <= kind) - cost(candidate)

    while (best := max(candidates, key=saved)) and saved(best) > 0:
        for kind in kinds:
            if best <= kind and cost(best) > cost(chosen[kind]):
                chosen[kind] = best
    return [chosen[each] for each in reached]


def run(command, directory):
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    return result.returncode, result.stderr


def in_order(headers):
    order = list(PRECOMPILED_HEADERS)
    return sorted(headers, key=lambda name: (order.index(name) if name in order else len(order),
                                             name))


def precompile(command, headers, directory, place):
    """What has the compiler use these headers, precompiled."""
    header, compiled = place.with_suffix('.h'), place.with_suffix('.pch')
    header.write_text(''.join(f'#include "{name}"\n' for name in in_order(headers)))
    status, said = run([word for word in command if word != '-fsyntax-only'] +
                       ['-fpch-instantiate-templates', '-x', 'c++-header', header,
                        '-o', compiled], directory)
    if status != 0:
        raise RuntimeError(f'{" ".join(headers)}: compiling these together failed:\n{said}')
    return ['-include-pch', compiled]


def check(command, source, directory, precompiled):
    return run([*command, *precompiled.result(), source], directory)


def precompile_shared(pool, directory, members, place):
    """For each of the members, commands and sources, what has the compiler use what is
    precompiled for it: a future's value."""
    shared = shared_sets([precompiled_headers_of(source, command) for command, source in members])
    nothing = concurrent.futures.Future()
    nothing.set_result([])
    made = {frozenset(): nothing}
    for headers, (command, _) in zip(shared, members):
        if headers not in made:
            made[headers] = pool.submit(precompile, command, headers, directory,
                                        place.with_name(f'{place.name}_{len(made)}'))
    return [made[headers] for headers in shared]


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    build, jobs = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    folders = tuple(os.path.abspath(folder) + '/' for folder in sys.argv[3:])
    groups = collections.defaultdict(list)
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        if '/Unity/unity_' not in entry['file']:
            continue
        command = syntax_command(entry)
        # Where headers are looked for makes no difference to what they are.
        options = tuple(word for word in command if not word.startswith('-I'))
        sources = [(command, source) for source in joined_sources(entry['file'])
                   if source.startswith(folders)]
        if sources:
            groups[options, entry['directory']] += sources
    if not groups:
        sys.exit(f'check_alone.py: {build} joins no sources of {" ".join(sys.argv[3:])}')
    failures = 0
    with (concurrent.futures.ThreadPoolExecutor(jobs) as pool,
          tempfile.TemporaryDirectory() as temporary):
        precompiled = [precompile_shared(pool, directory, members, pathlib.Path(temporary) / str(n))
                       for n, ((_, directory), members) in enumerate(groups.items())]
        checks = [(source, pool.submit(check, command, source, directory, use))
                  for ((_, directory), members), uses in zip(groups.items(), precompiled)
                  for (command, source), use in zip(members, uses)]
        for number, (source, result) in enumerate(checks, 1):
            status, said = result.result()
            print(f'[{number}/{len(checks)}] {os.path.relpath(source)}', flush=True)
            if status != 0:
                failures += 1
                print(f'does not compile alone:\n{said}', flush=True)
    if failures > 0:
        sys.exit(f'check_alone.py: {failures} sources do not compile alone; include what each uses')


if __name__ == '__main__':
    main()
