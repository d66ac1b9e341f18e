#!/usr/bin/env bash
# Sets up what is missing, then lint and tests.
#
#   bash run_tests.sh           the fast tests, 3 to 6 minutes on 2 cores
#   bash run_tests.sh --all     the slow ones too, about twice as long; CI does so
#   bash run_tests.sh --long    only those that take minutes and guard what hardly ever changes: the judge's accuracy on
#                               the whole embedded set, tools/soak.py, a killed run of each report, and one in
#                               bfloat16 on a processor without it. Before a release, or after a change of these or
#                               of what a training step does
#
# Further options go to pytest: bash run_tests.sh tests/test_tags.py -k malformed
[ -n "${BASH_VERSION:-}" ] || { echo "run_tests.sh: needs bash; run it as: bash run_tests.sh" >&2; exit 2; }
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/tools/environment.sh"
cd "$root" || exit 2
use_environment "$root/requirements-dev.txt" || exit 2

which=(-m "not slow and not long")
case "${1:-}" in
--all) which=(-m "not long"); shift ;;
--long) which=(-m long); shift ;;
esac
"$python" -m ruff check . || exit 1
exec "$python" -m pytest -n 2 --dist worksteal --durations 8 "${which[@]}" "$@"
