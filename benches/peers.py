"""What Python users run for the same job; `compare.py` sets it beside the binary. One JSON object on stdout.

    peers.py prepare DIR             weights.safetensors and resnet50.onnx of one random torchvision network
    peers.py onnx DIR PHOTOS N       ONNX Runtime in N processes with one thread each, decoding in the same processes
    peers.py tutorial PHOTOS EPOCHS  the loop of PyTorch's transfer learning tutorial, frozen ResNet-50
    peers.py features DIR PHOTOS     torchvision features, then scikit-learn's logistic regression
    peers.py predict DIR PHOTO       one photo
    peers.py network DIR THREADS ROUNDS TESTS   the network alone in batches of 4, in turns with `images_a_second` of TESTS
    peers.py layers ROUNDS TESTS     each convolution alone, one thread, batches of 4, in turns with `each_layer` of TESTS,
                                     with WEIGHTS and PHOTO set: a table on stderr

TESTS is the binary of the unit tests, which `cargo test --release --lib --no-run` names.
"""

import json
import multiprocessing
import os
import pathlib
import statistics
import sys
import time
import warnings

warnings.filterwarnings("ignore")


def network(folder):
    import torchvision
    from safetensors.torch import load_file

    model = torchvision.models.resnet50()
    model.load_state_dict(load_file(f"{folder}/weights.safetensors"))
    model.fc = __import__("torch").nn.Identity()
    return model.eval()


def transform():
    from torchvision import transforms

    normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    return transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), normalize])


def load(path, apply):
    from PIL import Image

    return apply(Image.open(path).convert("RGB"))


def photos(folder):
    return sorted(str(path) for path in pathlib.Path(folder).rglob("*") if path.is_file())


def prepare(folder):
    import torch
    import torchvision
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = torchvision.models.resnet50().eval()
    save_file(model.state_dict(), f"{folder}/weights.safetensors")
    model.fc = torch.nn.Identity()
    shape, axes = torch.zeros(4, 3, 224, 224), {"x": {0: "batch"}}
    torch.onnx.export(model, shape, f"{folder}/resnet50.onnx", dynamo=False, input_names=["x"], dynamic_axes=axes)


def onnx_worker(folder, paths, start, done):
    import numpy
    import onnxruntime

    apply = transform()
    __import__("torch").set_num_threads(1)
    start.wait()
    # Loading the network counts on both sides.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(f"{folder}/resnet50.onnx", options, providers=["CPUExecutionProvider"])
    for first in range(0, len(paths), 4):
        batch = numpy.stack([load(path, apply).numpy() for path in paths[first : first + 4]])
        session.run(None, {"x": batch})
    done.wait()


def onnx(folder, data, workers):
    paths, workers = photos(data), int(workers)
    context = multiprocessing.get_context("spawn")
    start, done = context.Barrier(workers + 1), context.Barrier(workers + 1)
    shards = [paths[number::workers] for number in range(workers)]
    pool = [context.Process(target=onnx_worker, args=(folder, shard, start, done)) for shard in shards]
    for process in pool:
        process.start()
    start.wait()
    began = time.perf_counter()
    done.wait()
    return {"images_per_second": len(paths) / (time.perf_counter() - began)}


def tutorial(data, epochs):
    import torch
    import torchvision
    from torchvision import datasets, transforms

    normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    augment = [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), transforms.ToTensor(), normalize]
    steps = {"train": transforms.Compose(augment), "val": transform()}
    sets = {part: datasets.ImageFolder(f"{data}/{part}", steps[part]) for part in steps}
    loaders = {
        part: torch.utils.data.DataLoader(sets[part], batch_size=4, shuffle=True, num_workers=4) for part in steps
    }
    model = torchvision.models.resnet50()
    for parameter in model.parameters():
        parameter.requires_grad = False
    model.fc = torch.nn.Linear(model.fc.in_features, 2)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.001, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    began = time.perf_counter()
    for _ in range(int(epochs)):
        for part in ["train", "val"]:
            model.train(part == "train")
            for inputs, labels in loaders[part]:
                optimizer.zero_grad()
                with torch.set_grad_enabled(part == "train"):
                    loss = criterion(model(inputs), labels)
                    if part == "train":
                        loss.backward()
                        optimizer.step()
            if part == "train":
                scheduler.step()
    return {"seconds_per_epoch": (time.perf_counter() - began) / int(epochs)}


