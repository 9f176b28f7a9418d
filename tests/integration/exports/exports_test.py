#!/usr/bin/env python3
"""exports_test.py archives FILE.a...: whether FDRPC_API marks all of the public API
that the static libraries define, and what libfdrpc_grpc.a, if it is one of them, uses.
exports_test.py library LIBRARY.so: whether the shared library exports what FDRPC_API
marks, and nothing else.

A shared build hides what has no mark, so programs that use it would not link.
"""
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[3]
HEADERS = SOURCE / "runtime/include/fdrpc"
PRIVATE = SOURCE / "runtime"  # with what an archive of its own uses

# At the beginning of a line, as clang-format lays namespaces out.
CLASS = re.compile(r"^(?:class|struct) (?:\[\[nodiscard\]\] )?(FDRPC_API )?(\w+)(?: final)?(?: :[^;{]*)? \{", re.M)
FUNCTION = re.compile(
    r"^(?!template|inline|constexpr|static_assert|using|friend|extern|namespace|class|struct|enum|#|//|\})"
    r"(?:\[\[noreturn\]\] )?(FDRPC_API )?(?:[\w:<>,&*\[\]]+ )+?&?\*?(operator<<|\w+)\((?:[^{};]|\{\})*\);", re.M)
TEMPLATE = re.compile(r"^template <[^;{]*?>\n(?:requires.*\n)?", re.M)
SYMBOL = re.compile(r"^(?:guard variable for |non-virtual thunk to |typeinfo (?:name )?for |vtable for )?"
                    r"(?:descriptor_table_|TableStruct_)?"
                    r"(fdrpc)(?:::(?:internal::)?(operator<<|\w+)|_2f(\w+)_2eproto)(.*)")


def public_api():
    """The names of classes and of functions in the public headers: marked and not."""
    classes, functions = {}, {}
    for header in sorted(HEADERS.rglob("*.h")):
        if header.parent.name == "grpc":  # an archive of its own in any case
            continue
        text = header.read_text()
        for mark, name in CLASS.findall(text):
            classes[name] = (bool(mark), header)
        for mark, name in FUNCTION.findall(TEMPLATE.sub("template ", text)):
            functions.setdefault(name, []).append((bool(mark), header))
    return classes, functions


def marked_private_functions():
    """The names of functions that headers beside the public ones mark."""
    names = set()
    for header in sorted(PRIVATE.rglob("*.h")):
        if HEADERS not in header.parents:
            names.update(name for mark, name in FUNCTION.findall(header.read_text()) if mark)
    return names


def symbols(files, *options):
    """(kind, demangled name) of each defined global symbol."""
    output = subprocess.run(["nm", "--demangle", "--defined-only", "--extern-only", *options, *files],
                            check=True, text=True, stdout=subprocess.PIPE).stdout
    return re.findall(r"^[0-9a-f]+ (\w) (.*)$", output, re.M)


def check_archives(files):
    classes, functions = public_api()
    if len(classes) < 50 or len(functions) < 10:
        yield f"{HEADERS}: {len(classes)} classes and {len(functions)} functions are too few"
    for name, declarations in functions.items():
        for marked, header in declarations:
            if not marked:
                yield f"{header}: {name}() is not FDRPC_API"
    unmarked = set()
    found = 0
    for kind, symbol in symbols(files):
        match = SYMBOL.match(symbol)
        # Weak ones are in each program that uses them.
        if kind not in "TDBR" or not match or match[2] not in classes:
            continue
        found += 1
        if not classes[match[2]][0]:
            unmarked.add(match[2])
    for name in sorted(unmarked):
        yield f"{classes[name][1]}: class {name} has functions outside of the header and is not FDRPC_API"
    if not found:
        yield f"no class of {HEADERS} has functions in the libraries"
    marked = {name for name, declarations in functions.items() if any(mark for mark, _ in declarations)}
    marked |= {name for name, (mark, _) in classes.items() if mark} | marked_private_functions()
    for archive in files:
        if pathlib.Path(archive).name == "libfdrpc_grpc.a":
            yield from check_uses(archive, marked)


def check_uses(archive, marked):
    """Whether an archive that is no part of the shared library can be linked to it."""
    output = subprocess.run(["nm", "--demangle", "--undefined-only", archive],
                            check=True, text=True, stdout=subprocess.PIPE).stdout
    used = set()
    for symbol in re.findall(r"^ +U (.*)$", output, re.M):
        match = SYMBOL.match(symbol)
        name = match and match[2]
        if not name or name == "grpc":
            continue
        used.add(name)
        if name not in marked:
            yield f"{archive} uses {symbol}, which is not FDRPC_API"
    if not used:
        yield f"{archive} uses nothing of fdrpc"


def check_library(library):
    classes, functions = public_api()
    private = marked_private_functions()
    generated = set()
    for proto in ("fd", "options"):
        generated.add(proto)
        text = (SOURCE / f"proto/fdrpc/{proto}.proto").read_text()
        generated.update(re.findall(r"^message (\w+)", text, re.M))
        for extension in re.findall(r"^extend .*?^\}", text, re.M | re.S):
            generated.update(re.findall(r"(\w+) = \d+", extension))
    exported = set()
    for _, symbol in symbols([library], "--dynamic"):
        match = SYMBOL.match(symbol)
        name = match and (match[2] or match[3])
        # protoc adds to the names: FdRules_Kind_IsValid, _Fd_default_instance_.
        stem = name and re.sub(r"DefaultTypeInternal$", "", name).lstrip("_").split("_")[0]
        if not name:
            yield f"exports {symbol}, which is not of fdrpc"
        elif classes.get(name, (False,))[0] or any(marked for marked, _ in functions.get(name, [])):
            exported.add(name)
        elif name in private:
            exported.add(name)
        elif name in ("Parcel", "ParcelOf"):  # of fdrpc's own messages
            pass
        elif name not in generated and stem not in generated:
            yield f"exports {symbol}, which no public header marks with FDRPC_API"
    for name in [*functions, *private]:
        if name not in exported:
            yield f"does not export {name}()"
    for name, (marked, header) in classes.items():
        # Those that are virtual functions alone may be in no object file.
        if marked and name not in exported and "virtual" not in header.read_text():
            yield f"does not export class {name}"


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("archives", "library"):
        sys.exit(__doc__)
    if sys.argv[1] == "archives":
        wrong = list(check_archives(sys.argv[2:]))
    else:
        wrong = [f"{sys.argv[2]} {what}" for what in check_library(sys.argv[2])]
    if wrong:
        sys.exit("\n".join(wrong))


main()
