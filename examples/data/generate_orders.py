"""Writes orders.jsonl, the day of a web shop that tests route, one JSON object a line.

python examples/data/generate_orders.py            writes it beside this script
"""

from pathlib import Path

from warrener.exchange.demo.day import as_lines, generate

if __name__ == "__main__":
    target = Path(__file__).with_name("orders.jsonl")
    target.write_text(as_lines(generate()), encoding="utf-8")
    print(f"{target}: {len(generate())} events, {target.stat().st_size:,} bytes")