def features(folder, data):
    import numpy
    import torch
    from sklearn import linear_model, metrics, pipeline, preprocessing
    from torchvision import datasets

    model, sides = network(folder), {}
    began = time.perf_counter()
    for part in ["train", "val"]:
        photos_of = datasets.ImageFolder(f"{data}/{part}", transform())
        workers = multiprocessing.cpu_count()
        loader = torch.utils.data.DataLoader(photos_of, batch_size=32, num_workers=workers)
        with torch.no_grad():
            rows = [(model(inputs).numpy(), labels.numpy()) for inputs, labels in loader]
        sides[part] = tuple(numpy.concatenate(column) for column in zip(*rows))
    rate = sum(len(side[1]) for side in sides.values()) / (time.perf_counter() - began)
    head = linear_model.LogisticRegressionCV(Cs=10, cv=5, max_iter=1000, class_weight="balanced")
    fitted = pipeline.make_pipeline(preprocessing.StandardScaler(), head).fit(*sides["train"])
    score = metrics.roc_auc_score(sides["val"][1], fitted.predict_proba(sides["val"][0])[:, 1])
    return {"images_per_second": rate, "roc_auc": score}


def predict(folder, photo):
    import torch

    model = network(folder)
    head = torch.nn.Linear(2048, 1)
    with torch.no_grad():
        return {"probability": torch.sigmoid(head(model(load(photo, transform())[None]))).item()}


def quantized(folder):
    """resnet50-int8.onnx, as ONNX Runtime quantizes: activations u8, weights s8 of each channel, set by 16 inputs."""
    import numpy
    from onnxruntime import quantization

    inputs = iter([{"x": batch} for batch in numpy.random.default_rng(0).normal(size=(4, 4, 3, 224, 224)).astype("f4")])

    class Reader(quantization.CalibrationDataReader):
        def get_next(self):
            return next(inputs, None)

    made, prepared = f"{folder}/resnet50-int8.onnx", f"{folder}/resnet50-prepared.onnx"
    quantization.shape_inference.quant_pre_process(f"{folder}/resnet50.onnx", prepared)
    quantization.quantize_static(prepared, made, Reader(), per_channel=True)
    return made


def of_onnxruntime(model, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"x": batch})


def of_openvino(model, threads, precision="f32"):
    import openvino

    hints = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision}
    compiled = openvino.Core().compile_model(model, "CPU", hints)
    return lambda batch: compiled([batch])


def of_torch(folder, compiled=False, int8=False):
    import torch

    model, example = network(folder), torch.rand(4, 3, 224, 224)
    if int8:
        from torch.ao.quantization import get_default_qconfig_mapping, quantize_fx

        prepared = quantize_fx.prepare_fx(model, get_default_qconfig_mapping("x86"), (example,))
        prepared(example)
        model = torch.jit.freeze(torch.jit.trace(quantize_fx.convert_fx(prepared), example))
    if compiled:
        model = torch.compile(model)

    def run(batch):
        with torch.no_grad():
            return model(torch.from_numpy(batch))

    return run


