#!/usr/bin/env bash
# Sets up what is missing, then lint and tests.
#
#   bash run_tests.sh           the fast tests, 5 to 6 minutes on 2 cores
#   bash run_tests.sh --all     the slow ones too; CI does so
#
# Further options go to pytest: bash run_tests.sh tests/test_tags.py -k malformed
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/tools/environment.sh"
cd "$root" || exit 2
use_environment "$root/requirements-dev.txt" || exit 2

which=(-m "not slow")
[ "${1:-}" = "--all" ] && { which=(); shift; }
"$python" -m ruff check . || exit 1
exec "$python" -m pytest -n 2 --dist worksteal --durations 8 ${which[@]+"${which[@]}"} "$@"
