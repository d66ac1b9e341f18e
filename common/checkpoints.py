"""Checkpoints: the complete training state, so that a resumed run is bit-identical."""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from common import distribution
from common.average import Average
from common.errors import NumericalError, StorageError, reason, say
from common.files import make_folder, remove, sync
from common.game import Game

FILE = re.compile(r"(step-[0-9]+)(_temp|(\.data-[0-9]+-of-[0-9]+|\.index)(\.tempstate[0-9]+)?)")  # of a checkpoint
LIST_HALF = re.compile(r"checkpoint\.tmp[0-9a-f]{32}")  # of TensorFlow's list of checkpoints, left by a kill
PATTERN = re.compile(r"[*?\[\\]")  # what TensorFlow does not take literally in the path of a checkpoint


class Checkpoints:
    """Checkpoints of a game: weights, optimizers, dropout seeds and the step. The two newest stay on disk.

    Args:
        game: the game whose state is saved and restored.
        folder: `RUN/checkpoints`.
        average: of its weights, where the run has one; saved and restored too.
    """

    def __init__(self, game: Game, folder: Path, average: Average | None = None) -> None:
        self.folder = folder
        self._for_tensorflow = self._plain_path()
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        networks = {f"{name}_network": player.network for name, player in game.players.items()}
        optimizers = {f"{name}_optimizer": player.optimizer for name, player in game.players.items()}
        self._others = game.other_states()
        self._strategy = game.strategy
        averages = {"average": average.variables} if average else {}
        self._state = tf.train.Checkpoint(step=self.step, seeds=self._others, **networks, **optimizers, **averages)
        self._numbers = {name: [v.value for v in getattr(thing, "variables", [])]
                         for name, thing in {**networks, **optimizers}.items()} | averages
        self._manager = self._make_manager()

    def _plain_path(self) -> Path:
        """The folder's path for TensorFlow: it looks for checkpoints, and deletes them, by patterns of file names.

        A path that would be such a pattern is given as a link to the folder, which ends with this object.
        """
        if not PATTERN.search(str(self.folder)):
            return self.folder
        parent = "/tmp" if PATTERN.search(tempfile.gettempdir()) else None
        self._link = tempfile.TemporaryDirectory(prefix="gan-checkpoints-", dir=parent)
        link = Path(self._link.name) / "checkpoints"
        link.symlink_to(self.folder.absolute())
        return link

    def _indices(self) -> list[Path]:
        """The index files of the checkpoints on disk, oldest first."""
        return sorted((path for path, _ in self._own() if path.suffix == ".index"), key=lambda path: int(path.stem[5:]))

    def _own(self) -> Iterator[tuple[Path, str]]:
        """The files of checkpoints, each with the name of its checkpoint; all other files are left alone."""
        for path in self.folder.glob("step-*"):
            name = FILE.fullmatch(path.name)
            if name:
                yield path, name[1]

    def _make_manager(self) -> tf.train.CheckpointManager:
        """The manager. Its list of checkpoints may be lost: only the checkpoint files count."""
        try:
            return tf.train.CheckpointManager(self._state, str(self._for_tensorflow), max_to_keep=2,
                                              checkpoint_name="step")
        except ValueError:
            say(f"note: {self.folder / 'checkpoint'}, the list of checkpoints, is damaged; it is written anew")
            (self.folder / "checkpoint").unlink()
            return self._make_manager()

    def require_space(self, *, anew: bool = False) -> None:
        """Raises StorageError if the disk has no room for three checkpoints: two are kept while a third is written.

        Args:
            anew: the existing run will be moved aside, so its checkpoints do not count, and nothing is written here.
        """
        if not anew:
            make_folder(self.folder, "--out")
        size = sum(variable.shape.num_elements() * variable.dtype.size
                   for variable in [*itertools.chain(*self._numbers.values()), *self._others])
        needed = size * (3 if anew else 3 - min(2, len(self._indices())))
        free = shutil.disk_usage(self.folder.parent).free
        if free < needed:
            raise StorageError(f"{self.folder}: its checkpoints need {needed / 1e9:.1f} GB of disk, {free / 1e9:.1f} "
                               "GB are free; free space, or give an --out on another disk")

    def restore(self) -> int:
        """Restores the newest undamaged checkpoint and returns its step; 0 if there is none.

        With several workers only the chief has checkpoints; the others receive its state.

        Raises:
            StorageError: there are checkpoints, and all of them are damaged.
        """
        self._restore()
        states = [*itertools.chain(*self._numbers.values()), *self._others, self.step]
        distribution.take_from_chief(self._strategy, states)
        return int(self.step.numpy())

    def _restore(self) -> None:
        indices = self._indices()
        self._remove_halves({index.stem for index in indices})
        for index in reversed(indices):
            try:
                self._state.restore(str(self._for_tensorflow / index.stem)).assert_consumed()
            except tf.errors.ResourceExhaustedError:  # memory ran out: the file may be intact
                raise
            except (tf.errors.OpError, AssertionError, ValueError, IndexError) as error:
                say(f"note: checkpoint {index.stem} is damaged ({reason(error)}); trying the one before")
                continue
            return
        if indices:
            raise StorageError(f"{self.folder}: all {len(indices)} checkpoints are damaged; start anew with "
                               "--overwrite")

    def _remove_halves(self, whole: set[str]) -> None:
        """Deletes the incomplete files of a process that was killed while it saved."""
        for path, name in self._own():
            if path.is_dir() or name not in whole:
                remove(path)
        for path in self.folder.glob("checkpoint.tmp*"):
            if LIST_HALF.fullmatch(path.name):
                remove(path)

    def save(self, step: int) -> None:
        """Saves the state after `step` steps; of the older checkpoints one is kept.

        Raises:
            NumericalError: a value is NaN or infinite; then nothing is written.
        """
        self.require_finite(step)
        self.step.assign(np.int64(step))  # see trainer._train_step
        try:
            self._manager.save(checkpoint_number=step)
            for path in [*self.folder.glob(f"step-{step}.*"), self.folder]:
                sync(path)
            self.keep_newest(2)
        except tf.errors.OpError as error:
            raise StorageError(f"{self.folder}: cannot save the checkpoint of step {step} "
                               f"({reason(error)}); free space or make the folder writable, then run the "
                               "same command again") from None

    def require_finite(self, step: int) -> None:
        """Raises NumericalError if a weight or a moment of the optimizer is NaN or infinite."""
        for name, variables in self._numbers.items():
            for variable in variables:
                if variable.dtype.is_floating and not np.isfinite(variable.numpy()).all():
                    raise NumericalError(f"step {step}: a value of the {name.replace('_', ' ')} is NaN or infinite; "
                                         "lower the learning rate, or try --precision float32")

    def keep_newest(self, count: int) -> None:
        """Deletes all but the newest `count` checkpoints."""
        old = {index.stem for index in self._indices()[:-count]}
        for path, name in self._own():
            if name in old:
                remove(path)
