"""Answers for many photos on Spark, by `mapInArrow`: a table in Parquet, one process for each partition.

    spark-submit predict_arrow.py LIST MODEL OUT [OPTION...]
"""

import json
import os
import subprocess
import sys

from pyspark.sql import SparkSession

BINARY = os.environ.get("RESNET_BINARY", "resnet-binary")
SCHEMA = "path string, label string, positive string, probability double, logit double, unfamiliar boolean, error string"


def main(paths, model, out, *more):
    command = [BINARY, "predict", "-", "--null", "--format", "json", "-q", "--model", model, *more]

    def answer(batches):
        import pyarrow

        kinds = {"double": pyarrow.float64(), "boolean": pyarrow.bool_()}
        fields = [field.split() for field in SCHEMA.split(", ")]
        schema = pyarrow.schema([(name, kinds.get(kind, pyarrow.string())) for name, kind in fields])
        for batch in batches:
            listed = b"".join(os.fsencode(path) + b"\0" for path in batch.column("value").to_pylist())
            done = subprocess.run(command, input=listed, stdout=subprocess.PIPE)
            if done.returncode not in (0, 3):
                raise RuntimeError(f"resnet-binary ended with {done.returncode}")
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            rows = [{name: row.get(name) for name in schema.names} for row in rows]
            yield pyarrow.RecordBatch.from_pylist(rows, schema=schema)

    spark = SparkSession.builder.appName("predict").getOrCreate()
    spark.read.text(paths).mapInArrow(answer, SCHEMA).write.parquet(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
