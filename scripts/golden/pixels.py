#!/usr/bin/env python3
"""Makes tests/golden/pixels/: small image files and what Pillow and torchvision make of them.

    python3 scripts/golden/pixels.py

Made with Pillow 13.0.0 (libjpeg-turbo 3.2.0), pillow-heif 1.8.1 (libheif 1.23.6), avifenc 0.11.1 (Debian's libavif-bin),
torchvision 0.26.0, torch 2.11.0, numpy 2; all images are made here, none is a photo.
`golden.json` lists one case a row:

  file                the image file
  width, height       upright size
  pixels_sha256       SHA-256 of Pillow's upright RGB pixels
  resize, crop        the transform: Resize(resize), CenterCrop(crop)
  crop_file           torchvision's crop of Pillow's pixels, as a PNG
  stored              pixels before a crop that the file asks for, where it does
  normalised_sha256   SHA-256 of ToTensor + Normalize of that crop, f32 little-endian [3, crop, crop]

A case without `resize` is about decoding only.
"""

import hashlib
import io
import json
import pathlib
import re
import struct
import subprocess
import tempfile
import zlib

import numpy as np
import PIL
import pillow_heif
import torch
import torchvision
from PIL import Image, ImageOps, PngImagePlugin
from torchvision import transforms

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / "tests" / "golden" / "pixels"
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


def case(name, content, resize=None, crop=None, pixels=None, **more):
    """One row. `pixels` replaces Pillow's answer where this project deliberately differs."""
    (FOLDER / name).write_bytes(content)
    image = Image.open(io.BytesIO(content))
    image = ImageOps.exif_transpose(image).convert("RGB") if pixels is None else Image.fromarray(pixels)
    levels = np.asarray(image)
    row = {"file": name, "width": image.width, "height": image.height} | more
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


def box(kind, *parts, full=None):
    """A box of a HEIF file; `full` is its version, where it has one."""
    content = b"".join(parts) if full is None else bytes([full, 0, 0, 0]) + b"".join(parts)
    return struct.pack(">I", len(content) + 8) + kind + content


def numbers(form, *values):
    return struct.pack(">" + form, *values)


