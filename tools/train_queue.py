"""Works through a list of trainings, one at a time, for as long as each may take.

    python tools/train_queue.py trainings.txt             # goes on where it was, also after a stop
    python tools/train_queue.py trainings.txt --list      # what is done, with minutes and remaining time
    kill -TERM PID                                        # stops the training, which saves itself, and the queue

A line of the list is a command, with the minutes that it may take in front; `#` begins a comment:

    120  python lab5_cgan/train.py --model acgan --data clevr --out runs/long/acgan
         python hw4_acgan/train.py                        # as long as it takes

Commands run from the repository at low priority (nice 10). A training whose minutes are up is stopped by SIGTERM: it
saves itself, and counts as done. What each has used stands in FILE.json beside the list, so lines may be added, moved
and taken out; the command itself is the key. A failed command is named, and tried again by the next start of the queue.
Exit code: 0 all is done, 1 a command failed, 143 or 130 stopped.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common.errors import BAD_INPUT, DONE, UserError
from common.training_queue import Queue


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="the list of commands")
    parser.add_argument("--list", action="store_true", help="only say what is done")
    options = parser.parse_args()
    try:
        queue = Queue(options.file)
    except UserError as error:
        print(f"train_queue.py: {error}", file=sys.stderr)
        return BAD_INPUT
    if options.list:
        queue.show()
        return DONE
    return queue.work()


if __name__ == "__main__":
    sys.exit(main())
