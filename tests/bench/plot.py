#!/usr/bin/env python3
"""Draws what ./dev bench --sweep --json FILE wrote: plot.py FILE DIRECTORY

One SVG a sweep, both axes logarithmic.
"""

import json
import math
import pathlib
import sys

from measure import SYSTEMS
from sweep import SWEEPS

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 80, 150, 50, 40
COLOURS = ["#888888", "#bbbbbb", "#444444", "#d62728", "#ff9896", "#e377c2", "#8c564b", "#1f77b4",
           "#17becf", "#2ca02c", "#9467bd", "#ff7f0e"]


def short(value):
    """1048576 as 1 Mi, since sizes double; 1000 as 1000."""
    for unit, name in ((1 << 20, "Mi"), (1 << 10, "Ki")):
        if value >= unit and value % unit == 0:
            return f"{value // unit} {name}"
    return f"{value:g}"


def rounded(value):
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


class Axis:
    """From values to places on the drawing."""

    def __init__(self, values, begin, end):
        low, high = math.log(min(values)), math.log(max(values))
        self.at = lambda value: begin + (end - begin) * (
            (math.log(value) - low) / (high - low) if high > low else 0.5)


def draw(title, figure, rows):
    systems = list(dict.fromkeys(row["system"] for row in rows))
    xs = sorted({row["x"] for row in rows})
    values = [row[figure] for row in rows]
    decades = [10 ** e for e in range(math.floor(math.log10(min(values))),
                                      math.ceil(math.log10(max(values))) + 1)]
    x, y = Axis(xs, LEFT, WIDTH - RIGHT), Axis(decades, HEIGHT - BOTTOM, TOP)
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{LEFT}" y="24" font-size="14">{title}</text>']
    for value in decades:
        svg.append(f'<path d="M{LEFT} {y.at(value):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        svg.append(f'<text x="{LEFT - 6}" y="{y.at(value) + 4:.1f}" text-anchor="end">'
                   f'{rounded(value)}</text>')
    for value in xs:
        svg.append(f'<text x="{x.at(value):.1f}" y="{HEIGHT - BOTTOM + 18}" '
                   f'text-anchor="middle">{short(value)}</text>')
    for i, system in enumerate(systems):
        colour = COLOURS[list(SYSTEMS).index(system)]  # the same in all drawings
        points = sorted((row["x"], row[figure]) for row in rows if row["system"] == system)
        path = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in points)
        svg.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        svg += [f'<circle cx="{x.at(a):.1f}" cy="{y.at(b):.1f}" r="3" fill="{colour}"/>'
                for a, b in points]
        svg.append(f'<text x="{WIDTH - RIGHT + 14}" y="{TOP + 12 + 18 * i}" fill="{colour}">'
                   f'{system}</text>')
    return "\n".join([*svg, "</svg>", ""])


def main(json_file, directory):
    rows = json.loads(pathlib.Path(json_file).read_text())
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name, (workload, _, _) in SWEEPS.items():
        own = [row for row in rows if row["workload"] == name and workload.figure in row]
        if own:
            (directory / f"{name}.svg").write_text(draw(workload.says, workload.figure, own))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