def network_alone(folder, threads, rounds, tests):
    import subprocess

    import numpy
    import torch

    threads, batches = int(threads), 3
    torch.set_num_threads(threads)
    model, int8 = f"{folder}/resnet50.onnx", quantized(folder)
    makers = {
        "ONNX Runtime, fp32": lambda: of_onnxruntime(model, threads),
        "ONNX Runtime, int8": lambda: of_onnxruntime(int8, threads),
        "OpenVINO, fp32": lambda: of_openvino(model, threads),
        "OpenVINO, bf16": lambda: of_openvino(model, threads, "bf16"),
        "OpenVINO, int8": lambda: of_openvino(int8, threads),
        "PyTorch, fp32": lambda: of_torch(folder),
        "torch.compile, fp32": lambda: of_torch(folder, compiled=True),
        "PyTorch, int8": lambda: of_torch(folder, int8=True),
    }
    batch = numpy.random.default_rng(1).random((4, 3, 224, 224), dtype="f4")
    runs, rates = {}, {}
    for name, maker in makers.items():
        try:
            runs[name] = maker()
            runs[name](batch)
            runs[name](batch)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
            runs.pop(name, None)
    environment = os.environ | {"THREADS": str(threads), "ROUNDS": "1"}
    for _ in range(int(rounds)):
        ours = [tests, "--exact", "backbone::tests::images_a_second", "--ignored", "--nocapture"]
        for line in subprocess.run(ours, env=environment, capture_output=True, text=True, check=True).stdout.splitlines():
            if line.endswith(" images/s"):
                name, rate, _ = line.split()
                rates.setdefault(name, []).append(float(rate))
        for name, run in runs.items():
            began = time.perf_counter()
            for _ in range(batches):
                run(batch)
            rates.setdefault(name, []).append(batches * len(batch) / (time.perf_counter() - began))
    return {name: {"images_per_second": statistics.median(all), "rounds": all} for name, all in rates.items()}


def one_layer(inputs, outputs, kernel, stride, side):
    """Milliseconds of a convolution with ReLU in ONNX Runtime, as a function."""
    import numpy
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    tensor = lambda name, shape: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
    random = numpy.random.default_rng(0)
    weights = {"w": random.normal(size=(outputs, inputs, kernel, kernel)), "b": random.normal(size=outputs)}
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], strides=[stride] * 2, pads=[kernel // 2] * 4),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    constants = [numpy_helper.from_array(values.astype("f4"), name) for name, values in weights.items()]
    shapes = [4, inputs, side, side], [4, outputs, -(-side // stride), -(-side // stride)]
    graph = helper.make_graph(nodes, "layer", [tensor("x", shapes[0])], [tensor("y", shapes[1])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    batch = random.random(shapes[0], dtype="f4")

    def run():
        times = []
        for _ in range(8):
            began = time.perf_counter()
            session.run(None, {"x": batch})
            times.append((time.perf_counter() - began) * 1e3)
        return statistics.median(times[1:])

    return run


def layers(rounds, tests):
    import collections
    import subprocess

    shapes, peers = collections.Counter(), {}
    times, errors = collections.defaultdict(list), collections.defaultdict(list)
    for _ in range(int(rounds)):
        done = subprocess.run([tests, "--ignored", "--nocapture", "each_layer"], capture_output=True, text=True, check=True)
        rows = [line.split("\t")[1:] for line in done.stdout.splitlines() if line.startswith("layer\t")]
        if not shapes:
            shapes.update(tuple(map(int, row[1:6])) for row in rows)
            peers = {shape: one_layer(*shape) for shape in shapes}
        mean = collections.defaultdict(list)
        for row in rows:
            shape, numbers = tuple(map(int, row[1:6])), list(map(float, row[6:]))
            mean[shape].append(numbers[:2])
            errors[shape].append(numbers[2:])
        for shape, peer in peers.items():
            ours, onednn = (statistics.mean(column) for column in zip(*mean[shape]))
            times[shape].append((ours, onednn, peer()))
    lines = ["| inputs → outputs, kernel / stride, side | layers | ours, ms | over oneDNN | over ONNX Runtime | error | oneDNN's |", "| :--- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for shape, count in shapes.items():
        inputs, outputs, kernel, stride, side = shape
        ratios = [statistics.median(row[peer] / row[0] for row in times[shape]) for peer in (1, 2)]
        most = [max(column) for column in zip(*errors[shape])]
        ours = statistics.median(row[0] for row in times[shape])
        lines.append(
            f"| {inputs} → {outputs}, {kernel}×{kernel} / {stride}, {side} | {count} | {ours:.2f} | {ratios[0]:.2f} "
            f"| {ratios[1]:.2f} | {most[0]:.1e} | {most[1]:.1e} |"
        )
    print("\n".join(lines), file=sys.stderr)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    commands = [prepare, onnx, tutorial, features, predict, decode, layers]
    named = {command.__name__: command for command in commands} | {"network": network_alone}
    print(json.dumps(named[command](*arguments) or {}))
