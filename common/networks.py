"""Calling trained networks, and the cache of the networks that measure (judges and evaluators)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common.errors import out_of_memory, say
from common.files import atomic, make_folder, remove, write_json
from common.game import to_uint8

AT_ONCE = 256  # images per call: more would need more memory


def predict_images(network: keras.Model, inputs: Sequence[np.ndarray], low: float = -1.0,
                   high: float = 1.0) -> np.ndarray:
    """A generator's images for some inputs, [N, ...] each: uint8 [N, H, W, 3].

    Args:
        network: gives images [N, H, W, 3] in [low, high].
        inputs: of the network, in its order.
        low, high: the range; values outside are clipped.
    """
    parts = []
    for start in range(0, len(inputs[0]), AT_ONCE):
        part = [values[start:start + AT_ONCE] for values in inputs]
        parts.append(to_uint8(network.predict_on_batch(part if len(part) > 1 else part[0]), low, high).numpy())
    return np.concatenate(parts)


def float32_twin(network: keras.Model) -> keras.Model:
    """The same network with the same weights, computing in float32."""
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("class_name") == "DTypePolicy":
                return {**value, "config": {"name": "float32"}}
            return {key: plain(part) for key, part in value.items()}
        return type(value)(map(plain, value)) if isinstance(value, list | tuple) else value

    twin = type(network).from_config(plain(network.get_config()))
    twin.set_weights(network.get_weights())
    return twin


def cached(home: Path, kind: str, keys: set[str],
           make: Callable[[], tuple[keras.Model, dict[str, Any]]]) -> tuple[keras.Model, dict[str, Any]]:
    """A network and its card from a folder of the cache; if they are missing or damaged, `make` makes both.

    Args:
        home: the folder; its name identifies what the network was made from.
        kind: "judge", for the files' names and for messages.
        keys: the keys that the card must have.
        make: returns the network and its card, ready for JSON. `sha256` of the weights is added to the card, and in the
            file `card_sha256` of the whole card.
    """
    file, card = home / f"{kind}.keras", home / f"{kind}.json"
    try:
        known = json.loads(card.read_text(encoding="utf-8"))
        network = keras.saving.load_model(file, compile=False)
        stored = known.pop("card_sha256", None)  # older cards have no digest and are accepted as they are
        whole = stored in (None, _digest(known))
        if whole and known["sha256"] == fingerprint(network) and known.keys() >= keys:
            return network, known
        say(f"note: {home} is damaged; the {kind} is trained anew")
    except FileNotFoundError:
        pass
    except Exception as error:  # see sampling.load_network
        if out_of_memory(error):
            raise
        say(f"note: {home} is damaged; the {kind} is trained anew")
    if os.path.lexists(home) and not home.is_dir():
        remove(home)
    for path in (file, card):
        if path.is_dir():  # a file is replaced, a folder is not; another process may write here too
            remove(path)
    make_folder(home, "GAN_REPORTS_CACHE")
    network, known = make()
    known = {"sha256": fingerprint(network), **known}
    with atomic(file) as temporary:
        network.save(temporary)
    write_json(card, {**known, "card_sha256": _digest(known)})
    return network, known


def _digest(card: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(card).encode()).hexdigest()


def fingerprint(network: keras.Model) -> str:
    """sha256 of the weights; the digest of a file would change with the date that Keras writes into it."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(w).tobytes() for w in network.get_weights())).hexdigest()
