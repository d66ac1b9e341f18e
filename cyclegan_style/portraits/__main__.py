"""`python -m cyclegan_style.portraits FILE [--count N] [--columns C] [--seed S]`: a contact sheet."""

import argparse
from pathlib import Path

from common import plots
from cyclegan_style.portraits.sheet import sheet

parser = argparse.ArgumentParser(prog="python -m cyclegan_style.portraits", description="Draw a sheet of portraits.")
parser.add_argument("file", type=Path, help="picture to write")
parser.add_argument("--count", type=int, default=40, help="portraits to draw (default 40)")
parser.add_argument("--columns", type=int, default=10, help="portraits in a row (default 10)")
parser.add_argument("--seed", type=int, default=0, help="seed of the set (default 0)")
options = parser.parse_args()
plots.save(sheet(options.count, options.columns, options.seed), options.file)
