#!/usr/bin/env python3
"""Cornu beside Keras on JAX and compiled PyTorch on one GPU; see README.md.

  compare.py make DIR                     writes models and data (needs keras and jax; a GPU is not used)
  compare.py run --bin CORNU --files DIR  measures and prints a Markdown table

Each measurement is a process of its own; the engines take turns, round by round, so that drift falls on all.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import workloads as W  # noqa: E402

PEERS = ["keras-jax", "torch-compile"]


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="command", required=True)
    sub.add_parser("make").add_argument("dir", type=pathlib.Path)
    run = sub.add_parser("run")
    run.add_argument("--bin", required=True, help="the cornu command, a release build")
    run.add_argument("--files", required=True, type=pathlib.Path, help="what `make` wrote")
    run.add_argument("--ops", help="a built `ops` test of cornu-xla, to be run on the GPU first")
    run.add_argument("--backend", default="cuda", help="cornu's engine")
    run.add_argument("--peers", default=",".join(PEERS))
    run.add_argument("--python", default=sys.executable, help="the peers' Python")
    run.add_argument("--workloads", default=",".join(W.NAMES))
    run.add_argument("--batches", default="128,1024")
    run.add_argument("--dtypes", default="float32,bfloat16")
    run.add_argument("--steps", type=int, default=32, help="steps of an epoch")
    run.add_argument("--together", type=int, default=16, help="steps_per_execution of cornu's second column")
    run.add_argument("--rounds", type=int, default=3)
    run.add_argument("--json", type=pathlib.Path, help="every measurement")
    peer = sub.add_parser("peer")  # one measurement, in this process
    for name in ("engine", "workload", "dtype"):
        peer.add_argument(name)
    peer.add_argument("batch", type=int)
    peer.add_argument("steps", type=int)
    return p.parse_args()


def make(folder):
    os.environ["KERAS_BACKEND"], os.environ["JAX_PLATFORMS"] = "jax", "cpu"
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    for name in W.NAMES:
        x, y = W.data(name)
        inputs = {"x": x["x"]} if "x" in x else {f"x_{k}": v for k, v in x.items()}
        np.savez_compressed(folder / f"{name}.npz", y=y, **inputs)
        for dtype in ("float32", "bfloat16"):
            W.keras_model(name, dtype).save(folder / f"{name}.{dtype}.keras")
    print(f"{sum(f.stat().st_size for f in folder.iterdir()) / 2**20:.1f} MB in {folder}")


def peer(a):
    """Milliseconds a step: three epochs of `steps` steps after one that compiles; batches come from host memory."""
    import numpy as np

    if a.engine == "keras-jax":
        os.environ["KERAS_BACKEND"] = "jax"
    x, y = W.data(a.workload)
    rows = a.batch * a.steps
    often = lambda v: np.concatenate([v] * -(-rows // len(v)))[:rows]
    x, y = {k: often(v) for k, v in x.items()}, often(y)
    if a.engine == "keras-jax":
        m = W.keras_model(a.workload, a.dtype)
        epoch = lambda: m.fit(x if len(x) > 1 else x["x"], y, batch_size=a.batch, verbose=0, shuffle=False)
    else:
        epoch = torch_epoch(a, next(iter(x.values())), y)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        epoch()
        times.append((time.perf_counter() - start) * 1e3 / a.steps)
    print(json.dumps({"median_ms": statistics.median(times[1:]), "first_s": times[0] * a.steps / 1e3}))


def torch_epoch(a, x, y):
    import torch
    import torch.nn.functional as F

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True  # as XLA does
    m, (Optimizer, settings) = W.torch_model(a.workload)
    m = m.to(device, memory_format=torch.channels_last if x.ndim == 4 else torch.preserve_format).train()
    optimizer = Optimizer(m.parameters(), **settings)

    def forward(x, y):
        with torch.autocast(device, torch.bfloat16, enabled=a.dtype == "bfloat16"):
            out = m(x)
        out = out.float()
        if out.ndim == 1:
            return F.binary_cross_entropy_with_logits(out, y), ((out > 0) == (y > 0.5)).sum()
        return F.cross_entropy(out, y), (out.argmax(1) == y).sum()

    forward = torch.compile(forward)
    xs = torch.from_numpy(x)
    xs = xs.permute(0, 3, 1, 2) if xs.ndim == 4 else xs.long()
    ys = torch.from_numpy(y)
    ys = ys if ys.is_floating_point() else ys.long()
    if device == "cuda":
        xs, ys = xs.pin_memory(), ys.pin_memory()

    def epoch():
        total = torch.zeros((), device=device)
        for i in range(0, len(xs), a.batch):
            xb = xs[i:i + a.batch].to(device, non_blocking=True)
            yb = ys[i:i + a.batch].to(device, non_blocking=True)
            loss, right = forward(xb, yb)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() + right
        return float(total)

    return epoch


def measure(command, env=None):
    try:
        p = subprocess.run(command, capture_output=True, text=True, timeout=900, env={**os.environ, **(env or {})})
        if p.returncode == 0:
            return json.loads(p.stdout.strip().splitlines()[-1])["median_ms"]
        return (p.stderr.strip().splitlines() or ["no word"])[-1][:150]
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError, KeyError) as e:
        return f"{type(e).__name__}: {e}"[:150]


def facts(a):
    def said(command):
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            return ""

    gpu = said(["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]) or "no GPU"
    versions = "import importlib.metadata as m\nfor p in 'keras jax jaxlib jax-cuda13-pjrt jax-cuda12-pjrt torch'.split():\n" \
               " try: print(p, m.version(p), end='; ')\n except m.PackageNotFoundError: pass"
    devices = said([a.bin, "devices"])
    engine = next((line for line in devices.splitlines() if line.startswith(f"{a.backend}:")), a.backend)
    engine = re.sub(r", /\S+", "", engine)  # not where it lies
    return [f"GPU: {gpu}", f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores", said([a.bin, "--version"]),
            engine, said([a.python, "-c", versions]).strip("; "), time.strftime("%Y-%m-%d")]


def run(a):
    if a.ops:
        env = {**os.environ, "CORNU_TEST_ENGINE": "pjrt", "CORNU_TEST_CASES": "100"}
        p = subprocess.run([a.ops, "--nocapture"], capture_output=True, text=True, env=env)
        kept = [line for line in p.stdout.splitlines() if "cases;" in line or line.startswith("test ")]
        print("Op tests on this device:\n\n    " + "\n    ".join(kept) + "\n")
        if p.returncode:
            print("They failed:\n\n    " + "\n    ".join(p.stdout.splitlines()[-40:]) + "\n")

    def cornu(w, dtype, batch, together):
        return measure([a.bin, "--backend", a.backend, "bench", str(a.files / f"{w}.{dtype}.keras"), "--data",
                        str(a.files / f"{w}.npz"), "--batch-size", str(batch), "--mode", "fit", "--steps", str(a.steps),
                        "--steps-per-execution", str(together), "--json"])

    engines = {"cornu": lambda *c: cornu(*c, 1), f"cornu, {a.together} steps together": lambda *c: cornu(*c, a.together)}
    for name in filter(None, a.peers.split(",")):
        if name not in PEERS:
            sys.exit(f"no peer is called {name}; there are {', '.join(PEERS)}")
        engines[name] = lambda w, dtype, batch, name=name: measure(
            [a.python, str(HERE / "compare.py"), "peer", name, w, dtype, str(batch), str(a.steps)])
    cells = [(w, d, int(b)) for w in a.workloads.split(",") for d in a.dtypes.split(",") for b in a.batches.split(",")]
    found, errors = {}, {}
    for _ in range(a.rounds):
        for cell in cells:
            for engine, call in engines.items():
                ms = call(*cell)
                if isinstance(ms, str):
                    errors[f"{engine}, {' '.join(map(str, cell))}: {ms}"] = True
                else:
                    found.setdefault((cell, engine), []).append(ms)
    if a.json:
        a.json.write_text(json.dumps([[*map(str, cell), engine, ms] for (cell, engine), ms in found.items()], indent=1))
    print("; ".join(filter(None, facts(a))) + f".\n\nTraining, milliseconds a step, medians of {a.rounds} rounds that took turns; batches "
          "from host memory, loss and accuracy computed. The last column: cornu's better one to the fastest peer.\n")
    names = list(engines)
    print("| model | dtype | batch | " + " | ".join(names) + " | ratio |\n|" + "---|" * (len(names) + 4))
    for cell in cells:
        ms = [statistics.median(found[cell, e]) if (cell, e) in found else None for e in names]
        ours, peers = [v for v in ms[:2] if v], [v for v in ms[2:] if v]
        ratio = f"{min(ours) / min(peers):.2f}" if ours and peers else ""
        print("| " + " | ".join([*map(str, cell), *(f"{v:.3g}" if v else "" for v in ms), ratio]) + " |")
    for error in errors:
        print(f"\n- {error}", end="")
    print()


if __name__ == "__main__":
    args = arguments()
    {"make": lambda: make(args.dir), "run": lambda: run(args), "peer": lambda: peer(args)}[args.command]()
