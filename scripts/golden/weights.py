#!/usr/bin/env python3
"""Small weights files as PyTorch itself writes them, and hostile ones, into tests/golden/weights.

Needs torch and safetensors (made with torch 2.11.0, safetensors 0.8).
expected.json holds the numbers of state.* as Python sees them.
"""
import collections, json, os, pathlib, pickle
import torch
from safetensors.torch import save_file

out = pathlib.Path(__file__).parent.parent.parent / "tests" / "golden" / "weights"
out.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)

base = torch.randn(4, 6)
state = collections.OrderedDict(
    [
        ("plain", torch.randn(2, 3)),
        ("transposed", base.t()),
        ("slice", base[1:3, ::2]),
        ("half", torch.randn(3).half()),
        ("brain", torch.randn(3).bfloat16()),
        ("counter", torch.tensor(7)),
        ("parameter", torch.nn.Parameter(torch.randn(2))),
        ("expanded", torch.tensor([1.5]).expand(2, 2)),
    ]
)
state._metadata = {"": {"version": 2}}
torch.save(state, out / "state.zip.pth")
torch.save(state, out / "state.legacy.pth", _use_new_zipfile_serialization=False)
save_file({name: tensor.detach().contiguous() for name, tensor in state.items()}, out / "state.safetensors")
torch.save({"epoch": 3, "state_dict": {"module." + name: tensor for name, tensor in state.items()}}, out / "checkpoint.pth")
torch.save(torch.nn.Linear(2, 1), out / "module.pth")
torch.save(torch.nn.Linear(2, 1), out / "module.legacy.pth", _use_new_zipfile_serialization=False)
torch.jit.script(torch.nn.Linear(2, 1)).save(out / "torchscript.pt")


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/owned",)


torch.save({"weight": Evil()}, out / "evil.zip.pth")
torch.save({"weight": Evil()}, out / "evil.legacy.pth", _use_new_zipfile_serialization=False)
(out / "evil.pkl").write_bytes(pickle.dumps(Evil(), protocol=2))

expected = {
    name: {"shape": list(tensor.shape), "values": tensor.detach().double().flatten().tolist()}
    for name, tensor in state.items()
}
(out / "expected.json").write_text(json.dumps({"torch": torch.__version__, "tensors": expected}, indent=1) + "\n")
