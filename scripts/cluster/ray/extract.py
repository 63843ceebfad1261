"""Features of many photos on Ray, one task a shard. The nodes need Ray, the binary, and one path to the photos.

    python extract.py DATA SHARDS OUT [THREADS] [OPTION...]

DATA is a CSV with the columns path,label. Then, on any node: resnet-binary train --features OUT
"""

import os
import subprocess
import sys

import ray

BINARY = os.environ.get("RESNET_BINARY", "resnet-binary")
OPTIONS = ["--precision", "fp32", "--max-unreadable", "5%", "-q"]


class WorthATry(Exception):
    """Exit code 1; 2 would only fail again."""


@ray.remote(max_retries=3, retry_exceptions=[WorthATry])
def extract(shard, data, out, threads, more):
    # Ray's num_cpus is an account and binds nothing, so the threads are said.
    command = [BINARY, "extract", "--data", data, "--shard", shard, "--output", out, "--threads", str(threads)]
    done = subprocess.run([*command, *OPTIONS, *more], stderr=subprocess.PIPE, text=True)
    if done.returncode in (0, 3):
        return shard
    raise (RuntimeError if done.returncode == 2 else WorthATry)(f"shard {shard}: exit {done.returncode}: {done.stderr}")


def main(data, shards, out, threads=1, *more):
    ray.init(address=os.environ.get("RAY_ADDRESS", "auto"))
    names = [f"{index}/{shards}" for index in range(int(shards))]
    tasks = [extract.options(num_cpus=int(threads)).remote(name, data, out, threads, more) for name in names]
    print(len(ray.get(tasks)), "shards in", out)


if __name__ == "__main__":
    main(*sys.argv[1:])
