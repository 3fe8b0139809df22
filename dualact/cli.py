"""The command ``dualact``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .cli_activations import add_commands
from .errors import DualactError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        None means those of the process.

    Returns
    -------
    int
        0; 1 if a check fails; 2 if something was wrong with what was asked, and then the reason goes to
        standard error.
    """
    parser = _parser()
    if not (sys.argv[1:] if arguments is None else arguments):
        missing = "the following arguments are required: command"
        parser.exit(2, f"{parser.format_help()}\ndualact: error: {missing}\n")
    options = parser.parse_args(arguments)
    try:
        status = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it, head for instance, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except FileNotFoundError as error:
        print(f"dualact {options.command}: there is no file {error.filename!r}.", file=sys.stderr)
        return 2
    except (ValueError, OSError) as error:
        print(f"dualact {options.command}: {error}", file=sys.stderr)
        return 2
    return status or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dualact", description="Neural kernels with any activation.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    demo = commands.add_parser("demo", help="exact against sketched kernel on scikit-learn's digits")
    demo.add_argument("--picture", metavar="FILE.png", help="where to put the picture (needs matplotlib)")
    demo.set_defaults(run=_demo)

    sketch = commands.add_parser("sketch", help="features of a file of rows")
    _network_options(sketch)
    sketch.add_argument("--input", required=True, metavar="X.npy", help="rows: .npy, or sparse .npz")
    sketch.add_argument("--output", required=True, metavar="Z.npy", help="where the features go")
    sketch.add_argument("--seed", type=int, default=0, help="fixes the map (default 0)")
    sketch.add_argument("--plan", metavar="PLAN.json", help="write the plan of the map as well")
    sketch.set_defaults(run=_sketch)

    plan = commands.add_parser("plan", help="check a network and say what would run")
    _network_options(plan, components=None)
    plan.add_argument("--n-features", type=int, help="number of columns of the data")
    plan.set_defaults(run=_plan)

    add_commands(commands)

    info = commands.add_parser("info", help="versions, and which code runs on this machine")
    info.set_defaults(run=_info)
    return parser


def _network_options(parser: argparse.ArgumentParser, components: int | None = 2048) -> None:
    parser.add_argument("--network", required=True, metavar="FILE.json", help="as Network.to_dict() gives it")
    parser.add_argument("--kind", default="ntk", choices=("ntk", "nngp"), help="default ntk")
    default = f"default {components}" if components else "of the feature map; without: the exact kernel"
    parser.add_argument("--n-components", type=int, default=components, help=default)
    parser.add_argument("--degree", default="auto", type=_degree, help="an integer, or auto (default)")
    parser.add_argument(
        "--method", default="auto", help="auto (default), polysketch, monomials or random features"
    )


def _degree(text: str) -> int | str:
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an integer or auto. Got {text!r}") from None


def _network(path: str) -> Any:
    from .network.spec import Network

    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DualactError(
            f"{path} is not JSON: {error}. Write it with json.dump(network.to_dict(), file)."
        ) from error
    return Network.from_dict(data)


def _demo(options: argparse.Namespace) -> None:
    from .demo import run

    run(options.picture)


def _sketch(options: argparse.Namespace) -> None:
    import numpy as np

    from .files import whole_file
    from .learn.sketched import SketchedNeuralKernel

    network = _network(options.network)
    for path in filter(None, (options.output, options.plan)):
        if not Path(path).parent.is_dir():
            raise DualactError(f"the folder of {path} does not exist; make it first.")
    X = _rows(options.input)
    features = SketchedNeuralKernel(
        network,
        options.kind,
        options.n_components,
        options.degree,
        options.method,
        random_state=options.seed,
    )
    features.fit(X)
    print(features.plan_)
    result = features.transform(X)
    with ExitStack() as files:  # both files appear, or neither
        np.save(files.enter_context(whole_file(options.output)), result)
        if options.plan:
            document = {**features.plan_.to_dict(), "seed": features.seed_, "dtype": result.dtype.name}
            json.dump(document, files.enter_context(whole_file(options.plan, "w")))
    print(
        f"wrote {options.output}: {result.shape[0]} rows of {result.shape[1]} features, {result.dtype.name}"
    )


def _rows(path: str) -> Any:
    import zipfile

    import numpy as np
    from scipy import sparse

    if path.endswith(".npz"):
        try:
            return sparse.load_npz(path).tocsr()
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise DualactError(
                f"{path} is not a sparse matrix as scipy.sparse.save_npz writes it."
            ) from error
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DualactError(f"{path} is not an array as numpy.save writes it: {error}.") from error


def _plan(options: argparse.Namespace) -> None:
    from .learn.overview import plan

    print(
        plan(
            _network(options.network),
            options.kind,
            n_features=options.n_features,
            n_components=options.n_components,
            degree=options.degree,
            method=options.method,
        )
    )


def _info(options: argparse.Namespace) -> None:
    import platform

    import numpy
    import scipy
    import sklearn

    from . import __version__
    from .sketch.compiled import load

    print(f"dualact       {__version__}")
    print(f"python        {platform.python_version()} on {platform.machine()}")
    print(f"numpy         {numpy.__version__}")
    print(f"scipy         {scipy.__version__}")
    print(f"scikit-learn  {sklearn.__version__}")
    for label, module in (("hadamard", "_hadamard"), ("sketch", "_circuit"), ("patches", "spatial._gather")):
        print(f"{label:<14}{'NumPy' if load(module) is None else 'compiled'}")
