# Sourced by run_all.sh and run_tests.sh: `use_environment FILE` leaves in $python an interpreter that has the packages
# pinned in FILE. It takes the active one where they are there already, else makes .venv beside this repository.

use_environment() {
  local wanted="$1" candidate
  if command -v python3 >/dev/null && python3 "$root/tools/check_packages.py" "$wanted" 2>/dev/null; then
    python=$(command -v python3)
    echo "environment: $python has the pinned packages"
    return
  fi
  python="$root/.venv/bin/python"
  if [ ! -x "$python" ]; then
    for candidate in python3 python3.13 python3.12 python3.11 ""; do
      [ -n "$candidate" ] || { echo "environment: Python 3.11, 3.12 or 3.13 is needed; install one" >&2; return 2; }
      "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && break
    done
    echo "environment: making $root/.venv with $("$candidate" --version)"
    "$candidate" -m venv "$root/.venv" || { echo "environment: cannot make .venv (python3-venv missing?)" >&2; return 2; }
  fi
  if ! "$python" "$root/tools/check_packages.py" "$wanted" 2>/dev/null; then
    echo "environment: installing $(basename "$wanted") into $root/.venv, a few minutes the first time"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$wanted" \
      || { echo "environment: pip failed; see above" >&2; return 2; }
    "$python" "$root/tools/check_packages.py" "$wanted" || return 2
  fi
  echo "environment: $python"
}
