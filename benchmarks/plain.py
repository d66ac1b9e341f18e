"""The plain Keras port: the same networks, trained as a tutorial would write it.

Nothing of our games is used. The generator makes new images for each player, every kind of image passes the
discriminator by itself, all is float32, and one `tf.function` is the step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.cases import Case
from common.game import Player
from cyclegan_style.train import Config as CycleGAN
from hw4_acgan.train import Config as ACGAN
from wgan_gp_text.train import Config as WGANGP

Batch, Players = dict[str, tf.Tensor], dict[str, Player]

_cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
_class = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
_square, _absolute = keras.losses.MeanSquaredError(), keras.losses.MeanAbsoluteError()


def _bce(logits: tf.Tensor, target: float) -> tf.Tensor:
    return _cross_entropy(tf.fill(tf.shape(logits), target), logits)


def _least_squares(scores: tf.Tensor, target: float) -> tf.Tensor:
    return _square(tf.fill(tf.shape(scores), target), scores)


# ---- the losses: of one kind of images, which D or G wants to be judged as `target`; or d(D, real, fake, batch) ----


def _dcgan(d, image, target, batch):
    return _bce(d(image, training=True), target)


def _cgan(d, image, target, batch):
    return _bce(d([image, batch["label"]], training=True), target)


def _lab5_acgan(d, image, target, batch):
    source, labels = d(image, training=True)
    return _bce(source, target) + _cross_entropy(batch["label"], labels)


def _acgan(d, image, target, batch):
    source, hair, eyes = d(image, training=True)
    return _bce(source, target) + _class(batch["hair"], hair) + _class(batch["eyes"], eyes)


def _text2image_d(d, real, fake, batch):
    right, wrong = batch["condition"], batch["wrong_condition"]
    return _bce(d([real, right], training=True), 1.0) + _bce(d([fake, right], training=True), 0.0) + \
        _bce(d([real, wrong], training=True), 0.0) + _bce(d([batch["wrong_image"], right], training=True), 0.0)


def _text2image_g(d, fake, batch):
    return _bce(d([fake, batch["condition"]], training=True), 1.0)


def _wgan_gp_d(d, real, fake, batch):
    text = batch["text"]
    right, generated, wrong = (tf.reduce_mean(d([image, tags], training=True))
                               for image, tags in ((real, text), (fake, text), (real, batch["wrong_text"])))
    share = tf.random.uniform((real.shape[0], 1, 1, 1))
    mixed = share * real + (1.0 - share) * fake
    with tf.GradientTape() as tape:
        tape.watch([mixed, text])
        score = d([mixed, text], training=True)
    by_image, by_text = tape.gradient(score, [mixed, text])
    norm = tf.sqrt(tf.reduce_sum(by_image ** 2, (1, 2, 3)) + tf.reduce_sum(by_text ** 2, 1) + 1e-12)
    return 0.5 * generated + 0.5 * wrong - right + WGANGP.penalty * tf.reduce_mean((norm - 1.0) ** 2)


def _wgan_gp_g(d, fake, batch):
    return -tf.reduce_mean(d([fake, batch["text"]], training=True))


def _real_and_fake(term, real_target=1.0):
    return (lambda d, real, fake, batch: term(d, real, real_target, batch) + term(d, fake, 0.0, batch),
            lambda d, fake, batch: term(d, fake, 1.0, batch))


LOSSES: dict[str, tuple[Callable[..., tf.Tensor], Callable[..., tf.Tensor]]] = {  # of D, of G
    "dcgan": _real_and_fake(_dcgan), "lab5_cgan": _real_and_fake(_cgan), "lab5_acgan": _real_and_fake(_lab5_acgan),
    "acgan": _real_and_fake(_acgan, ACGAN.real_target), "text2image": (_text2image_d, _text2image_g),
    "wgan_gp": (_wgan_gp_d, _wgan_gp_g)}


# ---- the steps ----


def _update(player: Player, tape: tf.GradientTape, loss: tf.Tensor) -> None:
    variables = player.network.trainable_variables
    player.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))


def _two_players(case: Case, players: Players, batch: Batch) -> dict[str, tf.Tensor]:
    """D on new fakes, then G on others."""
    generator, discriminator = players["generator"].network, players["discriminator"].network
    (d_loss, g_loss), labels = LOSSES[case.name], [batch[name] for name in case.labels]

    def generate() -> tf.Tensor:
        z = tf.random.normal((case.batch_size, case.config.z))
        return generator([z, *labels] if labels else z, training=True)

    fake = generate()
    with tf.GradientTape() as tape:
        d_total = d_loss(discriminator, batch["image"], fake, batch)
    _update(players["discriminator"], tape, d_total)
    with tf.GradientTape() as tape:
        g_total = g_loss(discriminator, generate(), batch)
    _update(players["generator"], tape, g_total)
    return {"d": d_total, "g": g_total}


def _cyclegan(players: Players, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
    """Both discriminators on translations made for them, then both generators on new translations."""
    to_b, to_a, d_of_a, d_of_b = (player.network for player in players.values())
    fake_b, fake_a = to_b(a, training=True), to_a(b, training=True)
    with tf.GradientTape(persistent=True) as tape:
        d_a, d_b = (_least_squares(d(real, training=True), 1.0) + _least_squares(d(fake, training=True), 0.0)
                    for d, real, fake in ((d_of_a, a, fake_a), (d_of_b, b, fake_b)))
    _update(players["discriminator_A"], tape, d_a)
    _update(players["discriminator_B"], tape, d_b)
    with tf.GradientTape(persistent=True) as tape:
        fake_b, fake_a = to_b(a, training=True), to_a(b, training=True)
        cycle = CycleGAN.cycle * (_absolute(a, to_a(fake_b, training=True)) + _absolute(b, to_b(fake_a, training=True)))
        g_b = _least_squares(d_of_b(fake_b, training=True), 1.0) + cycle
        g_a = _least_squares(d_of_a(fake_a, training=True), 1.0) + cycle
    _update(players["generator_AtoB"], tape, g_b)
    _update(players["generator_BtoA"], tape, g_a)
    return {"d_A": d_a, "d_B": d_b, "g_AtoB": g_b, "g_BtoA": g_a}


def step(case: Case, players: Players, batch: dict[str, np.ndarray]) -> Callable[[], dict[str, float]]:
    """A function that takes one training step on `batch` and returns its losses."""
    for player in players.values():
        player.optimizer.build(player.network.trainable_variables)

    @tf.function
    def train_step(given: Batch) -> dict[str, Any]:
        scaled = {name: _scaled(case, value) if value.dtype == tf.uint8 else value for name, value in given.items()}
        if "generator" in players:
            return _two_players(case, players, scaled)
        return _cyclegan(players, scaled["image"], scaled["image_b"])

    return lambda: {name: float(value) for name, value in train_step(batch).items()}


def _scaled(case: Case, image: tf.Tensor) -> tf.Tensor:
    """uint8 images -> float32 in the generator's range: [0, 1] after a sigmoid, else [-1, 1]."""
    image = tf.cast(image, tf.float32)
    return image / 255.0 if case.name == "wgan_gp" else image / 127.5 - 1.0
