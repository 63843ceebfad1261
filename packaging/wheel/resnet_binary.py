"""Starts the program with the libraries of the installed PyTorch, be it for the CPU or for CUDA."""

import importlib.util
import os
import pathlib
import sys


def main():
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        sys.exit("error: this Python has no PyTorch\nhint: run `pip install 'torch==2.11.*'`")
    site = pathlib.Path(torch.origin).parent.parent
    folders = [site / "torch/lib", *sorted(site.glob("nvidia/*/lib"))]
    given = os.environ.get("LD_LIBRARY_PATH")
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join([*map(str, folders), *([given] if given else [])])
    program = pathlib.Path(__file__).with_name("resnet-binary")
    os.execv(program, ["resnet-binary", *sys.argv[1:]])
