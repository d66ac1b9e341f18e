"""Colour tags as one sentence, and sentences as skip-thoughts vectors (Kiros et al. 2015, arXiv:1506.06726).

A vector comes from one of three places: a file of given ones, the published encoder, or an encoder of the same kind
that was never trained (random encoders are a known baseline: Wieting and Kiela 2019, arXiv:1901.10444).
"""

from __future__ import annotations

import codecs
import functools
import hashlib
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.anime import tags
from common.errors import StorageError, UserError, reason, say
from common.files import atomic, regular
from common.runs import Run

if TYPE_CHECKING:
    import pandas

FILE = "sentences.npz"  # in the run folder: the vectors that the run uses
WORD, SENTENCE = 620, 2400
SEED = 0                # of the untrained encoder, in every run: another --seed is another GAN on the same vectors
PAIRS = tuple(f"{hair} hair {eyes} eyes" for hair in tags.HAIR for eyes in tags.EYES)


@dataclass(frozen=True)
class Sentences:
    """Phrases and their vectors, float32 [P, D] of length 1."""

    phrases: list[str]
    vectors: np.ndarray

    def index(self, phrases: Iterable[str]) -> np.ndarray:
        """The row of each phrase, int32 [N]; -1 for one that has none."""
        row = {phrase: number for number, phrase in enumerate(self.phrases)}
        return np.array([row.get(phrase, -1) for phrase in phrases], np.int32)

    def of_pairs(self, hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
        """Indices into tags.HAIR and tags.EYES, [N] -> float32 [N, D], of "blue hair red eyes"."""
        rows = self.index(PAIRS)
        return self.vectors[rows[np.asarray(hair) * len(tags.EYES) + np.asarray(eyes)]]

    def save(self, path: Path) -> None:
        """Writes phrases and vectors to a .npz file, completely or not at all."""
        with atomic(path) as temporary:
            np.savez(temporary, phrases=np.array(self.phrases), vectors=self.vectors)

    def digest(self) -> str:
        """sha256 of phrases and vectors."""
        return hashlib.sha256("\n".join(self.phrases).encode() + self.vectors.tobytes()).hexdigest()

    @classmethod
    def open(cls, path: Path) -> Sentences:
        """Reads what `save` wrote. Raises StorageError where it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(file["phrases"].tolist(), file["vectors"])
        except Exception as error:  # NumPy may raise anything for other files
            raise StorageError(f"{path}: cannot be read ({reason(error)}); train the run anew with --overwrite") \
                from None


def phrases(table: pandas.DataFrame) -> list[str]:
    """Each row's colour tags joined to one sentence, hair first, as in the report: "blue hair red eyes"."""
    names = np.array(tags.COLOURS)
    return [" ".join(names[row]) for row in tags.multi_hot(table, 23).astype(bool)]


def load(run: Run, wanted: Sequence[str], vectors: Path | None, encoder: Path | None) -> Sentences:
    """The vectors of the wanted phrases and of all pairs of colours, kept in the run folder from its first start on.

    Args:
        run: is told where they come from.
        wanted: phrases of the data; with `vectors`, those that the file lacks stay without a vector.
        vectors: `vectors.npy` [P, D] with `phrases.txt` beside it, a line a row.
        encoder: folder of the published encoder. With neither: the untrained one.

    Raises:
        UserError: a source does not fit, a pair has no vector, or the run began with other vectors.
        StorageError: the vectors in the run folder are damaged.
    """
    saved = _saved(run.folder / FILE, run.recorded("text", "vectors_sha256")) if "text" in run.info else None
    made, kind = _make(run, list(dict.fromkeys([*PAIRS, *sorted(set(wanted))])), vectors, encoder)
    if saved is None:
        run.require_same("text", {"kind": kind, "vectors_sha256": made.digest()})
        run.when_training_begins(functools.partial(made.save, run.folder / FILE))
    elif saved.phrases != made.phrases or not np.allclose(saved.vectors, made.vectors, atol=1e-4):
        raise UserError(f"{run.folder}: the run there began with other sentence vectors "
                        f"({run.recorded('text', 'kind')}); "
                        "give the same --vectors or --encoder, another --out, or --overwrite")
    say(f"sentences: {len(made.phrases)} vectors of {made.vectors.shape[1]}, {kind}")
    return saved or made


def _saved(path: Path, digest: str) -> Sentences:
    found = Sentences.open(path)
    if found.digest() != digest:
        raise StorageError(f"{path}: holds other vectors than the run began with; restore it, or start anew with "
                           "--overwrite")
    return found


def _make(run: Run, needed: list[str], vectors: Path | None, encoder: Path | None) -> tuple[Sentences, str]:
    """The needed phrases' vectors from their source, and the source's name."""
    if vectors:
        given = given_vectors(vectors)
        missing = [phrase for phrase in PAIRS if phrase not in given.phrases]
        if missing:
            raise UserError(f"--vectors {vectors}: has no vector for {len(missing)} of the 132 pairs of colours, such "
                            f"as {missing[0]!r}; the sample grid and the judge need all of them; give a file that has "
                            "them")
        found = [phrase for phrase in needed if phrase in given.phrases]
        made, kind = Sentences(found, given.vectors[given.index(found)]), "given vectors"
    else:
        made = Sentences(needed, (published(encoder) if encoder else untrained(SEED)).encode(needed))
        kind = "published encoder" if encoder else "untrained encoder"
        if not encoder:
            run.substitute("no --vectors and no --encoder: sentences are encoded by a GRU encoder that was never "
                           f"trained (seed {SEED}), in place of skip-thoughts")
    if made.vectors.shape[1] != SENTENCE:
        run.substitute(f"sentence vectors of {made.vectors.shape[1]} numbers; the report's have {SENTENCE}")
    return made, kind


# ---- given vectors ----


def given_vectors(path: Path) -> Sentences:
    """Reads `--vectors`."""
    lines = path.with_name("phrases.txt")
    try:
        values, text = np.load(path, allow_pickle=False), regular(lines).read_text(encoding="utf-8-sig")
        if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating):
            raise ValueError("it is not a table of numbers [phrases, size]")
    except Exception as error:  # see Sentences.open
        raise UserError(f"--vectors {path}: cannot be read ({reason(error)}); give vectors.npy with phrases.txt "
                        "beside it") from None
    names = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if len(names) != len(values):
        raise UserError(f"--vectors {path}: has {len(values)} rows, {lines.name} {len(names)} phrases; they must agree")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{lines}: {twice[0]!r} occurs twice; remove one of the lines and its row")
    return Sentences(names, _unit(values, str(path)))


