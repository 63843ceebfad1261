#!/usr/bin/env python3
"""Makes tests/golden/features/: features of torchvision's ResNet-50 with weights and crops that a formula gives.

    python3 scripts/golden/features.py

Made with torch 2.11.0, torchvision 0.26.0, numpy 2, safetensors 0.8. Weights of 100 MB cannot be committed, so both
sides make them: number i of tensor t is `mix(fnv1a(t) + i)`, whose upper 24 bits become an exact f32 in [0, 1).
`src/head/tests/torchvision.rs` makes the same ones, and the SHA-256 over all of them shows that they are.
"""

import hashlib
import pathlib

import numpy as np
import torch
import torchvision
from safetensors.numpy import save_file

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SIZES = [224, 224, 96]


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def mix(name, count):
    """`count` f32 in [0, 1): the finaliser of MurmurHash3 over a counter."""
    value = np.arange(count, dtype=np.uint32) + np.uint32(fnv1a(name))
    value ^= value >> 16
    value *= np.uint32(0x85EBCA6B)
    value ^= value >> 13
    value *= np.uint32(0xC2B2AE35)
    value ^= value >> 16
    return (value >> 8).astype(np.float32) / np.float32(1 << 24)


def values(name, shape):
    """Kaiming-sized convolutions; BatchNorms that are far from 0 and 1."""
    unit = mix(name, int(np.prod(shape))).reshape(shape)
    centred = unit * np.float32(2) - np.float32(1)
    if len(shape) == 4:
        fan_in = shape[1] * shape[2] * shape[3]
        return centred * np.float32(np.sqrt(6 / fan_in))
    if name.endswith(("running_var", "weight")):
        return unit + np.float32(0.5)
    return centred * np.float32(0.25)


def crop(number, size):
    """Blocks of 8 × 8 pixels of one colour, so that the crop has structure at the scale of a photo's."""
    side = size // 8
    blocks = (mix(f"crop{number}", side * side * 3) * np.float32(256)).astype(np.uint8).reshape(side, side, 3)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)


def flatten_logit(network, image):
    """Linear(2048·3·3, 1) on the flattened map, in f64, with weights that the formula gives."""
    stages = [network.conv1, network.bn1, network.relu, network.maxpool]
    stages += [network.layer1, network.layer2, network.layer3, network.layer4]
    for stage in stages:
        image = stage(image)
    row = torch.flatten(image, 1)[0].numpy().astype(np.float64)
    return np.array([row @ values("head", row.shape).astype(np.float64)])


def main():
    out = pathlib.Path(__file__).parent.parent.parent / "tests" / "golden" / "features"
    out.mkdir(parents=True, exist_ok=True)
    network = torchvision.models.resnet50(weights=None)
    network.fc = torch.nn.Identity()
    state, sha = {}, hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            continue
        array = values(name, tuple(tensor.shape))
        sha.update(name.encode() + array.astype("<f4").tobytes())
        state[name] = torch.from_numpy(array)
    network.load_state_dict(state, strict=False)
    network.eval()
    rows = []
    with torch.inference_mode():
        for number, size in enumerate(SIZES):
            image = torch.from_numpy(crop(number, size)).permute(2, 0, 1).float() / 255
            image = torchvision.transforms.functional.normalize(image, MEAN, STD)
            rows.append(network(image[None])[0].numpy())
        logit = flatten_logit(network, image[None])  # of the last crop, the small one
    features = np.stack(rows)
    print("features", features.shape, "mean", features.mean(1), "deviation", features.std(1))
    facts = {"weights_sha256": sha.hexdigest(), "torch": torch.__version__, "torchvision": torchvision.__version__}
    save_file({"features": features, "flatten_logit": logit}, out / "features.safetensors", metadata=facts)


if __name__ == "__main__":
    main()
