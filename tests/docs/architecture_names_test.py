#!/usr/bin/env python3
"""architecture_names_test.py: the files, classes and functions that
docs/architecture.md names in backquotes or in its drawings exist."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = r"[A-Z][A-Za-z0-9]*"
TYPE = r"\b(?:class|struct|using)\s+(?:(?:ABSL_\w+|FDRPC_API)\s+)?"

SOURCES = {
    str(path.relative_to(ROOT)): path.read_text()
    for folder in ("runtime", "codegen", "tests", "proto")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".h", ".cc", ".proto")
}
RUNTIME = {path: text for path, text in SOURCES.items() if path.startswith("runtime/")}


def is_file(name):
    return any(f"/{path}".endswith(f"/{name}") for path in SOURCES)


def is_type(name):
    return any(re.search(rf"{TYPE}{name}\b", text) for text in RUNTIME.values())


def is_function(name):
    return any(re.search(rf"\b{name}\(", text) for text in RUNTIME.values())


def is_member(scope, name):
    """Whether a file that defines or implements `scope` contains `name`."""
    of_scope = re.compile(rf"{TYPE}{scope}\b|\b{scope}::")
    return any(
        of_scope.search(text) and re.search(rf"\b{name}\b", text) for text in RUNTIME.values()
    )


def is_wrong(name):
    """Whether `name` has the form of one that must exist, and does not exist."""
    if re.fullmatch(r"[\w/]+\.(h|cc|proto)", name):
        return not is_file(name)
    if member := re.fullmatch(rf"(?:\w+::)*({NAME})::(\w+)(?:\(\))?", name):
        return not is_member(*member.groups())
    if re.fullmatch(rf"{NAME}\(\)", name):
        return not is_function(name[:-2])
    if re.fullmatch(NAME, name) and not name.isupper():
        return not is_type(name) and not is_function(name)
    return False


def names_in(text):
    block = re.compile(r"^```\n(.*?)^```$", flags=re.M | re.S)
    names = set(re.findall(r"`([^`\n]+)`", block.sub("", text)))
    for drawing in block.findall(text):
        names.update(re.findall(r"\b[\w/]+\.(?:h|cc)\b", drawing))
        names.update(re.findall(rf"\b{NAME}(?:::{NAME})+", drawing))
        # A word with one capital letter may be English.
        names.update(re.findall(r"(?<!:)\b(?:[A-Z][a-z0-9]+){2,}\b(?!:)", drawing))
    return names


def wrong_names_in(text):
    return sorted(filter(is_wrong, names_in(text)))


def main():
    made_up = (
        "`wire/none.h` `NoClass` `Connection::NoFunction()` `NoFunction()` `Connection`\n"
        "```\nNoClassHere none.cc Connection::NoMember FrameQueue\n```\n"
    )
    if len(wrong_names_in(made_up)) != 7:
        print("not all made-up names are found:", wrong_names_in(made_up))
        return 1
    wrong = wrong_names_in((ROOT / "docs" / "architecture.md").read_text())
    for name in wrong:
        print(f"docs/architecture.md names {name}, which does not exist")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
