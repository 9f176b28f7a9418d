#!/usr/bin/env python3
"""check_alone.py BUILD_DIR [JOBS]: whether every source that a unity build joins with
others also compiles alone: a unity build hides an include that is missing where a source
before it has it. Checks the syntax only, with the commands of BUILD_DIR's
compile_commands.json. Prints what the compiler says; fails if one source fails."""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

NOT_FOR_SYNTAX = {'-c', '-MD'}
WITH_VALUE = {'-o', '-MT', '-MF'}


def joined_sources(unity_source):
    text = pathlib.Path(unity_source).read_text()
    return re.findall(r'^#include "(.+)"$', text, re.MULTILINE)


def syntax_command(entry, source):
    """entry's command for another source, without output."""
    arguments = []
    words = iter(shlex.split(entry['command']))
    for word in words:
        if word in WITH_VALUE:
            next(words)
        elif word == entry['file']:
            arguments.append(source)
        elif word not in NOT_FOR_SYNTAX:
            arguments.append(word)
    return arguments + ['-fsyntax-only']


def check(command, directory):
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    return result.returncode, result.stderr


def main():
    build = pathlib.Path(sys.argv[1])
    jobs = int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count()
    commands = [(source, syntax_command(entry, source), entry['directory'])
                for entry in json.loads((build / 'compile_commands.json').read_text())
                if '/Unity/unity_' in entry['file']
                for source in joined_sources(entry['file'])]
    if not commands:
        sys.exit(f'check_alone.py: {build} is no unity build: it joins no sources')
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda item: (item[0], *check(*item[1:])), commands)
        for number, (source, status, said) in enumerate(results, 1):
            print(f'[{number}/{len(commands)}] {os.path.relpath(source)}', flush=True)
            if status != 0:
                failures += 1
                print(f'does not compile alone:\n{said}', flush=True)
    if failures > 0:
        sys.exit(f'check_alone.py: {failures} sources do not compile alone; include what each uses')


if __name__ == '__main__':
    main()
