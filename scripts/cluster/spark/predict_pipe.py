"""Answers for many photos on Spark, by `rdd.pipe`: a line of JSON each.

    spark-submit predict_pipe.py LIST MODEL OUT [OPTION...]
"""

import os
import shlex
import sys

from pyspark.sql import SparkSession

BINARY = os.environ.get("RESNET_BINARY", "resnet-binary")


def main(paths, model, out, *more):
    command = [BINARY, "predict", "-", "--format", "json", "-q", "--model", model, *more]
    # 3 is whole: each photo that cannot be read has its row.
    shell = f"{shlex.join(command)}; code=$?; [ $code = 3 ] || exit $code"
    context = SparkSession.builder.appName("predict").getOrCreate().sparkContext
    context.textFile(paths).pipe(shlex.join(["sh", "-c", shell]), checkCode=True).saveAsTextFile(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
