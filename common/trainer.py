"""The training loop of all reports, with checkpoints, progress, logs, sample grids and signals."""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

import numpy as np
import tensorflow as tf
from PIL import Image

from common import distribution, plots, symptoms
from common.average import Average
from common.batches import Batches
from common.checkpoints import Checkpoints
from common.errors import (
    Failure,
    NumericalError,
    Stopped,
    StorageError,
    UserError,
    on_stopping,
    reason,
    say,
    stop_code,
    take_as_one,
)
from common.evaluation import BRIEF_NOTE, Evaluation
from common.explorer import Explorer
from common.files import atomic, write_json
from common.game import Game
from common.options import Common
from common.progress import Meter, duration
from common.runs import Run, average_file, grids, read_log

Curves = Mapping[str, Mapping[str, str]]


def train(game: Game, batches: Batches, run: Run, config: Common, sampler: Callable[[], Image.Image],
          curves: Curves, chart: Callable[[], Image.Image] | None = None, evaluation: Evaluation | None = None,
          explorer: Callable[[], Explorer] | None = None) -> None:
    """Trains a game to its last step, resumes a run where it stopped, and writes the run folder.

    A finished run is only measured again. With several workers each process calls this; only the chief samples, logs,
    saves and measures.

    Args:
        game: its `train_step` is traced once for each phase.
        batches: step -> batch.
        run: the open run folder.
        config: lengths, intervals, preset.
        sampler: makes the sample grid with the game's networks, always from the same inputs.
        curves: what `curves.png` shows, see `plots.curves`.
        chart: makes one image of all conditions, at the end.
        evaluation: measures the run.
        explorer: draws what a visitor of the page may play with, at the end.

    Raises:
        NumericalError: a loss or a weight is NaN or infinite.
        Stopped: Ctrl-C, SIGTERM or SIGHUP; the state is saved.
        Failure: another worker was lost.
        StorageError: every checkpoint is damaged, or the disk is too full for one.
    """
    evaluation = evaluation if config.evaluate and run.scale.chief else None
    try:
        _Training(game, batches, run, config, sampler, curves, chart, evaluation, explorer).run_through()
    except tf.errors.UnavailableError as error:  # of a collective operation
        raise Failure(f"another worker of TF_CONFIG was lost; start all workers again with the same commands, "
                      f"and the run resumes from its last checkpoint ({reason(error)})") from None


