"""Features of many photos on Spark, one task a shard.

    spark-submit extract.py DATA SHARDS OUT [THREADS] [OPTION...]

DATA is a CSV with the columns path,label that every executor can read, with its photos. Then: resnet-binary train --features OUT
"""

import os
import subprocess
import sys

from pyspark.sql import SparkSession

BINARY = os.environ.get("RESNET_BINARY", "resnet-binary")
OPTIONS = ["--precision", "fp32", "--max-unreadable", "5%", "-q"]


def main(data, shards, out, threads=1, *more):
    def extract(index):
        command = [BINARY, "extract", "--data", data, "--shard", f"{index}/{shards}", "--output", out]
        done = subprocess.run([*command, "--threads", str(threads), *OPTIONS, *more], stderr=subprocess.PIPE, text=True)
        if done.returncode not in (0, 3):
            raise RuntimeError(f"shard {index}: exit {done.returncode}: {done.stderr}")
        return index

    context = SparkSession.builder.appName("extract").getOrCreate().sparkContext
    print(context.parallelize(range(int(shards)), int(shards)).map(extract).count(), "shards in", out)


if __name__ == "__main__":
    main(*sys.argv[1:])
