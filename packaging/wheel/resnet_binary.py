"""Starts the program with the libraries of the installed PyTorch, be it for the CPU or for CUDA."""

import importlib.metadata
import importlib.util
import os
import pathlib
import sys

# The PyTorch whose libraries the program was compiled against; those of another have other functions.
SERIES = "2.11"


def main():
    remedy = f"hint: run `{sys.executable} -m pip install 'torch=={SERIES}.*'`"
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        sys.exit(f"error: this Python has no PyTorch\n{remedy}")
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        # Built by its user; `resnet-binary doctor` looks at the library itself.
        version = SERIES
    if version.split(".")[:2] != SERIES.split("."):
        sys.exit(f"error: this Python has PyTorch {version}, and resnet-binary needs {SERIES}\n{remedy}")
    site = pathlib.Path(torch.origin).parent.parent
    folders = [site / "torch/lib", *sorted(site.glob("nvidia/*/lib"))]
    given = os.environ.get("LD_LIBRARY_PATH")
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join([*map(str, folders), *([given] if given else [])])
    program = pathlib.Path(__file__).with_name("resnet-binary")
    os.execv(program, ["resnet-binary", *sys.argv[1:]])
