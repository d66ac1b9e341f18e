#!/usr/bin/env bash
# Sets up what is missing and trains every report in turn. A stopped run goes on where it was.
#
#   bash run_all.sh [--preset smoke|quick|report] [--data DIR] [--only FOLDER] [--all-variants] [--overwrite]
#
# Default: the preset quick (a few minutes a report on 2 cores), the embedded data, the main run of every report. Runs
# go to runs/FOLDER/VARIANT, and after each of them all to one page, runs/index.html. A run there under other settings
# is refused, unless --overwrite is given. Exit code: 0, or 1 if a report failed (the others still get their turn).
#
# Works with the bash 3.2 of macOS: there an empty array counts as unset, hence ${name[@]+"${name[@]}"}.
[ -n "${BASH_VERSION:-}" ] || { echo "run_all.sh: needs bash; run it as: bash run_all.sh" >&2; exit 2; }
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$root/tools/environment.sh"

main_runs=(
  "hw4_acgan/train.py"
  "hw3_dcgan_lsgan/train.py"
  "hw3_dcgan_lsgan/train.py --model lsgan"
  "hw3_dcgan_lsgan/train_text2image.py"
  "hw3_dcgan_lsgan/train_style.py"
  "text2image_cdcgan/train.py"
  "text2image_cdcgan/train_skipthoughts.py"
  "wgan_gp_text/train.py"
  "cyclegan_style/train.py --domainA red --domainB blonde"
  "lab5_cgan/train.py"
  "lab5_cgan/train.py --model acgan"
)
variants=(
  "hw4_acgan/train.py --recipe report --condition onehot"
  "hw4_acgan/train.py --recipe tuned --condition embedding"
  "hw3_dcgan_lsgan/train.py --recipe report --d-steps 3"
  "hw3_dcgan_lsgan/train.py --recipe report --noise uniform"
  "hw3_dcgan_lsgan/train.py --recipe report --labels soft"
  "hw3_dcgan_lsgan/train.py --recipe report --optimizers sgd"
  "hw3_dcgan_lsgan/train.py --recipe report --optimizers d-sgd"
  "hw3_dcgan_lsgan/train_text2image.py --recipe plain"
  "hw3_dcgan_lsgan/train_text2image.py --recipe raw-condition"
  "hw3_dcgan_lsgan/train_text2image.py --recipe overtrained"
  "wgan_gp_text/train.py --start conv"
  "wgan_gp_text/train.py --alpha-dropout 0.2"
  "cyclegan_style/train.py --domainA grayscale --domainB miku"
  "cyclegan_style/train.py --domainA anime --domainB portraits"
  "cyclegan_style/train.py --domainA anime --domainB portraits --align"
  "lab5_cgan/train.py --g-lr 2e-4 --d-lr 2e-4"
  "lab5_cgan/train.py --resize squash"
)

refuse() { echo "run_all.sh: $1" >&2; exit 2; }
preset=quick only="" options=() chosen=("${main_runs[@]}")
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) sed -n '2,/^# is refused/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    --overwrite) options+=(--overwrite); shift; continue ;;
    --all-variants) chosen=("${main_runs[@]}" "${variants[@]}"); shift; continue ;;
    --preset | --data | --only) [ $# -gt 1 ] || refuse "$1 needs a value" ;;
    *) refuse "unknown option $1; see --help" ;;
  esac
  case "$1" in
    --preset) preset="$2" ;;
    --data) options+=(--data "$2") ;;
    --only) only="${2%/}" ;;
  esac
  shift 2
done
case "$preset" in smoke | quick | report) ;; *) refuse "--preset $preset: smoke, quick or report" ;; esac

wanted=()
for run in "${chosen[@]}"; do
  if [ -z "$only" ] || [ "$only" = "${run%%/*}" ]; then wanted+=("$run"); fi
done
[ ${#wanted[@]} -gt 0 ] || refuse "--only $only: no such report here"

use_environment "$root/requirements.txt" || exit 2

child=""
stop() {  # the training saves its state and ends
  trap '' INT TERM HUP
  [ -n "$child" ] && kill -TERM "$child" 2>/dev/null && wait "$child"
  (cd "$root" && "$python" -m common.gallery runs >/dev/null 2>&1)  # which must not promise more runs
  echo "run_all.sh: stopped; run it again (without --overwrite) to go on" >&2
  exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM HUP

failed=() done=0 SECONDS=0
for run in "${wanted[@]}"; do
  echo "== $run, preset $preset"
  read -ra words <<< "$run"
  (
    trap '' INT HUP  # of the terminal, for all its processes: SIGTERM follows, and a second signal would end it unsaved
    exec "$python" "$root/${words[0]}" ${words[@]+"${words[@]:1}"} --preset "$preset" ${options[@]+"${options[@]}"}
  ) &
  child=$!
  wait "$child"
  code=$?
  child=""
  case $code in
    0) ;;
    130 | 143) stop $code ;;
    *) failed+=("$run ($code)") ;;  # the others still get their turn
  esac
  done=$((done + 1))
  if [ $done -lt ${#wanted[@]} ]; then  # the page as it is now; the last one is written below
    minutes=$((SECONDS * (${#wanted[@]} - done) / done / 60 + 1))
    (cd "$root" && "$python" -m common.gallery runs --minutes $minutes --pending "${wanted[@]:done}") ||
      echo "run_all.sh: the page is not written yet" >&2
  fi
done
(cd "$root" && "$python" -m common.gallery runs) || failed+=("the page")
[ ${#failed[@]} -eq 0 ] || { printf 'run_all.sh: failed: %s\n' "${failed[@]}" >&2; exit 1; }
