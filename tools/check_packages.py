"""`python check_packages.py requirements.txt`: exit 0 if this interpreter has the pinned packages, 1 if not.

Standard library only. It reads the `name==version` lines, and those of files included with `-r`.
"""

import re
import sys
from importlib import metadata
from pathlib import Path


def pins(file: Path) -> dict[str, str]:
    """Package -> version of a requirements file and of those it includes."""
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found |= pins(file.parent / line[3:].strip())
        elif match := re.match(r"([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;#]+)", line):
            found[match[1]] = match[2]
    return found


def missing(wanted: dict[str, str]) -> list[str]:
    """What is absent or of another version, in words."""
    problems = []
    for name, version in wanted.items():
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            have = "none"
        if have != version:
            problems.append(f"{name}: have {have}, need {version}")
    return problems


if __name__ == "__main__":
    lines = missing(pins(Path(sys.argv[1])))
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        lines.append(f"Python {sys.version.split()[0]}: need 3.11, 3.12 or 3.13")
    print("\n".join(lines), file=sys.stderr, end="\n" if lines else "")
    sys.exit(1 if lines else 0)
