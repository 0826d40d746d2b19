"""Makes crates/cornu/src/training/plot/DejaVuSans.ttf, the letters of plots, from DejaVu Sans.

usage: python tools/make_font.py path/to/DejaVuSans.ttf      (needs fonttools)
"""

import pathlib
import subprocess
import sys

OUT = pathlib.Path(__file__).parent.parent / "crates/cornu/src/training/plot/DejaVuSans.ttf"

subprocess.run(
    [
        "pyftsubset", sys.argv[1],
        "--unicodes=U+0020-007E,U+00A0-00FF,U+2026,U+2212",
        "--no-hinting", "--layout-features=", "--drop-tables+=GPOS,GSUB,GDEF,kern",
        "--name-IDs=0,1,2,3,4,5,6,13,14",
        f"--output-file={OUT}",
    ],
    check=True,
)
print(OUT, OUT.stat().st_size, "bytes")
