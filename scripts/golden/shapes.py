#!/usr/bin/env python3
"""Makes tests/golden/shapes/resnet50.json: what torchvision's ResNet-50 gives at every stage, and what it costs.

    pip install torch==2.11.0 torchvision==0.26.0
    python3 scripts/golden/shapes.py

Hooks on the module count: parameters by stage, output shapes without the batch axis, and the multiply-adds of every
convolution and linear layer for one image.
"""

import json
from pathlib import Path

import torch
import torchvision

FILE = Path(__file__).resolve().parent.parent.parent / "tests" / "golden" / "shapes" / "resnet50.json"
SIZES = [224, 240, 97, 32]
STAGES = ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4", "fc"]


def measure(network, size):
    shapes, multiply_adds = {}, dict.fromkeys(STAGES, 0)

    def count(stage):
        def hook(module, _, output):
            inputs = module.weight[0].numel()
            multiply_adds[stage] += output.numel() * inputs

        return hook

    def remember(stage):
        return lambda module, inputs, output: shapes.update({stage: list(output.shape)[1:]})

    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            hooks.append(module.register_forward_hook(count(name.split(".")[0])))
    for name, module in network.named_children():
        hooks.append(module.register_forward_hook(remember(name)))
    with torch.no_grad():
        network(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return {stage: {"output": shapes[stage], "multiply_adds": multiply_adds[stage]} for stage in STAGES}


def main():
    network = torchvision.models.resnet50(weights=None).eval()
    parameters = dict.fromkeys(STAGES, 0)
    for name, child in network.named_children():
        # The stem's BatchNorm counts with its convolution.
        stage = "conv1" if name == "bn1" else name
        if stage in parameters:
            parameters[stage] += sum(tensor.numel() for tensor in child.parameters())
    statistics = sum(tensor.numel() for name, tensor in network.named_buffers() if "running" in name)
    golden = {
        "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
        "parameters": parameters,
        "running_statistics": statistics,
        "sizes": {str(size): measure(network, size) for size in SIZES},
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(golden, indent=1) + "\n")


main()