class _Training:
    def __init__(self, game: Game, batches: Batches, run: Run, config: Common, sampler: Callable[[], Image.Image],
                 curves: Curves, chart: Callable[[], Image.Image] | None, evaluation: Evaluation | None,
                 explorer: Callable[[], Explorer] | None) -> None:
        self.game, self.batches, self.run, self.config = game, batches, run, config
        self.sampler, self.curves, self.chart, self.explorer = sampler, curves, chart, explorer
        self.evaluation = evaluation
        self.total = config.total_steps(batches.steps_per_epoch)
        self.average = Average(game, config.average * self.total) if config.average else None
        self.step_function = compiled(game, config.jit, self.average)
        self.chief, self.gather = run.scale.chief, distribution.gatherer(game.strategy)
        self.events = None
        self.warned: set[str] = set()

    def run_through(self) -> None:
        self._require_agreement()
        folder = self.run.folder / "checkpoints"
        if self.config.overwrite:
            Checkpoints(self.game, folder, self.average).require_space(anew=True)  # before the old run is moved aside
        self.run.begin_training()
        self.checkpoints = Checkpoints(self.game, folder, self.average)
        if self.average:
            self.run.substitute("images and measures are of an average of the weights, with a half-life of "
                                f"{self.config.average:g} of the run; the report has none")
        if self.evaluation and self.evaluation.brief:
            self.run.substitute(BRIEF_NOTE)
        if self.config.tensorboard:
            with self._writing_events():
                self.events = tf.summary.create_file_writer(str(self.run.folder / "tensorboard"))
        start = self.checkpoints.restore()
        if start < self.total:
            self.checkpoints.require_space()
        if start >= self.config.log_every and self.chief and not read_log(self.run.folder):
            say(f"note: {self.run.folder / 'log.csv'} is missing: its rows up to step {start} are lost")
        self.run.rewind(start)
        self._announce(start)
        self.run.record_use_of_machine(trains=start < self.total)
        if self.evaluation and start < self.total:
            for section, values in self.evaluation.prepare().items():  # before the timed steps
                self.run.require_same(section, values)
        if not start and self.chief:
            self._sample(0)
        with _remembered_signals() as signals, \
                Meter(start, self.total, self.batches.batch_size, self.config.preset) as self.meter:
            stream = self.batches.stream(start, self.total)
            for done, batch in enumerate(stream, start + 1):
                self._train_step(batch, done)
                if self.chief:
                    self._after_step(done)
                code = max(self.gather(signals.code))  # if one worker gets a signal, all stop after this step
                if self.chief and (done % self.config.checkpoint_every == 0 or done == self.total or code):
                    self._save(done)
                self._stop_if_signalled(code, done)
                self.meter.resume_clock()
        self._stop_if_signalled(max(self.gather(signals.code)), self.total)  # a signal while the last step was saved
        if self.chief:
            self._finish(start)
        self.gather(0)  # no worker leaves before all are done

    def _stop_if_signalled(self, code: int, done: int) -> None:
        if code:
            raise Stopped(f"stopped and saved at step {done} of {self.total}; run the same command again to resume",
                          code)

    def _require_agreement(self) -> None:
        """Raises UserError on all workers if their settings or data differ."""
        info = [self.run.info.get(name) for name in ("report", "settings", "scale", "precision", "data")]
        digest = hashlib.sha256(json.dumps(info, sort_keys=True, default=str).encode()).digest()
        if len(set(self.gather(int.from_bytes(digest[:7])))) > 1:
            raise UserError("TF_CONFIG: the workers differ in what they train; give all workers the same options, data "
                            "and --precision")

    def _announce(self, start: int) -> None:
        pace = f"{self.total} steps of {self.batches.batch_size} images, {self.batches.steps_per_epoch} per epoch"
        self.run.record("pace", {"images_per_step": self.batches.batch_size,
                                 "steps_per_epoch": self.batches.steps_per_epoch})
        state = {0: pace, self.total: "is already complete"}.get(start, f"resumes at step {start} of {self.total}")
        say(f"{self.run.folder}: {state}")

    def _train_step(self, batch: dict, done: int) -> None:
        """Trains step number `done`, counted from 1; checks and shows its loss terms."""
        number = tf.constant(np.int64(done - 1))  # TensorFlow caches every Python int for ever: 750 bytes per step
        terms = self.step_function(batch, number, **self.game.phase(done - 1))
        self.terms = {name: float(value) for name, value in terms.items()}
        for name, value in self.terms.items():
            if not math.isfinite(value):
                raise NumericalError(f"step {done}: {name} is {value}; lower the learning rate, or try "
                                     "--precision float32")
        self.meter.advance(done, self.terms)

    def _save(self, done: int) -> None:
        """Saves a checkpoint, last in a step, so that it is never ahead of the other files."""
        self.run.sync_logs()
        self.checkpoints.save(done)
        if not self.run.info.get("saved"):
            self.run.record("saved", True)  # from now on settings must not change

    def _after_step(self, done: int) -> None:
        """Logs, samples and measures after a step, where these are due."""
        config = self.config
        if done % config.log_every == 0 or done == self.total:
            self.run.log(done, self.terms)
            self.run.time(done, self.meter.seconds_per_step, self.meter.images_per_second)
            self._event(done)
        if done % (config.sample_every or self.batches.steps_per_epoch) == 0 or done == self.total:
            self._sample(done)
            self._check(done)
            self._warn(done)
            gc.collect()  # figures have reference cycles; without this, dozens stay in memory

    def _grid(self, step: int) -> Path:
        return self.run.folder / "samples" / f"step_{step:06d}.png"

    def _shown(self) -> contextlib.AbstractContextManager:
        """Inside it the networks have the weights that images and measures are of."""
        return self.average.shown() if self.average else contextlib.nullcontext()

    def _sample(self, step: int) -> None:
        self.checkpoints.require_finite(step)
        with self._shown():
            plots.save(self.sampler(), self._grid(step))
        if step:
            plots.curves(read_log(self.run.folder), self.curves, self.run.folder / "curves.png")

    def _check(self, step: int) -> None:
        """Adds a row to accuracy.csv."""
        with self._shown():
            row, words = self.evaluation.check() if self.evaluation else ({}, "")
        if row:
            self.run.log(step, row, "accuracy.csv")
            if self.evaluation.curves:
                plots.curves(read_log(self.run.folder, "accuracy.csv"), self.evaluation.curves,
                             self.run.folder / "accuracy.png", value="accuracy", epoch=self.batches.steps_per_epoch)
            say(f"step {step}, epoch {step / self.batches.steps_per_epoch:.1f}: {words}")

    def _warn(self, step: int) -> None:
        """Says once what goes wrong, while there is time to stop. In the first half many images are alike at first."""
        found = {"D": symptoms.d_wins(read_log(self.run.folder))}
        due = self.total // 2 <= step < self.total and "alike" not in self.warned
        if due and self.evaluation and not self.evaluation.brief:
            with self._shown():
                found["alike"] = symptoms.alike(self.evaluation.variety())
        for kind in [kind for kind, words in found.items() if words and kind not in self.warned]:
            say(f"warning: step {step}: {found[kind]}")
            self.warned.add(kind)

    def _measure(self) -> None:
        """Writes metrics.json, and prints the verdict."""
        say("measuring")
        with self._shown():
            measured, verdict = self.evaluation.measure()
        say(f"measured: {verdict}")
        other = {}
        if self.average:
            trained, trained_verdict = self.evaluation.measure()
            say(f"measured with the weights as trained: {trained_verdict}")
            other = {"weights": "average", "trained_weights": {**trained, "verdict": trained_verdict}}
        info = self.run.info
        write_json(self.run.folder / "metrics.json", {
            "report": info["report"]["folder"], "variant": info["report"]["variant"], "step": self.total,
            "steps": self.total, "seed": info["settings"]["seed"], "precision": info["precision"]["precision"],
            "data": {"name": info.get("data_folder"), **info.get("data", {})}, **measured, "verdict": verdict,
            **other})

    def _event(self, step: int) -> None:
        if self.events:
            with self._writing_events(), self.events.as_default(step):
                for name, value in self.terms.items():
                    tf.summary.scalar(name, value)
                self.events.flush()

    @contextlib.contextmanager
    def _writing_events(self) -> Iterator[None]:
        """Names the folder. TensorFlow reports a full disk as an exhausted resource, as it does for memory."""
        try:
            yield
        except tf.errors.OpError as error:
            raise StorageError(f"{self.run.folder / 'tensorboard'}: cannot be written ({reason(error)}); free space or "
                               "mend the folder, then run the same command again") from None

    def _finish(self, start: int) -> None:
        if self.average:
            with self._shown():
                self._save_networks({player: average_file(file) for player, file in self.game.SAVED.items()})
        self._save_networks(self.game.SAVED)
        if not all(map(plots.is_whole, (self.run.folder / "curves.png", self._grid(self.total)))):
            self._sample(self.total)
        if self.chart:
            with self._shown():
                plots.save(self.chart(), self.run.folder / "chart.png")
        frames = {frame: plots.is_whole(frame) for frame in grids(self.run.folder).values()}
        for frame in (frame for frame, whole in frames.items() if not whole):
            say(f"note: {frame} is damaged; progress.webp leaves it out")
        plots.animate([frame for frame, whole in frames.items() if whole], self.run.folder / "progress.webp")
        if self.evaluation:
            self._measure()
        if self.explorer:
            with self._shown():
                self.explorer().write(self.run.folder)
        self.checkpoints.keep_newest(1)  # a finished run needs no other
        if self.total > start:
            say(f"trained {self.total - start} steps in {duration(self.meter.seconds_per_step * (self.total - start))}"
                f", {self.meter.images_per_second:.0f} img/s")
        say(f"done: {self.run.folder}")


    def _save_networks(self, files: Mapping[str, str]) -> None:
        for player, file in files.items():
            with atomic(self.run.folder / file) as temporary:
                self.game.players[player].network.save(temporary)


def compiled(game: Game, jit: bool, average: Average | None = None) -> Callable[..., dict[str, tf.Tensor]]:
    """The game's step as one graph under the distribution strategy of the game, the average of its weights included."""
    strategy = game.strategy

    @tf.function(jit_compile=jit, autograph=False)  # autograph would read the source files, which may have changed
    def step_function(batch, step, **phase):
        terms = strategy.run(functools.partial(distribution.train_step, game, **phase), args=(batch, step))
        if average:
            average.update(step)
        return {name: strategy.experimental_local_results(value)[0] for name, value in terms.items()}

    return step_function


class _Signals:
    """Remembers a signal that ends the training, so that the step is finished and saved; see `take_as_one`."""

    code = 0

    def remember(self, number: int, _: FrameType | None) -> None:
        self.code = stop_code(number)
        take_as_one(number)
        say("stopping after this step, which is saved; a second signal stops at once")


@contextlib.contextmanager
def _remembered_signals() -> Iterator[_Signals]:
    signals = _Signals()
    with on_stopping(signals.remember):
        yield signals
