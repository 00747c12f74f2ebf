#!/usr/bin/env python3
"""Write the keymap fragments that the display service embeds.

Compiles every layout of LAYOUTS with `xkbcli compile-keymap` (libxkbcommon's
tools, over the xkb-data package) and splits the result: `common.xkb` holds the key
codes, types and compatibility section and `shared.sym` the keys that are the
same in every layout; `NAME.sym` holds what is left of one layout. A keymap is
common + "xkb_symbols {" + NAME + shared + "};};".

The output is derived from xkeyboard-config, see LICENSE.xkeyboard-config.
"""
import pathlib
import re
import subprocess

LAYOUTS = """us gb de fr es it se no dk fi be br pt pl cz nl hu ch ca ru tr latam jp
             us-intl ch-fr""".split()
HERE = pathlib.Path(__file__).parent


def compile_layout(name):
    layout, _, variant = name.partition("-")
    command = ["xkbcli", "compile-keymap", "--rules", "evdev", "--model", "pc105", "--layout", layout]
    if variant:
        command += ["--variant", variant]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def section(text, name):
    return re.search(rf"^xkb_{name} .*?^}};\n", text, re.M | re.S).group(0)


def entries(symbols):
    """The statements of a symbols section, in order."""
    body = symbols.split("{", 1)[1].rsplit("};", 1)[0]
    found = re.findall(r"^\t(?:key .*?};|modifier_map .*?;|name\[.*?;)$", body, re.M | re.S)
    return [re.sub(r"[ \t]+", " ", e).strip() for e in found]


def main():
    texts = {name: compile_layout(name) for name in LAYOUTS}
    us = texts["us"]
    common = "xkb_keymap {\n" + "".join(section(us, s) for s in ("keycodes", "types", "compatibility"))
    (HERE / "common.xkb").write_text(re.sub(r"[ \t]+", " ", common))
    parsed = {name: entries(section(text, "symbols")) for name, text in texts.items()}
    shared = set.intersection(*(set(e) for e in parsed.values()))
    (HERE / "shared.sym").write_text("\n".join(e for e in parsed["us"] if e in shared) + "\n")
    for name, found in parsed.items():
        (HERE / f"{name}.sym").write_text("\n".join(e for e in found if e not in shared) + "\n")


if __name__ == "__main__":
    main()
