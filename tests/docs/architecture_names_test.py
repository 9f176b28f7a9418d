#!/usr/bin/env python3
"""architecture_names_test.py: the files, classes and functions that
docs/architecture.md names in backquotes or in its drawings exist in runtime/."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "runtime"
SOURCES = {
    path: path.read_text()
    for path in sorted(RUNTIME.rglob("*"))
    if path.suffix in (".h", ".cc")
}
ALL_TEXT = "\n".join(SOURCES.values())
WORD = r"[A-Z][A-Za-z0-9]*"


def is_file(name):
    pattern = name.replace("{h,cc}", "h")
    return any(str(path).endswith("/" + pattern) for path in SOURCES)


def is_type(name):
    return re.search(rf"\b(class|struct|using)\s+(ABSL_\w+\s+)?{name}\b", ALL_TEXT) is not None


def is_member(scope, name):
    """Whether `name` occurs in a file that defines or implements `scope`."""
    defines = re.compile(rf"\b(class|struct)\s+(ABSL_\w+\s+)?{scope}\b|\b{scope}::")
    return any(
        defines.search(text) and re.search(rf"\b{name}\b", text) for text in SOURCES.values()
    )


def is_wrong(name):
    """Whether `name` has the form of one that must exist, and does not."""
    if re.fullmatch(r"[\w/]+\.(h|cc|\{h,cc\})", name):
        return not is_file(name)
    if member := re.fullmatch(rf"({WORD})::(~?\w+)(\(\))?", name):
        return not is_member(member[1], member[2])
    if function := re.fullmatch(rf"({WORD})\(\)", name):
        return re.search(rf"\b{function[1]}\(", ALL_TEXT) is None
    if re.fullmatch(WORD, name) and not name.isupper():
        return not is_type(name)
    return False


def names_in(page):
    text = page if isinstance(page, str) else page.read_text()
    drawings = re.findall(r"^```\n(.*?)^```$", text, flags=re.M | re.S)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    names = set(re.findall(r"`([^`\n]+)`", prose))
    for drawing in drawings:
        # Words of two humps or with a member; others are English.
        names |= set(re.findall(r"\b[a-z_/]+\.(?:h|cc)\b", drawing))
        names |= set(re.findall(rf"\b{WORD}::\w+|\b(?:[A-Z][a-z0-9]+){{2,}}\b(?!::)", drawing))
    return names


def wrong_names_in(page):
    return sorted(filter(is_wrong, names_in(page)))


def main():
    made_up = "`wire/none.h` `NoClass` `Connection::NoFunction()`\n```\n NoClassHere none.cc\n```\n"
    if len(wrong_names_in(made_up)) != 5:
        print("a made-up name is not found:", names_in(made_up), wrong_names_in(made_up))
        return 1
    wrong = wrong_names_in(ROOT / "docs" / "architecture.md")
    for name in wrong:
        print(f"docs/architecture.md names {name}, which is not in runtime/")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
