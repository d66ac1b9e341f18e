"""The one loop: every report trains its game with `train`. Checkpoints, progress, log, samples and signals are here."""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import json
import math
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

import numpy as np
import tensorflow as tf
from PIL import Image

from common import plots, replicas
from common.batches import Batches
from common.checkpoints import Checkpoints
from common.cli import (
    INTERRUPTED,
    TERMINATED,
    Common,
    Failure,
    NumericalError,
    Stopped,
    StorageError,
    UserError,
    reason,
    say,
)
from common.evaluation import Measures
from common.files import atomic
from common.game import Game
from common.progress import Meter, duration
from common.runs import Run, grids, read_log

Panels = Mapping[str, Mapping[str, str]]


def train(game: Game, batches: Batches, run: Run, config: Common, sampler: Callable[[], Image.Image],
          panels: Panels, chart: Callable[[], Image.Image] | None = None, evaluation: Measures | None = None) -> None:
    """Trains a game to its last step, or takes up the run where it stopped, and writes what a run folder holds.

    Several workers train together, each in a process that calls this. The chief alone draws, logs, saves and measures.

    Args:
        game: its `step` is traced once for each phase.
        batches: step -> batch.
        run: the open run folder.
        config: lengths, intervals, preset.
        sampler: draws the sample grid with the game's networks, always of the same inputs.
        panels: of `curves.png`, see `plots.curves`.
        chart: draws all conditions, once, at the end.
        evaluation: measures the run; with `config.evaluate_only` nothing else happens.

    Raises:
        NumericalError: a loss or a weight is NaN or infinite.
        Stopped: SIGTERM or Ctrl-C; the state is saved.
        Failure: another worker is gone.
        StorageError: no checkpoint is whole, or the disk does not take one.
    """
    game.accumulate = run.scale.accumulate
    measures = evaluation if config.evaluate and run.scale.chief else None
    training = _Training(game, batches, run, config, sampler, panels, chart, measures)
    if config.evaluate_only:
        training.evaluate_only()
        return
    try:
        training.run_through()
    except tf.errors.UnavailableError as error:  # of a collective operation
        raise Failure(f"another worker of TF_CONFIG is gone; start all of them again with the same commands, and the "
                      f"run goes on from its last checkpoint ({reason(error)})") from None