def grid(tiles, columns, size, properties=()):
    """Tiles, each a HEIC file of pillow-heif, as one HEIF grid (a single one plain), with more properties."""
    at = lambda tile, kind: tile.index(kind) - 4
    whole = lambda tile, kind: tile[at(tile, kind) :][: int.from_bytes(tile[at(tile, kind) :][:4], "big")]
    data = [whole(tile, b"mdat")[8:] for tile in tiles]
    extent = lambda width, height: box(b"ispe", numbers("II", width, height), full=0)
    shared = [whole(tiles[0], b"hvcC"), whole(tiles[0], b"ispe"), whole(tiles[0], b"colr")]
    count, is_grid = len(tiles), len(tiles) > 1
    primary = count + 1 if is_grid else 1
    infos = [box(b"infe", numbers("HH4sB", number + 1, 0, b"hvc1", 0), full=2) for number in range(count)]
    links = [numbers("HBBBB", number + 1, 3, 0x81, 2, 3) for number in range(count)]
    more = list(range(5, 5 + len(properties)))
    description = b""
    if is_grid:
        infos.append(box(b"infe", numbers("HH4sB", primary, 0, b"grid", 0), full=2))
        description = numbers("BBBBHH", 0, 0, count // columns - 1, columns - 1, *size)
        links.append(numbers("HBB", primary, 1 + len(more), 4) + bytes(0x80 | number for number in more))
    else:
        links = [numbers("HBBBB", 1, 3 + len(more), 0x81, 2, 3) + bytes(0x80 | number for number in more)]
    references = box(b"dimg", numbers("HH", primary, count), *(numbers("H", number + 1) for number in range(count)))

    def file(start):
        places = b""
        for number, content in enumerate(data):
            places += numbers("HHHHII", number + 1, 0, 0, 1, start, len(content))
            start += len(content)
        if is_grid:
            places += numbers("HHHHII", primary, 1, 0, 1, 0, len(description))
        meta = box(
            b"meta",
            box(b"hdlr", numbers("I4s12sB", 0, b"pict", b"", 0), full=0),
            box(b"pitm", numbers("H", primary), full=0),
            box(b"iinf", numbers("H", len(infos)), *infos, full=0),
            box(b"iprp", box(b"ipco", *shared, extent(*size), *properties),
                box(b"ipma", numbers("I", len(links)), *links, full=0)),
            box(b"iref", references, full=0) if is_grid else b"",
            box(b"idat", description),
            box(b"iloc", numbers("BBH", 0x44, 0, len(infos)), places, full=1),
            full=0,
        )
        return box(b"ftyp", b"mif1\0\0\0\0mif1heic") + meta + box(b"mdat", *data)

    return file(file(0).index(b"mdat") + 4)


def heif_case(name, content, *transform):
    """A case, and the size that its image has before it is cropped: pillow-heif pads small ones."""
    places = [at.end() + 4 for at in re.finditer(b"ispe", content)]
    sides = [struct.unpack(">II", content[at : at + 8]) for at in places]
    case(name, content, *transform, stored=max(width * height for width, height in sides))


def heif_cases():
    """HEIC as pillow-heif writes it, and what only cameras write, around its pictures."""
    pillow_heif.register_heif_opener()
    image = Image.fromarray(picture(37, 29, strength=20))
    heic = lambda image, **options: saved(image, "HEIF", **({"quality": 50} | options))
    for chroma in (420, 422, 444):
        heif_case(f"heic_{chroma}.heic", heic(image, chroma=chroma))
        for bits in (10, 12):
            pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
            deep = picture(37, 29, strength=20).astype("<u2") * 256 + picture(37, 29)
            source = pillow_heif.from_bytes("RGB;16", (37, 29), deep.astype("<u2").tobytes())
            buffer = io.BytesIO()
            source.save(buffer, quality=50, chroma=chroma)
            heif_case(f"heic_{chroma}_{bits}bits.heic", buffer.getvalue())
    heif_case("heic_lossless.heic", heic(Image.fromarray(picture(13, 6)), quality=-1, chroma=444, matrix_coefficients=0))
    heif_case("heic_alpha.heic", heic(Image.fromarray(picture(20, 18, 4))))
    heif_case("heic_grey.heic", heic(image.convert("L")))
    for matrix in (1, 6, 9):
        for is_full in (0, 1):
            heif_case(f"heic_matrix{matrix}_{is_full}.heic", heic(image, matrix_coefficients=matrix, full_range_flag=is_full))
    for width, height in ((1, 1), (2, 3), (70, 1), (65, 64)):
        heif_case(f"heic_{width}x{height}.heic", heic(Image.fromarray(picture(width, height))))
    # libheif turns pictures of odd sides, and crops at odd places, with other colours.
    even = Image.fromarray(picture(40, 30))
    for orientation in range(2, 9):
        heif_case(f"orientation{orientation}.heic", heic(even, exif=b"Exif\0\0" + exif(orientation)), 18, 15)
    # An orientation in EXIF alone is none.
    upright, six = heic(image, exif=b"Exif\0\0" + exif(1)), exif(6)[18:20]
    place = upright.index(exif(1)[10:18]) + 8
    heif_case("orientation6_exif_only.heic", upright[:place] + six + upright[place + 2 :])
    buffer = io.BytesIO()
    several = pillow_heif.from_pillow(Image.fromarray(picture(9, 8)))
    several.add_from_pillow(image)
    several.save(buffer, quality=50, primary_index=1)
    heif_case("heic_several.heic", buffer.getvalue())
    tiles = [heic(Image.fromarray(picture(64, 64, strength=seed))) for seed in (5, 10, 15, 20, 25, 30)]
    heif_case("heic_grid.heic", grid(tiles, 3, (150, 100)))
    turned = [box(b"irot", b"\1"), box(b"imir", b"\0")]
    heif_case("heic_grid_turned.heic", grid(tiles, 2, (128, 192), turned), 18, 15)
    cut = box(b"clap", numbers("IIIIiIiI", 31, 1, 45, 2, 5, 2, -3, 1))
    tiles = [heic(Image.fromarray(picture(64, 64, strength=seed)), chroma=444) for seed in (5, 10, 15, 20)]
    heif_case("heic_crop.heic", grid(tiles[3:], 1, (64, 64), [cut]))
    heif_case("heic_grid_crop.heic", grid(tiles, 2, (120, 100), [cut, box(b"irot", b"\3")]))
    heif_case("heic_trailing_bytes.heic", heic(image) + b"more" * 9)


def avifenc(image, *options):
    """What Pillow cannot write: deep samples, other matrices, tiles."""
    with tempfile.TemporaryDirectory() as folder:
        image.save(f"{folder}/in.png")
        command = ["avifenc", "--speed", "6", "--jobs", "1", *options, f"{folder}/in.png", f"{folder}/out.avif"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return pathlib.Path(folder, "out.avif").read_bytes()


def avif_cases():
    """AVIF as Pillow and avifenc write it."""
    image = Image.fromarray(picture(37, 29, strength=20))
    some = ("--min", "20", "--max", "30")
    for chroma in ("400", "420", "422", "444"):
        for bits in ("8", "10", "12"):
            for span in ("full", "limited"):
                options = ("--yuv", chroma, "--depth", bits, "--range", span, "--cicp", "1/13/6")
                case(f"avif_{chroma}_{bits}bits_{span}.avif", avifenc(image, *options, *some))
    for matrix in (1, 2, 9):
        for span in ("full", "limited"):
            options = ("--yuv", "420", "--range", span, "--cicp", f"1/13/{matrix}")
            case(f"avif_matrix{matrix}_{span}.avif", avifenc(image, *options, *some))
    case("avif_lossless.avif", avifenc(Image.fromarray(picture(13, 6)), "--lossless"))
    case("avif_alpha.avif", saved(Image.fromarray(picture(20, 18, 4)), "AVIF", quality=60))
    for width, height in ((1, 1), (2, 3), (70, 1), (1, 5), (65, 64)):
        case(f"avif_{width}x{height}.avif", saved(Image.fromarray(picture(width, height)), "AVIF", quality=60))
    for orientation in range(2, 9):
        content = saved(Image.fromarray(picture(31, 20)), "AVIF", quality=60, exif=b"Exif\0\0" + exif(orientation))
        case(f"orientation{orientation}.avif", content, 18, 15)
    for chroma in ("420", "444"):
        case(f"avif_grid_{chroma}.avif", avifenc(Image.fromarray(stripes(192, 128)), "--grid", "3x2", "--yuv", chroma, *some))
    case("avif_trailing_bytes.avif", avifenc(image, *some) + b"more" * 9)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    geometry_cases()
    png_cases()
    orientation_cases()
    other_format_cases()
    heif_cases()
    avif_cases()
    versions = {"pillow": PIL.__version__, "pillow_heif": pillow_heif.__version__, "torchvision": torchvision.__version__, "torch": torch.__version__}
    rows = ",\n".join("    " + json.dumps(row) for row in cases)
    text = '{\n  "made_by": "scripts/golden/pixels.py",\n  "versions": %s,\n  "cases": [\n%s\n  ]\n}\n'
    (FOLDER / "golden.json").write_text(text % (json.dumps(versions), rows))
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(cases)} cases, {len(list(FOLDER.iterdir()))} files, {size} bytes in {FOLDER}")


if __name__ == "__main__":
    main()
