#!/usr/bin/env python3
"""Makes tests/golden/pixels/: small image files and what Pillow and torchvision make of them.

    python3 scripts/make_pixel_goldens.py

Made with Pillow 13.0.0 (libjpeg-turbo 3.2.0), torchvision 0.26.0, torch 2.11.0, numpy 2; all images are made here, none is a photo.
`golden.json` lists one case a row:

  file                the image file
  width, height       upright size
  pixels_sha256       SHA-256 of Pillow's upright RGB pixels
  resize, crop        the transform: Resize(resize), CenterCrop(crop)
  crop_file           torchvision's crop of Pillow's pixels, as a PNG
  normalised_sha256   SHA-256 of ToTensor + Normalize of that crop, f32 little-endian [3, crop, crop]

A case without `resize` is about decoding only.
"""

import hashlib
import io
import json
import pathlib
import struct
import zlib

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image, ImageOps, PngImagePlugin
from torchvision import transforms

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "pixels"
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
cases = []


def picture(width, height, channels=3, strength=60):
    """Edges, gradients and noise; asymmetric, so that every orientation differs."""
    rng = np.random.default_rng([width, height, channels])
    y, x = np.mgrid[0:height, 0:width]
    levels = np.stack([(x * 255 // max(width - 1, 1)), (y * 255 // max(height - 1, 1)), ((x // 3 + y // 2) % 2) * 255], -1)
    levels = levels[..., np.arange(channels) % 3]
    noise = rng.integers(-strength, strength + 1, levels.shape)
    return np.clip(levels + noise, 0, 255).astype(np.uint8)


def stripes(width, height):
    """Black and white lines of every direction: the hardest levels to interpolate, and they compress well."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(x % 5 < 2) * 255, (y % 3 == 0) * 255, ((x + y) % 7 < 3) * 255], -1).astype(np.uint8)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color_type, rows, chunks=b"", trailing=b""):
    """A PNG with any depth and chunks, which Pillow cannot write. `rows`: packed bytes, one row each."""
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows), 9)
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + chunks + png_chunk(b"IDAT", data) + trailing
            + png_chunk(b"IEND", b""))


def exif(orientation, order="<"):
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def xmp(orientation):
    return (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/></rdf:RDF></x:xmpmeta>'
            % orientation)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_png(name, pixels):
    Image.fromarray(pixels).save(FOLDER / name, "PNG", optimize=True)


def case(name, content, resize=None, crop=None, pixels=None):
    """One row. `pixels` replaces Pillow's answer where this project deliberately differs."""
    (FOLDER / name).write_bytes(content)
    image = Image.open(io.BytesIO(content))
    image = ImageOps.exif_transpose(image).convert("RGB") if pixels is None else Image.fromarray(pixels)
    levels = np.asarray(image)
    row = {"file": name, "width": image.width, "height": image.height}
    row["pixels_sha256"] = hashlib.sha256(levels.tobytes()).hexdigest()
    if resize:
        result = transforms.Compose([transforms.Resize(resize), transforms.CenterCrop(crop)])(image)
        tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])(result)
        row |= {"resize": resize, "crop": crop, "crop_file": f"{name}.{resize}-{crop}.png"}
        write_png(row["crop_file"], np.asarray(result))
        row["normalised_sha256"] = hashlib.sha256(tensor.numpy().astype("<f4").tobytes()).hexdigest()
    cases.append(row)


def geometry_cases():
    sizes = [(1, 1), (1, 7), (9, 1), (2, 3), (31, 17), (18, 18), (40, 27), (22, 33), (3, 120), (130, 2)]
    for width, height in sizes:
        case(f"size_{width}x{height}.png", saved(Image.fromarray(picture(width, height)), "PNG"), 18, 15)
    case("crop_larger_than_image.png", saved(Image.fromarray(picture(13, 19)), "PNG"), 10, 17)
    case("crop_one_side_larger.png", saved(Image.fromarray(picture(31, 13)), "PNG"), 10, 17)
    case("odd_spare_rounds_to_even.png", saved(Image.fromarray(picture(33, 20)), "PNG"), 19, 14)
    case("default_from_stripes_480x384.png", saved(Image.fromarray(stripes(480, 384)), "PNG", optimize=True), 256, 224)
    case("default_from_2x3.png", saved(Image.fromarray(picture(2, 3)), "PNG"), 256, 224)


def png_cases():
    rows = picture(13, 6, 1)[..., 0]
    palette = picture(16, 16).reshape(-1, 3)
    for depth in (1, 2, 4):
        packed = []
        for row in rows >> (8 - depth):
            bits = "".join(format(value, f"0{depth}b") for value in row)
            packed.append(int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big"))
        case(f"png_grey{depth}.png", png(13, 6, depth, 0, packed))
        colours = png_chunk(b"PLTE", palette[: 1 << depth].tobytes())
        case(f"png_palette{depth}.png", png(13, 6, depth, 3, packed, colours))
        case(f"png_palette{depth}_transparent.png", png(13, 6, depth, 3, packed, colours + png_chunk(b"tRNS", b"\0\x80")))
    colours = png_chunk(b"PLTE", palette.tobytes())
    case("png_palette8_transparent.png", png(13, 6, 8, 3, rows, colours + png_chunk(b"tRNS", bytes(range(0, 250, 5)))))
    case("png_grey8_transparent.png", png(13, 6, 8, 0, rows, png_chunk(b"tRNS", struct.pack(">H", int(rows[0, 0])))))
    for name, color_type, channels in (("grey_alpha", 4, 2), ("rgba", 6, 4)):
        case(f"png_{name}8.png", png(13, 6, 8, color_type, picture(13, 6, channels).reshape(6, -1)))
    for name, color_type, channels in (("grey_alpha", 4, 2), ("rgb", 2, 3), ("rgba", 6, 4)):
        wide = (picture(13, 6, channels).astype(">u2") * 256 + picture(6, 13, channels).reshape(6, 13, channels)).astype(">u2")
        case(f"png_{name}16.png", png(13, 6, 16, color_type, [row.tobytes() for row in wide]))
    wide = rows.astype(">u2") * 256 + 200
    # Pillow clips 16-bit grey at 255; the upper 8 bits are what the photo shows.
    case("png_grey16.png", png(13, 6, 16, 0, [row.astype(">u2").tobytes() for row in wide]),
         pixels=np.repeat(rows[..., None], 3, -1))


def orientation_cases():
    image = Image.fromarray(picture(8, 5))
    rows = [row.tobytes() for row in np.asarray(image)]
    blocks = Image.fromarray(picture(3, 2)).resize((24, 16), Image.Resampling.NEAREST)
    for orientation in range(1, 9):
        order = "<>"[orientation % 2]
        block = exif(orientation, order)
        case(f"orientation{orientation}.jpg", saved(blocks, "JPEG", quality=95, optimize=True, subsampling=0, exif=b"Exif\0\0" + block))
        case(f"orientation{orientation}.png", png(8, 5, 8, 2, rows, png_chunk(b"eXIf", block)), 9, 6)
        case(f"orientation{orientation}.webp", saved(image, "WEBP", lossless=True, exif=b"Exif\0\0" + block))
        case(f"orientation{orientation}.tiff", saved(image, "TIFF", tiffinfo={274: orientation}))
    case("orientation6_invalid9.png", png(8, 5, 8, 2, rows, png_chunk(b"eXIf", exif(9))))
    case("orientation6_after_pixels.png", png(8, 5, 8, 2, rows, trailing=png_chunk(b"eXIf", exif(6))))
    text = PngImagePlugin.PngInfo()
    block = b"Exif\0\0" + exif(6)
    digits = block.hex()
    lines = "\n".join(digits[start:start + 72] for start in range(0, len(digits), 72))
    text.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{lines}\n", zip=True)
    case("orientation6_raw_profile.png", saved(image, "PNG", pnginfo=text))
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp(6).decode())
    case("orientation6_xmp.png", saved(image, "PNG", pnginfo=text))
    case("orientation6_xmp.jpg", saved(blocks, "JPEG", quality=95, optimize=True, subsampling=0, xmp=xmp(6)))
    case("orientation6_xmp.webp", saved(image, "WEBP", lossless=True, xmp=xmp(6)))


def huffman_codes(tables):
    """Symbol -> (code, length) for each table of the DHT segments of a file."""
    codes = {}
    while tables:
        kind, counts, place, code = tables[0], tables[1:17], 17, 0
        codes[kind] = {}
        for length, count in enumerate(counts, 1):
            for _ in range(count):
                codes[kind][tables[place]] = (code, length)
                place, code = place + 1, code + 1
            code <<= 1
        tables = tables[place:]
    return codes


def drawn_jpeg(samplings, scans, width=45, height=37, restart=0, tables=True, adobe=None, seed=0):
    """A sequential JPEG of random coefficients, of any samplings and scans, which Pillow cannot write."""
    plain = saved(Image.fromarray(picture(16, 16)), "JPEG")
    segments, at = [], 2
    while plain[at + 1] != 0xDA:
        length = int.from_bytes(plain[at + 2 : at + 4], "big")
        segments.append((plain[at + 1], plain[at + 4 : at + 2 + length]))
        at += 2 + length
    codes = huffman_codes(b"".join(content for marker, content in segments if marker == 0xC4))
    segment = lambda marker, content: bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content
    across, down = max(h for h, _ in samplings), max(v for _, v in samplings)
    frame = struct.pack(">BHHB", 8, height, width, len(samplings))
    frame += b"".join(bytes([number + 1, h * 16 + v, 0]) for number, (h, v) in enumerate(samplings))
    kept = [segment(marker, content) for marker, content in segments if marker == 0xDB or (marker == 0xC4 and tables)]
    out = b"\xff\xd8" + (segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([adobe])) if adobe is not None else b"")
    out += b"".join(kept) + segment(0xC0, frame) + (segment(0xDD, struct.pack(">H", restart)) if restart else b"")
    random = np.random.default_rng(seed)
    ceil = lambda a, b: -(-a // b)

    def number(value):
        size = int(abs(value)).bit_length()
        return size, format(value if value > 0 else value + (1 << size) - 1, f"0{size}b") if size else ""

    for scan in scans:
        out += segment(0xDA, bytes([len(scan)]) + b"".join(bytes([part + 1, 0]) for part in scan) + b"\0\x3f\0")
        if len(scan) == 1:
            h, v = samplings[scan[0]]
            mcus = ceil(ceil(width * h, across), 8) * ceil(ceil(height * v, down), 8)
        else:
            mcus = ceil(width, 8 * across) * ceil(height, 8 * down)
        bits, means = "", dict.fromkeys(scan, 0)
        for mcu in range(mcus):
            if restart and mcu and mcu % restart == 0:
                out += packed(bits) + bytes([0xFF, 0xD0 + (mcu // restart - 1) % 8])
                bits, means = "", dict.fromkeys(scan, 0)
            for part in scan:
                h, v = samplings[part] if len(scan) > 1 else (1, 1)
                for _ in range(h * v):
                    mean = int(random.integers(-40, 40))
                    size, value = number(mean - means[part])
                    means[part] = mean
                    code, length = codes[0][size]
                    bits += format(code, f"0{length}b") + value
                    for level in random.integers(-3, 4, random.integers(0, 6)):
                        size, value = number(int(level) or 1)
                        code, length = codes[0x10][16 * int(random.integers(0, 3)) + size]
                        bits += format(code, f"0{length}b") + value
                    code, length = codes[0x10][0]
                    bits += format(code, f"0{length}b")
        out += packed(bits)
    return out + b"\xff\xd9"


def packed(bits):
    """Filled up with ones, a zero stuffed behind each 0xff."""
    bits = bits.ljust(-(-len(bits) // 8) * 8, "1")
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def drawn_jpeg_cases():
    """What libjpeg makes of samplings, scans and colours that few programs write."""
    one, three, four = [[0]], [[0, 1, 2]], [[0, 1, 2, 3]]
    samplings = {"444": [(1, 1)] * 3, "422": [(2, 1), (1, 1), (1, 1)], "420": [(2, 2), (1, 1), (1, 1)],
                 "440": [(1, 2), (1, 1), (1, 1)], "411": [(4, 1), (1, 1), (1, 1)], "410": [(4, 2), (1, 1), (1, 1)],
                 "mixed": [(2, 2), (2, 1), (1, 2)], "441": [(1, 4), (1, 1), (1, 1)]}
    for name, sampling in samplings.items():
        case(f"jpeg_drawn_{name}.jpg", drawn_jpeg(sampling, three))
        case(f"jpeg_drawn_{name}_scans.jpg", drawn_jpeg(sampling, [[0], [2], [1]], width=33, height=50))
    case("jpeg_drawn_grey_2x2.jpg", drawn_jpeg([(2, 2)], one))
    case("jpeg_drawn_two_scans.jpg", drawn_jpeg(samplings["420"], [[0], [1, 2]]))
    case("jpeg_drawn_restarts.jpg", drawn_jpeg(samplings["420"], three, width=200, restart=1))
    case("jpeg_drawn_restarts_scans.jpg", drawn_jpeg(samplings["422"], [[0], [1], [2]], width=60, restart=3))
    case("jpeg_drawn_without_huffman_tables.jpg", drawn_jpeg(samplings["422"], three, tables=False))
    case("jpeg_drawn_adobe_rgb.jpg", drawn_jpeg(samplings["444"], three, adobe=0))
    case("jpeg_drawn_cmyk.jpg", drawn_jpeg([(1, 1)] * 4, four, adobe=0))
    case("jpeg_drawn_ycck.jpg", drawn_jpeg([(2, 2), (1, 1), (1, 1), (2, 2)], four, adobe=2))
    for width, height in ((1, 1), (2, 2), (3, 3), (5, 1), (1, 9), (16, 16), (17, 17)):
        case(f"jpeg_drawn_{width}x{height}.jpg", drawn_jpeg(samplings["420"], three, width=width, height=height))


def other_format_cases():
    image, rgba = Image.fromarray(picture(15, 11)), Image.fromarray(picture(15, 11, 4))
    smooth = Image.fromarray(picture(8, 6, strength=10)).resize((24, 18), Image.Resampling.BICUBIC)
    case("jpeg_444.jpg", saved(smooth, "JPEG", quality=90, optimize=True, subsampling=0))
    case("jpeg_420.jpg", saved(smooth, "JPEG", quality=90, optimize=True, subsampling=2))
    case("jpeg_422.jpg", saved(smooth, "JPEG", quality=90, optimize=True, subsampling=1))
    case("jpeg_progressive.jpg", saved(smooth, "JPEG", quality=90, optimize=True, progressive=True, subsampling=0))
    case("jpeg_restarts.jpg", saved(smooth, "JPEG", quality=90, optimize=True, restart_marker_blocks=1, subsampling=0))
    case("jpeg_grey.jpg", saved(smooth.convert("L"), "JPEG", quality=90, optimize=True))
    case("jpeg_cmyk.jpg", saved(smooth.convert("CMYK"), "JPEG", quality=90, optimize=True))
    case("jpeg_trailing_bytes.jpg", saved(smooth, "JPEG", quality=90, optimize=True, subsampling=0) + b"more" * 9)
    case("jpeg_rgb.jpg", saved(smooth, "JPEG", quality=90, keep_rgb=True))
    case("jpeg_odd_420.jpg", saved(Image.fromarray(picture(35, 19, strength=30)), "JPEG", quality=85, subsampling=2), 18, 15)
    case("jpeg_odd_422_progressive.jpg", saved(Image.fromarray(picture(37, 41, strength=30)), "JPEG", quality=85,
         progressive=True, subsampling=1), 18, 15)
    case("jpeg_narrow_420.jpg", saved(Image.fromarray(picture(3, 50)), "JPEG", quality=95, subsampling=2), 18, 15)
    case("jpeg_strong.jpg", saved(Image.fromarray(stripes(64, 48)), "JPEG", quality=100, subsampling=2), 36, 32)
    case("jpeg_default_420.jpg", saved(Image.fromarray(stripes(480, 384)), "JPEG", quality=60, subsampling=2), 256, 224)
    drawn_jpeg_cases()
    case("webp_lossless.webp", saved(image, "WEBP", lossless=True))
    case("webp_alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True))
    frames = [Image.fromarray(picture(15, 11)), Image.fromarray(picture(11, 15)).resize((15, 11))]
    case("webp_animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    case("gif_animated.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    case("gif_interlaced.gif", saved(frames[0], "GIF", interlace=1))
    indexed = frames[0].quantize(16)
    case("gif_transparent.gif", saved(indexed, "GIF", transparency=3))
    # A screen larger than its frame, by hand: bytes 6 to 9 are the screen's size, 15 x 11 becomes 17 x 12.
    content = bytearray(saved(indexed, "GIF", transparency=3))
    content[6:10] = struct.pack("<HH", 17, 12)
    case("gif_frame_smaller_than_screen.gif", bytes(content))
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        case(f"tiff_{compression}.tiff", saved(image, "TIFF", compression=compression))
    case("tiff_grey.tiff", saved(image.convert("L"), "TIFF"))
    case("tiff_bilevel.tiff", saved(image.convert("1"), "TIFF"))
    case("tiff_cmyk.tiff", saved(image.convert("CMYK"), "TIFF"))
    case("tiff_rgba.tiff", saved(rgba, "TIFF"))
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        source = rgba if mode == "RGBA" else indexed if mode == "P" else image.convert(mode)
        case(f"bmp_{mode}.bmp", saved(source, "BMP"))
    for mode in ("1", "L", "RGB"):
        case(f"pnm_{mode}.pnm", saved(image.convert(mode), "PPM"))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    geometry_cases()
    png_cases()
    orientation_cases()
    other_format_cases()
    versions = {"pillow": PIL.__version__, "torchvision": torchvision.__version__, "torch": torch.__version__}
    rows = ",\n".join("    " + json.dumps(row) for row in cases)
    text = '{\n  "made_by": "scripts/make_pixel_goldens.py",\n  "versions": %s,\n  "cases": [\n%s\n  ]\n}\n'
    (FOLDER / "golden.json").write_text(text % (json.dumps(versions), rows))
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(cases)} cases, {len(list(FOLDER.iterdir()))} files, {size} bytes in {FOLDER}")


if __name__ == "__main__":
    main()
