"""Unpacks libtorch from Python wheels: python3 scripts/libtorch/unpack.py --cpu|--cuda WHEELS LIBTORCH

WHEELS is the folder of downloaded wheels, LIBTORCH the folder to make: `include/`, `lib/` with every library side by
side (their own search paths end in the folder that they are in), `licenses/`, and `build-version`, which torch-sys checks.
Needs nothing beyond the standard library of Python 3.8.
"""

import re
import shutil
import sys
import zipfile
from pathlib import Path, PurePosixPath

# Parts of PyTorch that are of use to Python alone.
PYTHON_ONLY = {"libtorch_python", "libtorch_global_deps", "libshm"}
# Parts that need the NVIDIA libraries; `libtorch` is an empty shell around libtorch_cuda.
CUDA_ONLY = {"libtorch", "libtorch_cuda", "libtorch_cuda_linalg", "libtorch_nvshmem", "libc10_cuda", "libcaffe2_nvrtc"}
# What libtorch_cpu is linked to in a CUDA build.
NVIDIA_FOR_CPU = {"libcudart", "libcupti"}


def destination(member: str, cuda: bool) -> "PurePosixPath | None":
    """Where in libtorch/ a file of a wheel belongs; None if it is not needed."""
    path = PurePosixPath(member)
    if path.parts[:2] == ("torch", "include"):
        return path.relative_to("torch")
    if re.fullmatch(r"torch-[^/]+\.dist-info/licenses/[^/]+", member):
        return PurePosixPath("licenses", path.name)
    library = path.name.split(".so")[0]
    if ".so" not in path.name or path.parent.name != "lib":
        return None
    if path.parts[0] == "torch":
        wanted = library not in PYTHON_ONLY and (cuda or library not in CUDA_ONLY)
    else:
        wanted = path.parts[0] == "nvidia" and (cuda or library in NVIDIA_FOR_CPU)
    return PurePosixPath("lib", path.name) if wanted else None


def unpack(wheel: Path, libtorch: Path, cuda: bool) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            place = None if member.is_dir() else destination(member.filename, cuda)
            if place is None:
                continue
            target = libtorch.joinpath(*place.parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, open(target, "xb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)


def main() -> None:
    variant, wheels, libtorch = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    for wheel in sorted(wheels.glob("*.whl")):
        unpack(wheel, libtorch, cuda=variant == "--cuda")
    # The linker looks for the name without a version.
    (libtorch / "lib" / "libgomp.so").symlink_to("libgomp.so.1")
    (version,) = (wheel.name.split("-")[1] for wheel in wheels.glob("torch-*.whl"))
    (libtorch / "build-version").write_text(version + "\n")


main()
