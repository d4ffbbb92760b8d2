# SPDX-License-Identifier: BSD-2-Clause
"""A report's Markdown as one HTML file, with its plots inside. Knows no more of Markdown than the reports use."""

import re
from html import escape

STYLE = """body { font: 15px/1.45 sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px } td, th { border: 1px solid #ccc; padding: 3px 8px; text-align: left }
tr:nth-child(even) { background: #f6f6f6 } code { background: #f0f0f0 } h2 { margin-top: 2em } svg { max-width: 100%; height: auto }"""


def _inline(text):
    text = escape(text.replace("\\|", "|"), quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    return re.sub(r"\[([^]]+)\]\(([^)]+)\)", r'<a href="\2">\1</a>', text)


def _row(line, tag):
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    return "<tr>" + "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in cells) + "</tr>"


def html(title, markdown, plots):
    """plots: {file name: SVG}"""
    body, paragraph, in_table, in_code = [], [], False, False

    def close():
        nonlocal in_table
        if paragraph:
            body.append(f"<p>{_inline(' '.join(paragraph))}</p>")
            paragraph.clear()
        if in_table:
            body.append("</table>")
            in_table = False

    for line in markdown.splitlines():
        image = re.fullmatch(r"!\[[^]]*\]\(([^)]+)\)", line)
        if line.startswith("```"):
            close()
            in_code = not in_code
            body.append("<pre>" if in_code else "</pre>")
        elif in_code:
            body.append(escape(line))
        elif line.startswith("<!--"):
            continue
        elif line.startswith("#"):
            close()
            level = len(line) - len(line.lstrip("#"))
            body.append(f"<h{level}>{_inline(line[level:].strip())}</h{level}>")
        elif image:
            close()
            body.append(plots[image.group(1)])
        elif line.startswith("|"):
            if not in_table:
                close()
                in_table = True
                body += ["<table>", _row(line, "th")]
            elif not re.fullmatch(r"[| :-]+", line):
                body.append(_row(line, "td"))
        elif not line.strip():
            close()
        else:
            if in_table:
                close()
            paragraph.append(line)
    close()
    return (f"<!DOCTYPE html>\n<!-- SPDX-License-Identifier: BSD-2-Clause -->\n<html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>\n"
            f"<style>{STYLE}</style></head><body>\n" + "\n".join(body) + "\n</body></html>\n")  # fmt: skip
