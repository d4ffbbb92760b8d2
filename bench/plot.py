# SPDX-License-Identifier: BSD-2-Clause
"""Plots of bench/run as SVG: stolen instructions per quantum, and wake-ups as a histogram. Nothing but text is needed."""

from collections import Counter
from html import escape
from math import floor, log10

COLOURS = ("#1b6ca8", "#c8553d", "#588b3a", "#8a4fa3", "#b8860b", "#2f8f8b", "#555555", "#d36ba6", "#6b7a2a", "#9c3d3d")
FONT = "font-family='sans-serif' font-size='11'"


def _text(x, y, text, extra=""):
    return f"<text x='{x:.0f}' y='{y:.0f}' {FONT} {extra}>{escape(text)}</text>"


def _line(x1, y1, x2, y2, colour="#999", extra=""):
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' {extra}/>"


def _document(width, height, caption, parts):
    lines = [_text(8, height - 8 - 13 * (len(caption) - 1 - i), line, "fill='#555'") for i, line in enumerate(caption)]
    return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}'>\n"
            f"<rect width='{width}' height='{height}' fill='white'/>\n" + "\n".join(parts + lines) + "\n</svg>\n")  # fmt: skip


def _short(value):
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def scatter(title, panels, caption):
    """One panel for each (name, quanta, [(number, stolen)]): a dot per quantum; the vertical axis is logarithmic, with 0."""
    columns = min(3, len(panels))
    rows = (len(panels) + columns - 1) // columns
    width, height, left, top = 300, 190, 46, 44
    decades = max([3] + [floor(log10(s)) + 1 for _, _, dots in panels for _, s in dots if s])
    parts = [_text(8, 18, title, "font-weight='bold'")]
    for index, (name, quanta, dots) in enumerate(panels):
        x0, y0 = left + index % columns * (width + 20), top + index // columns * (height + 46)
        plot = width - left
        base = y0 + height - 14  # of 0; the decades lie above a gap

        def up(stolen, y0=y0, base=base):
            return base if not stolen else base - 14 - (base - 14 - y0) * log10(stolen) / decades

        parts.append(_text(x0, y0 - 6, f"{name}: {len(dots)} of {quanta} disturbed"))
        parts.append(f"<rect x='{x0}' y='{y0}' width='{plot}' height='{base + 6 - y0}' fill='none' stroke='#999'/>")
        for decade in range(decades + 1):
            y = up(10**decade)
            parts.append(_line(x0, y, x0 + plot, y, "#e4e4e4"))
            if decade % 2 == 0 or decades < 6:
                parts.append(_text(x0 - 4, y + 4, _short(10**decade), "text-anchor='end'"))
        parts.append(_text(x0 - 4, base + 4, "0", "text-anchor='end'"))
        parts.append(_text(x0 + plot, base + 20, f"quantum {quanta}", "text-anchor='end'"))
        colour = COLOURS[index % len(COLOURS)]
        disturbed = {number for number, _ in dots}
        at = {(round(x0 + plot * n / quanta), round(up(s))) for n, s in dots}
        at |= {(round(x0 + plot * n / quanta), round(base)) for n in range(quanta) if n not in disturbed}
        parts += [f"<rect x='{x - 1}' y='{y - 1}' width='2' height='2' fill='{colour}'/>" for x, y in sorted(at)]
    return _document(columns * (width + 20) + 16, top + rows * (height + 46) + 14 * len(caption) + 8, caption, parts)


