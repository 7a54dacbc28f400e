"""What compare.py shows of its results: a table, a chart of the ratios in text, and a page."""

import html

HEADER = (
    f"{'measure':9}  {'peer':10}  {'arch':4}  {'size':>8}  {'T':>5}  {'B':>4}  {'params':>9}"
    f"  {'sequor ms':>9}  {'peer ms':>9}  {'ratio':>5}  rounds"
)

# Characters, and on the page pixels, for a ratio of 1; what is longer than MOST of that is cut.
UNIT, PIXELS, MOST = 32, 320, 2

STYLE = """body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 68em; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse } th, td { padding: .15em .6em; text-align: right; white-space: nowrap }
th { border-bottom: 1px solid #888 } th:nth-child(-n+3), td:nth-child(-n+3) { text-align: left }
text { font: 13px system-ui, sans-serif; fill: #222 } .faster { fill: #2a7f62 } .slower { fill: #b5533c }"""


def name(r):
    """What was measured, as the charts call it."""
    where = "" if r["measure"] == "stream" else f" {r['length']}x{r['batch']}"
    return f"{r['measure']} {r['peer']} {r['arch']} {r['hidden']}x{r['layers']}{where}"


def time(ms):
    """Milliseconds with as many digits as tell something."""
    return f"{ms:.2f}" if ms >= 1 else f"{ms:.5f}"


def several(count, thing):
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def row(r):
    rounds = " ".join(f"{ratio:.2f}" for ratio in r["round_ratios"])
    size = f"{r['hidden']}x{r['layers']}"
    return (
        f"{r['measure']:9}  {r['peer']:10}  {r['arch']:4}  {size:>8}  {r['length']:5}  {r['batch']:4}  {r['parameters']:9}"
        f"  {time(r['sequor_ms']):>9}  {time(r[r['peer'] + '_ms']):>9}  {r['ratio']:5.2f}  {rounds}"
    )


def bars(results):
    """The ratios as bars; a line stands where both take as long."""
    width = max(len(name(r)) for r in results)
    lines = ["", "Sequor's time by the peer's: where a bar ends before the line, Sequor is the faster one"]
    for r in results:
        length = round(min(r["ratio"], MOST) * UNIT)
        bar = ("#" * length).ljust(UNIT * MOST)
        bar = f"{bar[:UNIT]}|{bar[UNIT:]}".rstrip() + (">" if r["ratio"] > MOST else "")
        lines.append(f"{name(r):{width}}  {r['ratio']:5.2f}  {bar}")
    return "\n".join(lines)


def page(document):
    """A page that loads nothing from anywhere."""
    results = document["results"]
    versions = {r["peer"]: r[r["peer"]] for r in results}
    beside = ", ".join(f"{peer} {version}" for peer, version in versions.items())
    rows = "\n".join(cells(r) for r in results)
    absent = "".join(
        f"<p>Without {html.escape(peer['peer'])}: {html.escape(peer['reason'])}</p>\n"
        for peer in document.get("missing", [])
    )
    if "reason" in document:
        absent += f"<p>A run failed, and what follows was measured before: {html.escape(document['reason'])}</p>\n"
    title = "Sequor beside other libraries"
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>{STYLE}</style></head>
<body>
<h1>{title}</h1>
<p>Sequor's time by the peer's, both with {several(document['threads'], 'thread')}, in {several(document['rounds'], 'round')} in which
the programs alternate; medians of the rounds' medians. Beside {html.escape(beside)}.</p>
{absent}{drawing(results)}
<table>
<tr><th>measure</th><th>peer</th><th>arch</th><th>width x depth</th><th>T</th><th>B</th><th>parameters</th><th>sequor ms</th><th>peer ms</th><th>ratio</th></tr>
{rows}
</table>
</body>
</html>
"""


def cells(r):
    values = [r["measure"], r["peer"], r["arch"], f"{r['hidden']} x {r['layers']}", r["length"], r["batch"]]
    values += [f"{r['parameters']:,}", time(r["sequor_ms"]), time(r[r["peer"] + "_ms"]), f"{r['ratio']:.2f}"]
    return "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in values) + "</tr>"


def drawing(results):
    left, line = 300, 22
    height = line * len(results) + 30
    parts = [
        f'<svg width="{left + MOST * PIXELS + 60}" height="{height}" role="img" aria-label="ratios as bars">',
        f'<line x1="{left + PIXELS}" x2="{left + PIXELS}" y1="0" y2="{height - 24}" stroke="#888"/>',
        f'<text x="{left + PIXELS}" y="{height - 6}" text-anchor="middle">1: both take as long</text>',
    ]
    for i, r in enumerate(results):
        width = min(r["ratio"], MOST) * PIXELS
        kind = "faster" if r["ratio"] < 1 else "slower"
        middle = i * line + 14
        parts.append(f'<text x="{left - 8}" y="{middle}" text-anchor="end">{html.escape(name(r))}</text>')
        parts.append(f'<rect class="{kind}" x="{left}" y="{i * line + 3}" width="{width:.1f}" height="15"/>')
        parts.append(f'<text x="{left + width + 6:.1f}" y="{middle}">{r["ratio"]:.2f}</text>')
    return "\n".join([*parts, "</svg>"])
