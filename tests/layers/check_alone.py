#!/usr/bin/env python3
"""check_alone.py BUILD_DIR [JOBS]: whether every source that a unity build joins with
others also compiles alone: a unity build hides an include that is missing where a source
before it has it. Checks the syntax only, with the commands of BUILD_DIR's
compile_commands.json. Prints what the compiler says; fails if one source fails.

What many sources include costs most of the time: sources with the same options that reach
the same of the LARGE_HEADERS, and of the generated ones, by their own includes share those as
one precompiled header."""

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

# In the order in which sources include them.
LARGE_HEADERS = ('gmock/gmock.h', 'gtest/gtest.h', 'google/protobuf/message.h',
                 'google/protobuf/descriptor.h', 'absl/status/statusor.h', 'fdrpc/channel.h',
                 'fdrpc/server.h')
GENERATED_HEADERS = '.fdrpc.h'
# Fewer do not make up for the time that it takes to compile the header.
FEWEST_SHARING = 4

NOT_FOR_SYNTAX = {'-c', '-MD'}
WITH_VALUE = {'-o', '-MT', '-MF'}


def joined_sources(unity_source):
    text = pathlib.Path(unity_source).read_text()
    return re.findall(r'^#include "(.+)"$', text, re.MULTILINE)


def syntax_command(entry):
    """entry's command without its source and output, and without what takes time and says
    nothing of the syntax: warnings and instrumentation, which the build itself has."""
    arguments = []
    words = iter(shlex.split(entry['command']))
    for word in words:
        if word in WITH_VALUE:
            next(words)
        elif (word != entry['file'] and word not in NOT_FOR_SYNTAX and
              not word.startswith('-fsanitize')):
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


def large_headers_of(source, command):
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
    generated = sorted(name for name in names if name.endswith(GENERATED_HEADERS))
    return (*(header for header in LARGE_HEADERS if header in names), *generated)


def run(command, directory):
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    return result.returncode, result.stderr


def precompile(command, headers, directory, place):
    """What has the compiler use these headers, precompiled."""
    header, compiled = place.with_suffix('.h'), place.with_suffix('.pch')
    header.write_text(''.join(f'#include "{name}"\n' for name in headers))
    status, said = run([word for word in command if word != '-fsyntax-only'] +
                       ['-fpch-instantiate-templates', '-x', 'c++-header', header,
                        '-o', compiled], directory)
    if status != 0:
        raise RuntimeError(f'{" ".join(headers)}: compiling these together failed:\n{said}')
    return ['-include-pch', compiled]


def check(command, source, directory, precompiled):
    use = precompiled.result() if precompiled else []
    return run([*command, *use, source], directory)


def main():
    build = pathlib.Path(sys.argv[1])
    jobs = int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count()
    groups = collections.defaultdict(list)
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        if '/Unity/unity_' not in entry['file']:
            continue
        command = syntax_command(entry)
        for source in joined_sources(entry['file']):
            headers = large_headers_of(source, command)
            # Where headers are looked for makes no difference to what they are.
            options = tuple(word for word in command if not word.startswith('-I'))
            groups[options, entry['directory'], headers].append((command, source))
    if not groups:
        sys.exit(f'check_alone.py: {build} is no unity build: it joins no sources')
    failures = 0
    with (concurrent.futures.ThreadPoolExecutor(jobs) as pool,
          tempfile.TemporaryDirectory() as temporary):
        checks = []
        for number, ((_, directory, headers), members) in enumerate(groups.items()):
            precompiled = None
            if headers and len(members) >= FEWEST_SHARING:
                place = pathlib.Path(temporary) / str(number)
                precompiled = pool.submit(precompile, members[0][0], headers, directory, place)
            checks += [(source, pool.submit(check, command, source, directory, precompiled))
                       for command, source in members]
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