def histogram(title, series, caption, bucket=100):
    """As cyclictest's: how many wake-ups (logarithmic) took how many instructions (logarithmic). series: [(name, values)]"""
    width, height, left, top = 860, 330, 52, 40 + 15 * len(series)
    values = [v for _, vs in series for v in vs]
    low, high = log10(max(bucket, min(values)) * 0.8), log10(max(values) * 1.25)
    most = 1
    counted = []
    steps = 120  # of the logarithmic axis
    for name, vs in series:
        count = Counter(int((log10(max(v, bucket)) - low) / (high - low) * steps) for v in vs)
        counted.append((name, vs, count))
        most = max(most, *count.values())
    decades = max(1.0, log10(most) * 1.1)
    plot = width - left - 20

    def right(step):
        return left + plot * step / steps

    def up(count):
        return top + height - (height - 16) * (log10(count) / decades) - 16 if count else top + height

    parts = [_text(8, 18, title, "font-weight='bold'"),
             f"<rect x='{left}' y='{top}' width='{plot}' height='{height}' fill='none' stroke='#999'/>"]  # fmt: skip
    for decade in range(int(decades) + 1):
        parts += [_line(left, up(10**decade), left + plot, up(10**decade), "#e4e4e4"),
                  _text(left - 4, up(10**decade) + 4, _short(10**decade), "text-anchor='end'")]  # fmt: skip
    for value in (n * 10**d for d in range(8) for n in (1, 2, 5)):
        if low <= log10(value) <= high:
            x = right((log10(value) - low) / (high - low) * steps)
            parts += [_line(x, top, x, top + height, "#eeeeee"), _text(x, top + height + 14, _short(value), "text-anchor='middle'")]
    parts.append(_text(left + plot, top + height + 28, "instructions from the core's last WFI to the program", "text-anchor='end'"))
    for index, (name, vs, count) in enumerate(counted):
        colour = COLOURS[index % len(COLOURS)]
        points = []
        for step in range(steps):
            points += [(right(step), up(count[step])), (right(step + 1), up(count[step]))]
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f"<polyline points='{text}' fill='none' stroke='{colour}' stroke-width='1.3'/>")
        parts.append(_line(8, 33 + 15 * index, 24, 33 + 15 * index, colour, "stroke-width='3'"))
        parts.append(_text(30, 37 + 15 * index, f"{name}: {len(vs)} wake-ups, {min(vs):,} to {max(vs):,}"))
    return _document(width, top + height + 40 + 14 * len(caption), caption, parts)


def lines(title, panels, axes, caption, columns=4):
    """One panel for each (name, [(series, [(x, y)])]): x is logarithmic. axes: what they show. A series has one colour everywhere."""
    width, height, left, top = 250, 190, 40, 44
    rows = -(-len(panels) // columns)
    names = list(dict.fromkeys(name for _, series in panels for name, _ in series))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    points = [p for _, series in panels for _, ps in series for p in ps]
    low, high = log10(min(x for x, _ in points)), log10(max(x for x, _ in points))
    most = max([y for _, y in points]) * 1.05 or 1.0
    step = 10 ** floor(log10(most))
    step = next(s for s in (step / 5, step / 2, step) if most / s <= 8)
    parts = [_text(8, 18, title, "font-weight='bold'")]
    for index, (name, series) in enumerate(panels):
        x0, y0 = left + index % columns * (width + 8), top + index // columns * (height + 46)
        plot, base = width - left, y0 + height - 14

        def at(x, y, x0=x0, y0=y0, plot=plot, base=base):
            return x0 + plot * (log10(x) - low) / (high - low), base - (base - y0) * y / most

        parts.append(_text(x0, y0 - 6, name))
        parts.append(f"<rect x='{x0}' y='{y0}' width='{plot}' height='{base - y0}' fill='none' stroke='#999'/>")
        for number in range(int(most / step) + 1):
            _, y = at(10**low, number * step)
            parts += [_line(x0, y, x0 + plot, y, "#e4e4e4"), _text(x0 - 4, y + 4, f"{number * step:g}", "text-anchor='end'")]
        for decade in range(int(low), int(high) + 1):
            x, _ = at(10**decade, 0)
            parts += [_line(x, y0, x, base, "#eeeeee"), _text(x, base + 13, _short(10**decade), "text-anchor='middle'")]
        # what lies on the axis is drawn last and thicker, or it would not be seen
        for other, ps in sorted(series, key=lambda s: -max(y for _, y in s[1])):
            text = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*p) for p in ps))
            thick = "1.6" if max(y for _, y in ps) else "2.6"
            parts.append(f"<polyline points='{text}' fill='none' stroke='{colours[other]}' stroke-width='{thick}'/>")
    below = top + rows * (height + 46)
    parts.append(_text(left, below - 8, axes))
    for index, name in enumerate(names):
        x, y = left + index % 3 * 330, below + 12 + 15 * (index // 3)
        parts += [_line(x, y - 4, x + 16, y - 4, colours[name], "stroke-width='3'"), _text(x + 22, y, name)]
    below += 15 * (-(-len(names) // 3)) + 10
    return _document(columns * (width + 8) + left, below + 14 * len(caption) + 8, caption, parts)
