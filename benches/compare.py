#!/usr/bin/env python3
"""Sets the binary beside what else does the job, in one run: prints the table of docs/benchmarks.md, writes its chart.

    benches/compare.py --binary FILE --direct FILE --python FILE [--data DIR] [--rounds 3] [--memory N]

`scripts/bench` builds all of these and calls this. The contenders take turns within each round; what is compared are
the medians of the ratios within a round, for a shared machine is busier at one moment than at another.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
EPOCHS_OF_THE_TUTORIAL = 25


class Contest:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.data = pathlib.Path(options.data).resolve()
        self.photos = [path for path in sorted(self.data.rglob("*")) if path.is_file()]
        self.weights = folder / "weights.safetensors"
        self.rounds = {}
        self.seen = 0

    def run(self, *command, **environment):
        """Seconds, standard output, and peak memory in MB."""
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=os.environ | {"RESNET_BINARY_CACHE": str(self.folder / "cache")} | environment,
        )
        out, error = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{' '.join(map(str, command))}: {error[-2000:]}")
        return time.perf_counter() - began, out, usage.ru_maxrss / 1024

    def ours(self, *words):
        return self.run(self.options.binary, *words)

    def peer(self, *words):
        seconds, out, _ = self.run(self.options.python, HERE / "peers.py", *words)
        return seconds, json.loads(out.splitlines()[-1])

    def extract(self, *words, data=None):
        command = ["extract", "--data", data or self.data, "--weights", self.weights, "--cache", "off"]
        _, out, memory = self.ours(*command, "--output", "features.safetensors", *words)
        return float(re.search(r"([\d.]+) images/s", out)[1]), memory

    def note(self, name, value):
        self.rounds.setdefault(name, []).append(value)
        print(f"  {name:<28} {value:10.3f}", file=sys.stderr, flush=True)

    def median(self, name):
        return statistics.median(self.rounds[name])

    def ratio(self, over, under):
        return statistics.median(a / b for a, b in zip(self.rounds[over], self.rounds[under]))

    def train(self, cold):
        if cold:
            shutil.rmtree(self.folder / "cache", ignore_errors=True)
        return self.ours("train", "--data", self.data, "--weights", self.weights)[0]

    def round(self):
        workers = len(os.sched_getaffinity(0))
        self.note("ours_auto", self.extract()[0])
        self.note("ours_fp32", self.extract("--precision", "fp32")[0])
        self.note("onnx", self.peer("onnx", self.folder, self.data, workers)[1]["images_per_second"])
        direct = self.run(self.options.direct, self.weights, self.data)[1]
        self.note("direct", float(re.search(r"([\d.]+) images/s", direct)[1]))
        self.note("ours_one_thread", self.extract("--threads", 1)[0])
        self.note("train_cold", self.train(cold=True))
        self.note("train_again", min(self.train(cold=False) for _ in range(3)))
        seconds, features = self.peer("features", self.folder, self.data)
        self.note("train_sklearn", seconds)
        self.note("pytorch", features["images_per_second"])
        seconds = [self.ours("predict", self.new_photo(), "--weights", self.weights)[0] for _ in range(3)]
        self.note("predict", statistics.median(seconds))
        seconds = [self.peer("predict", self.folder, self.new_photo())[0] for _ in range(3)]
        self.note("predict_python", statistics.median(seconds))

    def once(self):
        self.note("epoch", self.peer("tutorial", self.data, 2)[1]["seconds_per_epoch"])
        for images in (200, self.options.memory):
            if images:
                self.note(f"memory_{images}", self.extract(data=self.many(images))[1])

    def new_photo(self):
        """A photo that no cache has: the bytes behind the end of a JPEG change its checksum and nothing else."""
        self.seen += 1
        photo = self.folder / f"new{self.seen}.jpg"
        photo.write_bytes(self.photos[self.seen % len(self.photos)].read_bytes() + str(self.seen).encode())
        return photo

    def many(self, images):
        """A folder with this many photos, which are the same few again and again."""
        folder = self.folder / f"many{images}"
        for number in range(images):
            photo = self.photos[number * 7 % len(self.photos)]
            link = folder / photo.parent.name / f"{number}{photo.suffix}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(photo)
        return folder

    def rows(self):
        tutorial = statistics.median(self.rounds["epoch"]) * EPOCHS_OF_THE_TUTORIAL
        workers = len(os.sched_getaffinity(0))
        rows = [
            ("`extract`, images/s, over tch's vision module used directly", self.ratio("ours_auto", "direct"), 2.0),
            ("the same in fp32", self.ratio("ours_fp32", "direct"), 2.0),
            ("`extract`, images/s, over ONNX Runtime, decoding included", self.ratio("ours_auto", "onnx"), 1.0),
            ("the same in fp32", self.ratio("ours_fp32", "onnx"), 1.0),
            ("whole `train`, cold, faster than the PyTorch tutorial's 25 epochs", tutorial / self.median("train_cold"), 30),
            (
                "whole `train`, cold, faster than PyTorch features + scikit-learn",
                self.ratio("train_sklearn", "train_cold"),
                1.5,
            ),
            ("second `train`, whole process, seconds", self.median("train_again"), -0.5),
            ("`predict` of one photo, whole process, faster than Python", self.ratio("predict_python", "predict"), 5),
            (f"1 worker to {workers}: images/s, times", self.ratio("ours_auto", "ours_one_thread"), 0.9 * workers),
        ]
        for images in (200, self.options.memory):
            if images:
                rows.append((f"peak memory of `extract`, {images} images, MB", self.median(f"memory_{images}"), -1000))
        return rows


def table(rows):
    # Digits enough to compare, none more.
    short = lambda number: f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"
    lines = ["| what | measured | goal | |", "| :--- | ---: | ---: | :--- |"]
    for what, value, goal in rows:
        reached = value <= -goal if goal < 0 else value >= goal
        sign = "≤" if goal < 0 else "≥"
        lines.append(f"| {what} | {short(value)} | {sign} {short(abs(goal))} | {'reached' if reached else 'not reached'} |")
    return "\n".join(lines)


def chart(title, bars):
    """An SVG of `bars`, `(label, images a second)`; ours stand out."""
    most, parts = max(rate for _, rate in bars), []
    for number, (label, rate) in enumerate(bars):
        y, width = 44 + 34 * number, 380 * rate / most
        parts.append(
            f'<text x="206" y="{y + 16}" text-anchor="end">{label}</text>'
            f'<rect x="216" y="{y}" width="{width:.0f}" height="22" rx="3" class="{"ours" if "resnet-binary" in label else "peer"}"/>'
            f'<text x="{222 + width:.0f}" y="{y + 16}" class="number">{rate:.1f}</text>'
        )
    style = (
        "text{font:14px system-ui,sans-serif;fill:#24292f}.number{font-weight:600}.ours{fill:#1a7f5a}.peer{fill:#9aa4af}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ours{fill:#3fb68b}.peer{fill:#5b6670}}"
    )
    height = 60 + 34 * len(bars)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {height}" width="680" height="{height}" role="img">'
        f"<title>{title}, images a second</title><style>{style}</style>"
        f'<text x="216" y="26">{title}, images/s</text>{"".join(parts)}</svg>\n'
    )


def network_chart(file):
    """The chart of what `peers.py network` measured."""
    ours = {f"engine_{precision}": f"resnet-binary, {precision}" for precision in ["fp32", "bf16", "int8"]}
    ours["tch_module"] = "tch's vision module, fp32"
    found = json.loads(file.read_text())
    bars = [(ours.get(name, name), row["images_per_second"]) for name, row in found.items()]
    precisions = ["fp32", "bf16", "int8"]
    bars.sort(key=lambda bar: (precisions.index(bar[0].split()[-1]), bar[1]))
    return chart("ResNet-50 features of ready crops, one thread", bars)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", type=pathlib.Path, help="the JSON of `peers.py network`: write its --chart and end")
    for name in ["binary", "direct", "python", "data"]:
        parser.add_argument(f"--{name}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, default=0, help="also extract this many photos and compare the memory")
    parser.add_argument("--chart", type=pathlib.Path)
    options = parser.parse_args()
    if options.network:
        options.chart.write_text(network_chart(options.network))
        return
    with tempfile.TemporaryDirectory() as folder:
        contest = Contest(options, pathlib.Path(folder))
        contest.peer("prepare", folder)
        contest.train(cold=True)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            contest.round()
        contest.once()
        print(table(contest.rows()))
        if options.chart:
            names = [
                ("tch's vision module, direct", "direct"),
                ("PyTorch + DataLoader", "pytorch"),
                ("ONNX Runtime", "onnx"),
                ("resnet-binary, fp32", "ours_fp32"),
                ("resnet-binary, auto", "ours_auto"),
            ]
            title = f"JPEG files to ResNet-50 features on {len(os.sched_getaffinity(0))} cores"
            options.chart.write_text(chart(title, [(label, contest.median(name)) for label, name in names]))


if __name__ == "__main__":
    main()