class _Training:
    def __init__(self, game: Game, batches: Batches, run: Run, config: Common, sampler: Callable[[], Image.Image],
                 panels: Panels, chart: Callable[[], Image.Image] | None, evaluation: Measures | None) -> None:
        self.game, self.batches, self.run, self.config = game, batches, run, config
        self.sampler, self.panels, self.chart, self.evaluation = sampler, panels, chart, evaluation
        self.total = config.total_steps(batches.steps_per_epoch)
        self.checkpoints = Checkpoints(game, run.folder / "checkpoints")
        self.step_function = compiled(game, config.jit)
        self.chief, self.gather = run.scale.chief, replicas.gatherer(game.strategy)
        self.events = None

    def run_through(self) -> None:
        self._require_agreement()
        if self.config.overwrite:
            self.checkpoints.require_space(anew=True)  # before the old ones are gone
        self.run.begin()
        if self.config.tensorboard:
            with self._writing_events():
                self.events = tf.summary.create_file_writer(str(self.run.folder / "tensorboard"))
        start = self.checkpoints.restore()
        if start < self.total:
            self.checkpoints.require_space()
        if start >= self.config.log_every and self.chief and not read_log(self.run.folder):
            say(f"note: {self.run.folder / 'log.csv'} is gone, and its rows up to step {start} with it")
        self.run.rewind(start)
        self._announce(start)
        if self.evaluation and start < self.total:
            self.evaluation.prepare()  # now, so that the clock of the steps does not run meanwhile
        if not start and self.chief:
            self._draw(0)
        with _Signals() as signals, \
                Meter(start, self.total, self.batches.batch_size, self.config.preset) as self.meter:
            stream = self.batches.stream(start, self.total)
            for done, batch in enumerate(stream, start + 1):
                self._step(batch, done)
                if self.chief:
                    self._keep(done)
                code = max(self.gather(signals.code))  # whichever worker is told to stop, all stop after this step
                if self.chief and (done % self.config.checkpoint_every == 0 or done == self.total or code):
                    self._save(done)
                self._stop_if_told(code, done)
                self.meter.resume_clock()
        self._stop_if_told(max(self.gather(signals.code)), self.total)  # while the last step was saved
        if self.chief:
            self._finish(start)
        self.gather(0)  # nobody leaves before all have done

    def _stop_if_told(self, code: int, done: int) -> None:
        if code:
            raise Stopped(f"stopped and saved at step {done} of {self.total}; the same command goes on", code)

    def _require_agreement(self) -> None:
        """Raises UserError on all workers where they would train different things."""
        facts = [self.run.facts.get(name) for name in ("report", "settings", "scale", "precision", "data")]
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).digest()
        if len(set(self.gather(int.from_bytes(digest[:7])))) > 1:
            raise UserError("TF_CONFIG: the workers differ in what they train; give all of them the same options, data "
                            "and --precision")

    def _announce(self, start: int) -> None:
        pace = f"{self.total} steps, {self.batches.steps_per_epoch} an epoch, {self.batches.batch_size} pictures each"
        state = {0: pace, self.total: "is complete already"}.get(start, f"goes on at step {start} of {self.total}")
        say(f"{self.run.folder}: {state}")

    def _step(self, batch: dict, done: int) -> None:
        """Step number `done`, counted from 1: trains, checks and shows its terms."""
        number = tf.constant(np.int64(done - 1))  # TensorFlow keeps every int of Python for ever: 750 bytes a step
        terms = self.step_function(batch, number, **self.game.phase(done - 1))
        self.terms = {name: float(value) for name, value in terms.items()}
        for name, value in self.terms.items():
            if not math.isfinite(value):
                raise NumericalError(f"step {done}: {name} is {value}; lower the learning rate, or try "
                                     "--precision float32")
        self.meter.advance(done, self.terms)

    def _save(self, done: int) -> None:
        """Saves a checkpoint, after everything else of the step, so that it never knows more than the files."""
        self.run.sync_logs()
        self.checkpoints.save(done)
        if not self.run.facts.get("saved"):
            self.run.note("saved", True)  # from now on there is something to lose

    def _keep(self, done: int) -> None:
        """Writes what is due after a step."""
        config = self.config
        if done % config.log_every == 0 or done == self.total:
            self.run.log(done, self.terms)
            self.run.time(done, self.meter.seconds_per_step, self.meter.images_per_second)
            self._event(done)
        if done % (config.sample_every or self.batches.steps_per_epoch) == 0 or done == self.total:
            self._draw(done)
            if self.evaluation:
                self.evaluation.check(done)
            gc.collect()  # a figure holds itself; Python would let dozens of them lie about beside TensorFlow's objects

    def _grid(self, step: int) -> Path:
        return self.run.folder / "samples" / f"step_{step:06d}.png"

    def _draw(self, step: int) -> None:
        self.checkpoints.require_finite(step)
        plots.save(self.sampler(), self._grid(step))
        if step:
            plots.curves(read_log(self.run.folder), self.panels, self.run.folder / "curves.png")

    def evaluate_only(self) -> None:
        """Writes metrics.json of a finished run again."""
        step = self.checkpoints.restore()
        if step != self.total or self.evaluation is None:
            raise UserError(f"--evaluate-only: {self.run.folder} is at step {step} of {self.total}; finish it first")
        self.run.begin()
        self.evaluation.write(step)

    def _event(self, step: int) -> None:
        if self.events:
            with self._writing_events(), self.events.as_default(step):
                for name, value in self.terms.items():
                    tf.summary.scalar(name, value)
                self.events.flush()

    @contextlib.contextmanager
    def _writing_events(self) -> Iterator[None]:
        """Names what cannot be written. TensorFlow says of a full disk that a resource is exhausted, as of memory."""
        try:
            yield
        except tf.errors.OpError as error:
            raise StorageError(f"{self.run.folder / 'tensorboard'}: cannot be written ({reason(error)}); free space or "
                               "mend the folder, then run the same command again") from None

    def _finish(self, start: int) -> None:
        for player, file in self.game.SAVED.items():
            with atomic(self.run.folder / file) as temporary:
                self.game.players[player].network.save(temporary)
        if not all(map(plots.is_whole, (self.run.folder / "curves.png", self._grid(self.total)))):
            self._draw(self.total)
        if self.chart:
            plots.save(self.chart(), self.run.folder / "chart.png")
        frames = {frame: plots.is_whole(frame) for frame in grids(self.run.folder).values()}
        for frame in (frame for frame, whole in frames.items() if not whole):
            say(f"note: {frame} is damaged; progress.webp goes without it")
        plots.animate([frame for frame, whole in frames.items() if whole], self.run.folder / "progress.webp")
        if self.evaluation:
            self.evaluation.write(self.total)
        self.checkpoints.keep_newest(1)  # a finished run needs no other
        if self.total > start:
            say(f"trained {self.total - start} steps in {duration(self.meter.seconds_per_step * (self.total - start))}"
                f", {self.meter.images_per_second:.0f} img/s")
        say(f"done: {self.run.folder}")


def compiled(game: Game, jit: bool) -> Callable[..., dict[str, tf.Tensor]]:
    """The game's step as one graph under the distribution strategy of the game."""
    strategy = game.strategy
    step_of_one = game.step if strategy.num_replicas_in_sync == 1 else game.step_of_replica

    @tf.function(jit_compile=jit, autograph=False)  # autograph would read the source files again, perhaps edited since
    def step_function(batch, step, **phase):
        terms = strategy.run(functools.partial(step_of_one, **phase), args=(batch, step))
        return {name: strategy.experimental_local_results(value)[0] for name, value in terms.items()}

    return step_function


class _Signals:
    """Notes SIGTERM and Ctrl-C so that the step can end and be saved; a second one ends the process at once."""

    def __enter__(self) -> _Signals:
        self.code = 0
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.code = INTERRUPTED if number == signal.SIGINT else TERMINATED
        for either in (signal.SIGINT, signal.SIGTERM):
            signal.signal(either, signal.SIG_DFL)
        say("stopping: the step ends and is saved; once more to stop at once")
