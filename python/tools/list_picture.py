"""The picture of the list in the README: `python python/tools/list_picture.py` after `make demo`.

It reads what was published and draws the head of the list as SVG, with the fonts of whoever looks at it.
"""

from __future__ import annotations

import argparse
from html import escape
from pathlib import Path

import duckdb

PROJECT = Path(__file__).resolve().parents[2]
QUERY = """
    select rank, user_id, probability, lift, expected_revenue, string_agg(reason, '; ' order by reason_rank)
    from gold.top_buyers
    left join gold.top_buyer_reasons using (outcome, user_id)
    where rank <= ?
    group by all
    order by rank
"""
TITLE = """
    select format('gold.top_buyers as of {}: who will buy in the next {} days', as_of_date, horizon_days)
    from gold.top_buyers
    limit 1
"""
WIDTH, ROW, TOP = 1000, 30, 74
BAR = 110


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--gold", type=Path, default=PROJECT / "warehouse/published/gold.duckdb")
    parser.add_argument("--out", type=Path, default=PROJECT / "docs" / "pictures" / "list.svg")
    options = parser.parse_args()
    with duckdb.connect(str(options.gold), read_only=True) as gold:
        rows = gold.execute(QUERY, [options.rows]).fetchall()
        title = gold.execute(TITLE).fetchall()[0][0]
    options.out.write_text(picture(rows, title))


def picture(rows: list[tuple[int, str, float, float, float, str | None]], title: str) -> str:
    """The head of the list as SVG: rank, user, probability with a bar, lift, expected revenue, reasons."""
    height = TOP + ROW * len(rows) + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' font-family="system-ui, sans-serif" font-size="14">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fff" stroke="#d0d7de"/>',
        f'<text x="20" y="30" font-size="16" font-weight="600" fill="#1f2328">{escape(title)}</text>',
    ]
    x: float
    for x, anchor, heading in (
        (52, "end", "rank"),
        (64, "start", "user"),
        (150, "start", "probability"),
        (342, "end", "lift"),
        (430, "end", "revenue"),
        (448, "start", "reasons"),
    ):
        lines.append(f'<text x="{x}" y="58" text-anchor="{anchor}" fill="#59636e">{heading}</text>')
    for number, (rank, user, probability, lift, revenue, reasons) in enumerate(rows):
        y = TOP + ROW * number
        lines.append(f'<path d="M20 {y - 6}H{WIDTH - 20}" stroke="#eaeef2"/>')
        lines.append(
            f'<rect x="150" y="{y + 2}" width="{BAR * probability:.0f}" height="14" rx="3" fill="#0f8b8d"/>'
        )
        for x, anchor, text in (
            (52, "end", str(rank)),
            (64, "start", user),
            (156 + BAR * probability, "start", f"{probability:.0%}"),
            (342, "end", f"{lift:.1f}"),
            (430, "end", f"{revenue:.2f}"),
            (448, "start", _shortened(reasons or "", 72)),
        ):
            lines.append(
                f'<text x="{x:.0f}" y="{y + 14}" text-anchor="{anchor}" fill="#1f2328">{escape(text)}</text>'
            )
    return "\n".join([*lines, "</svg>", ""])


def _shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


if __name__ == "__main__":
    main()
