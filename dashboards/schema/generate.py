"""Writes the JSON Schemas of Grafana's dashboards, of its panels' options, and the list of its unit ids.

    python dashboards/schema/generate.py --dest .greenops/grafana-schema

They are made from npm's @grafana/schema and @grafana/data in the versions that `package.json` names; to follow a
new Grafana, change those and run it again. While nothing changed, it does nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description="Write JSON Schemas of Grafana's dashboards and panels.")
    parser.add_argument("--dest", type=Path, default=Path(".greenops/grafana-schema"), help="default: %(default)s")
    dest = parser.parse_args().dest
    command = [sys.executable, str(HERE / "npm_build.py"), "--source", str(HERE), "--dest", str(dest)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
