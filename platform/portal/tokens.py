"""The design tokens: one JSON file of values, and the stylesheet made from it.

``tokens.json`` beside the stylesheets is the source; ``css/tokens.css`` is written from it by
``python -m portal.tokens`` and held equal to it by a test. Colours are sRGB hex; every colour with a
light and a dark value becomes one custom property through ``light-dark()``.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static" / "portal"
TOKENS_JSON = STATIC / "tokens.json"
TOKENS_CSS = STATIC / "css" / "tokens.css"

_HEX = re.compile(r"#[0-9A-Fa-f]{6,8}")


def read_tokens() -> dict[str, Any]:
    """Return the token values as committed."""
    tokens: dict[str, Any] = json.loads(TOKENS_JSON.read_text(encoding="utf-8"))
    return tokens


def pair(value: dict[str, str]) -> str:
    """Return the CSS value of a light and dark pair: ``light-dark(L,D)``, or the one colour of both."""
    light, dark = value["light"], value["dark"]
    return light if light == dark else f"light-dark({light},{dark})"


def shadow(value: dict[str, str]) -> str:
    """Return a shadow whose geometry is the same in both themes, with its colours paired.

    Raises ``ValueError`` when the two themes differ in more than their colours.
    """
    if _HEX.sub("#", value["light"]) != _HEX.sub("#", value["dark"]):
        raise ValueError("a shadow's geometry must be the same in both themes")
    dark = iter(_HEX.findall(value["dark"]))
    return _HEX.sub(lambda light: f"light-dark({light[0]},{next(dark)})", value["light"])


def _colours(tokens: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [(name, pair(value)) for name, value in tokens["color"].items()]
    rows += [(f"heat-{name}", pair(value)) for name, value in tokens["heat"].items()]
    rows.append(("paper", pair(tokens["paper"])))
    chart = tokens["chart"]
    rows += [(f"cat-{value['slot']}", pair(value)) for value in chart["category"]]
    rows.append(("cat-other", pair(chart["other"])))
    for key, short in (("sequence", "seq"), ("diverging", "div")):
        both = zip(chart[key]["light"], chart[key]["dark"], strict=True)
        rows += [(f"{short}-{step}", f"light-dark({a},{b})") for step, (a, b) in enumerate(both, start=1)]
    for step, (light, dark) in enumerate(
        zip(chart["sequence"]["text"]["light"], chart["sequence"]["text"]["dark"], strict=True), start=1
    ):
        if light and dark:
            first, second = tokens["color"][light]["light"], tokens["color"][dark]["dark"]
            rows.append((f"seq-{step}-text", f"light-dark({first},{second})"))
    return rows


def _classes(tokens: dict[str, Any]) -> list[str]:
    """Grounds that a number picks: avatars and covers, each as a class of its place."""
    kinds = (("avatar", ("bg", "fg")), ("cover", ("from", "to", "mark")))
    return [
        f".{kind}-{place}{{" + ";".join(f"--{kind}-{part}:{pair(value[part])}" for part in parts) + "}"
        for kind, parts in kinds
        for place, value in enumerate(tokens[kind], start=1)
    ]


def _sizes(tokens: dict[str, Any]) -> list[tuple[str, str]]:
    font = tokens["font"]
    rows = [("sans", font["sans"]), ("mono", font["mono"])]
    for name, role in tokens["type"].items():
        rows += [
            (f"type-{name}", role["size"]),
            (f"line-{name}", str(role["line"])),
            (f"track-{name}", role["tracking"]),
        ]
    rows += list(tokens["space"].items())
    rows += [(f"r-{name}", value) for name, value in tokens["radius"].items()]
    rows += [(name, shadow(value)) for name, value in tokens["shadow"].items()]
    rows += list(tokens["motion"].items())
    rows += [(f"h-{name}", value) for name, value in tokens["control"].items() if name != "focus"]
    rows += [(name, v) for name, v in tokens["layout"].items() if not name.startswith("breakpoint")]
    rows += [(f"z-{name}", str(value)) for name, value in tokens["z"].items()]
    return rows


def tokens_css(tokens: dict[str, Any]) -> str:
    """Return the whole text of ``tokens.css`` for these values."""
    marks = tokens["font"]["han-marks"]
    names = ", ".join(f'local("{name}")' for name in marks["local"])
    lines = [
        "/* Written from tokens.json by `python -m portal.tokens`; change the values there. */",
        '@font-face { font-family: "Han Marks"; src: ' + names + "; unicode-range: " + marks["unicode-range"] + "; }",
        ":root {",
        "  color-scheme: light dark;",
        *(f"--{name}:{value};" for name, value in [*_colours(tokens), *_sizes(tokens)]),
        "}",
        *_classes(tokens),
        ':root[data-theme="light"] { color-scheme: light; }',
        ':root[data-theme="dark"] { color-scheme: dark; }',
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the stylesheet from the committed values."""
    TOKENS_CSS.write_text(tokens_css(read_tokens()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
