"""Writes tests/golden/facts/: small photos with known facts, and what Pillow says of them.

    python3 scripts/golden/facts.py

Made with Pillow 13.0.0 and NumPy 2.4.6. Pillow saves JPEGs through libjpeg-turbo with libjpeg's own tables, so the quality
that was asked for is the one to be found. Luma is Pillow's `convert("L")`, the thumbnail its `resize` with a box filter;
every picture is 64 pixels a side, so that a crop of 64 is the picture itself.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageStat

FOLDER = Path(__file__).resolve().parent.parent.parent / "tests" / "golden" / "facts"
MAKE, MODEL = 271, 272


def picture(seed):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC), dtype=np.int16)
    return Image.fromarray((smooth + rng.integers(-8, 9, (64, 64, 3))).clip(0, 255).astype(np.uint8))


def exif(make, model, endian="<"):
    tags = Image.Exif()
    tags.endian = endian
    if make is not None:
        tags[MAKE] = make
    if model is not None:
        tags[MODEL] = model
    return tags


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    cases = []

    def case(name, seed, camera, written_at, **options):
        picture(seed).save(FOLDER / name, **options)
        image = Image.open(FOLDER / name)
        grey = image.convert("L")
        statistic = ImageStat.Stat(grey)
        cases.append({
            "file": name,
            "quality": written_at,
            "camera": camera,
            "brightness": statistic.mean[0] / 255,
            "contrast": statistic.stddev[0] / 255,
            "thumbnail": grey.resize((32, 32), Image.Resampling.BOX).tobytes().hex(),
        })

    for quality in [1, 7, 25, 49, 50, 51, 75, 90, 95, 99, 100]:
        case(f"quality{quality}.jpg", quality, None, quality, quality=quality, subsampling=quality % 3)
    case("progressive.jpg", 101, None, 60, quality=60, progressive=True, optimize=True)
    for endian, name in (("<", "little"), (">", "big")):
        tags = exif("Canon", "Canon EOS 5D", endian)
        case(f"{name}.jpg", 102, "Canon EOS 5D", 80, quality=80, exif=tags)
        case(f"{name}.png", 103, "Canon EOS 5D", None, exif=tags)
        case(f"{name}.webp", 104, "Canon EOS 5D", None, exif=tags, lossless=True)
    case("make_and_model.jpg", 105, "NIKON E990", 80, quality=80, exif=exif("NIKON", "E990"))
    case("model_only.jpg", 106, "DSC", 80, quality=80, exif=exif(None, "DSC"))
    case("camera.tiff", 107, "SONY DSC-F828", None, tiffinfo={MAKE: "SONY", MODEL: "DSC-F828"})
    (FOLDER / "golden.json").write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")


main()