def _unit(values: np.ndarray, name: str) -> np.ndarray:
    """Rows of length 1, as skip-thoughts has them."""
    lengths = np.linalg.norm(values.astype(np.float64), axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise UserError(f"{name}: a vector is zero, NaN or infinite; fetch the file again")
    return (values / lengths).astype(np.float32)


# ---- encoders ----


class Encoder:
    """A GRU over word vectors; its last state is the sentence (Kiros et al. 2015, section 2).

    Args:
        weights: `encoder_W` [E, 2D], `encoder_b` [2D], `encoder_U` [D, 2D] of the gates r and u side by side;
            `encoder_Wx` [E, D], `encoder_bx` [D], `encoder_Ux` [D, D] of the proposal: the names of uni_skip.npz.
        words: word -> vector [E]. Raises UserError for a word it has not.
    """

    def __init__(self, weights: dict[str, np.ndarray], words: Any) -> None:
        import keras

        def reordered(gates: np.ndarray, proposal: np.ndarray) -> np.ndarray:
            reset, update = np.split(gates, 2, axis=-1)
            return np.concatenate([update, reset, proposal], axis=-1)  # the order of Keras

        self._words, (width, size) = words, weights["encoder_Wx"].shape
        recurrent = keras.layers.GRU(size, reset_after=True, dtype="float32", kernel_initializer="zeros",
                                     recurrent_initializer="zeros")
        recurrent.build((None, None, width))
        bias = reordered(weights["encoder_b"], weights["encoder_bx"])
        recurrent.set_weights([reordered(weights["encoder_W"], weights["encoder_Wx"]),
                               reordered(weights["encoder_U"], weights["encoder_Ux"]),
                               np.stack([bias, np.zeros_like(bias)])])
        self._recurrent = recurrent

    def encode(self, phrases: Sequence[str]) -> np.ndarray:
        """Phrases -> float32 [N, D], each row of length 1."""
        words = [phrase.lower().split() for phrase in phrases]
        size = self._recurrent.units
        found = np.empty((len(words), size), np.float32)
        for length in sorted({len(sentence) for sentence in words}):  # one length a pass: no padding, no mask
            rows = [row for row, sentence in enumerate(words) if len(sentence) == length]
            inputs = np.array([[self._words(word) for word in words[row]] for row in rows], np.float32)
            found[rows] = self._recurrent(inputs).numpy()
        return _unit(found, "the encoder")


def untrained(seed: int) -> Encoder:
    """An encoder of the published sizes with random weights, U(-1, 1) / sqrt(2400), and random words, N(0, 1)."""
    random, scale = np.random.default_rng(seed), SENTENCE ** -0.5
    weights = {name: (2 * random.random(shape, np.float32) - 1) * np.float32(scale)
               for name, shape in _shapes(WORD, SENTENCE).items()}

    def word(text: str) -> np.ndarray:  # of the word alone: the same whatever other words there are
        number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        return np.random.default_rng([seed, number]).standard_normal(WORD, np.float32)

    return Encoder(weights, word)


def _shapes(word: int, sentence: int) -> dict[str, tuple[int, ...]]:
    """The arrays of uni_skip.npz that make the encoder."""
    return {"encoder_W": (word, 2 * sentence), "encoder_b": (2 * sentence,), "encoder_U": (sentence, 2 * sentence),
            "encoder_Wx": (word, sentence), "encoder_bx": (sentence,), "encoder_Ux": (sentence, sentence)}


def published(folder: Path) -> Encoder:
    """The encoder as published: uni_skip.npz, dictionary.txt (a word a line) and utable.npy (a vector a line).

    A word that the dictionary lacks is its `UNK`, as in the published code.
    """
    try:
        with np.load(regular(folder / "uni_skip.npz"), allow_pickle=False) as file:
            weights = {name: np.asarray(file[name], np.float32) for name in _shapes(1, 1)}
        words = regular(folder / "dictionary.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
        table = _word_table(regular(folder / "utable.npy"))
        sizes = sorted({np.asarray(vector, np.float32).size for vector in table})
        if {name: value.shape for name, value in weights.items()} != _shapes(*weights["encoder_Wx"].shape):
            raise ValueError("the sizes of its arrays do not go together")
    except Exception as error:  # see Sentences.open
        raise UserError(f"--encoder {folder}: cannot be read ({reason(error)}); it needs uni_skip.npz, utable.npy and "
                        "dictionary.txt of the published skip-thoughts") from None
    row = {word.strip(): number for number, word in enumerate(words)}  # for a word that occurs twice, the last row
    width = weights["encoder_Wx"].shape[0]
    if len(table) != len(words) or sizes != [width] or "UNK" not in row:
        found = " or ".join(map(str, sizes[:3])) or "nothing"
        raise UserError(f"--encoder {folder}: utable.npy has {len(table)} words of {found}, dictionary.txt "
                        f"{len(words)} with{'' if 'UNK' in row else 'out'} UNK, the encoder takes words of {width}; "
                        "fetch the files again")
    return Encoder(weights, lambda word: np.ravel(table[row.get(word, row["UNK"])]))


def _word_table(path: Path) -> np.ndarray:
    """utable.npy: a plain table [V, E], which is mapped, or the published pickle of Python 2, an array of V vectors."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        with open(path, "rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            return _ArraysOnly(file, encoding="latin1").load()


class _ArraysOnly(pickle.Unpickler):
    """Unpickles NumPy arrays, and nothing that could run code."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if module.startswith("numpy") and (name in ("_reconstruct", "ndarray", "dtype")):
            return {"_reconstruct": np._core.multiarray._reconstruct, "ndarray": np.ndarray, "dtype": np.dtype}[name]
        if (module, name) == ("_codecs", "encode"):  # how newer Pythons write bytes for protocol 2
            return codecs.encode
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is not an array")
