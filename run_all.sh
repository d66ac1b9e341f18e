#!/usr/bin/env bash
# Sets up what is missing and trains every report in turn. A stopped run goes on where it was.
#
#   bash run_all.sh [--preset smoke|quick|report] [--data DIR] [--only FOLDER] [--overwrite]
#
# Default: the preset quick (a few minutes a report on 2 cores), the embedded data, all reports. Runs go to runs/FOLDER;
# a run there under other settings is refused, unless --overwrite is given.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/tools/environment.sh"

preset=quick only="" options=()
while [ $# -gt 0 ]; do
  case "$1" in
    --preset | --data | --only) [ $# -gt 1 ] || { echo "run_all.sh: $1 needs a value" >&2; exit 2; } ;;&
    --preset) preset="$2"; shift 2 ;;
    --data) options+=(--data "$2"); shift 2 ;;
    --overwrite) options+=(--overwrite); shift ;;
    --only) only="${2%/}"; shift 2 ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) echo "run_all.sh: unknown option $1; see --help" >&2; exit 2 ;;
  esac
done
case "$preset" in smoke | quick | report) ;; *) echo "run_all.sh: --preset $preset: smoke, quick or report" >&2; exit 2 ;; esac

reports=()
for folder in hw4_acgan hw3_dcgan_lsgan text2image_cdcgan wgan_gp_text cyclegan_style lab5_cgan; do
  [ -f "$root/$folder/train.py" ] && { [ -z "$only" ] || [ "$only" = "$folder" ]; } && reports+=("$folder")
done
[ ${#reports[@]} -gt 0 ] || { echo "run_all.sh: --only $only: no such report here" >&2; exit 2; }

use_environment "$root/requirements.txt" || exit 2
failed=()
for folder in "${reports[@]}"; do
  echo "== $folder, preset $preset"
  "$python" "$root/$folder/train.py" --preset "$preset" "${options[@]}"
  code=$?
  case $code in
    0) ;;
    130 | 143) echo "run_all.sh: stopped; run it again to go on" >&2; exit $code ;;
    *) failed+=("$folder ($code)") ;;  # the others still get their turn
  esac
done
[ ${#failed[@]} -eq 0 ] || { echo "run_all.sh: failed: ${failed[*]}" >&2; exit 1; }
echo "run_all.sh: ${#reports[@]} report(s) trained; pictures in $root/runs"
