"""Draws a stand-in for the demo's photos: python3 scripts/photos/draw.py FOLDER

Two classes of 20 PNG files each, `discs/` and `crosses/`: one shape of random colour, size and place on a noisy ground.
They show that the program runs, nothing more. The same files every time; needs nothing beyond the standard library.
"""

import random
import struct
import sys
import zlib
from pathlib import Path

WIDTH, HEIGHT = 320, 256
IMAGES_OF_A_CLASS = 20


def in_disc(x: float, y: float) -> bool:
    return x * x + y * y <= 1.0


def in_cross(x: float, y: float) -> bool:
    return max(abs(x), abs(y)) <= 1.0 and min(abs(x), abs(y)) <= 0.3


def draw(is_inside, dice: random.Random) -> bytes:
    """Rows of RGB, each with the filter byte 0 that PNG wants before it."""
    radius = dice.uniform(40, 90)
    center_x = dice.uniform(radius, WIDTH - radius)
    center_y = dice.uniform(radius, HEIGHT - radius)
    ground = [dice.randrange(20, 110) for _ in range(3)]
    shape = [dice.randrange(150, 240) for _ in range(3)]
    rows = bytearray()
    for y in range(HEIGHT):
        rows.append(0)
        for x in range(WIDTH):
            color = shape if is_inside((x - center_x) / radius, (y - center_y) / radius) else ground
            noise = dice.getrandbits(4)
            rows += bytes(channel + noise for channel in color)
    return bytes(rows)


def png(rows: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)  # 8 bits, RGB, not interlaced
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def main() -> None:
    dice = random.Random(0)
    for name, is_inside in (("discs", in_disc), ("crosses", in_cross)):
        folder = Path(sys.argv[1], name)
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(IMAGES_OF_A_CLASS):
            (folder / f"{number:02}.png").write_bytes(png(draw(is_inside, dice)))


main()
