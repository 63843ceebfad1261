"""Answers for many photos on Ray Data: each actor keeps one `predict -` open, so the network is loaded once.

    python predict.py LIST MODEL OUT [ACTORS] [OPTION...]

LIST has a path a line; OUT becomes a folder of Parquet files. Make batches of 512 and more on GPUs.
"""

import json
import os
import subprocess
import sys
import threading

import ray

BINARY = os.environ.get("RESNET_BINARY", "resnet-binary")
COLUMNS = ["path", "label", "positive", "probability", "logit", "unfamiliar", "error"]


class Predict:
    def __init__(self, model, more):
        command = [BINARY, "predict", "-", "--null", "--format", "json", "-q", "--model", model, *more]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, batch):
        paths = [str(path) for path in batch["text"]]
        write = threading.Thread(target=self.write, args=[paths])  # rows come while the list is still being written
        write.start()
        rows = [json.loads(self.process.stdout.readline() or self.ended()) for _ in paths]
        write.join()
        return {name: [row.get(name) for row in rows] for name in COLUMNS}

    def write(self, paths):
        try:
            self.process.stdin.write(b"".join(os.fsencode(path) + b"\0" for path in paths))
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the reader says so

    def ended(self):
        raise RuntimeError(f"resnet-binary ended with {self.process.wait()}")


def main(paths, model, out, actors=1, *more):
    ray.init(address=os.environ.get("RAY_ADDRESS", "auto"))
    ray.data.read_text(paths).map_batches(
        Predict,
        fn_constructor_args=(model, more),
        batch_size=64,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=int(actors)),
    ).write_parquet(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
