"""The laws of leading monomials."""

from __future__ import annotations

import map_laws as maps
import numpy as np
import principal_laws as laws
from cases_kernel import KINDS, SKIP

import dualact as da

RNG = np.random.default_rng(5)
DATA = RNG.standard_normal((60, 6)) * 0.75 ** np.arange(6) * RNG.uniform(0.5, 2, (60, 1)) + 0.4
GELU = da.mlp(1, "gelu", weight_std=1.2, bias_std=0.5)
RELU = da.mlp(2, "relu", weight_std=1.4, bias_std=0.1)
SMOOTH = da.mlp(1, "sin", weight_std=0.6, bias_std=0.2)


def _over(law, *arguments, networks=(GELU, RELU), rows=DATA):
    def run():
        for network in networks:
            for kind in KINDS:
                law(network, rows, kind, *arguments)

    return run


def _says():
    for network, least in ((GELU, {"ntk": 0.985, "nngp": 0.996}), (RELU, {"ntk": 0.87, "nngp": 0.98})):
        for kind in KINDS:
            laws.says_what_it_keeps(network, DATA, kind, 100, least[kind])


def _largest():
    rng = np.random.default_rng(7)
    for decay, budgets in ((0.5, (1, 12, 60)), (1.0, (3, 60, 400))):
        u = rng.standard_normal((40, 4)) * decay ** np.arange(4)
        u *= (rng.uniform(0.3, 1, 40) / np.linalg.norm(u, axis=1))[:, None]
        u = u[:, np.argsort(-(u**2).mean(axis=0))]
        tables = [
            rng.uniform(0.1, 1, (40, c)) * [0.3, 0.5, 0.4][:c] / (1 + j) for j, c in enumerate((2, 3, 1, 2))
        ]
        for budget in budgets:
            laws.the_largest_are_chosen(u, tables.__getitem__, budget, 3)


def _axes():
    rng = np.random.default_rng(8)
    unit = DATA / np.linalg.norm(DATA, axis=1, keepdims=True)
    laws.axes_are_principal(unit, rng.uniform(0, 3, 60), 4)
    rows = rng.standard_normal((30, 30)) * 0.8 ** np.arange(30) @ rng.standard_normal((30, 2100))
    laws.axes_are_principal(rows / np.linalg.norm(rows, axis=1, keepdims=True), rng.uniform(0, 3, 30), 5)


def _fitted(law):
    def run():
        for network in (GELU, SKIP):
            for kind in KINDS:
                law(maps.features(network, DATA, kind, method="monomials", n_components=90), DATA)

    return run


CASES = {
    "principal: axes_are_principal": _axes,
    "principal: the_largest_are_chosen": _largest,
    "principal: is_written_out": _over(laws.is_written_out, 90),
    "principal: is_from_below": _over(laws.is_from_below, 40),
    "principal: all_of_them_are_the_kernel": _over(
        laws.all_of_them_are_the_kernel, 3000, 1e-4, networks=(SMOOTH,), rows=DATA[:, :3]
    ),
    "principal: more_columns_keep_more": _over(
        laws.more_columns_keep_more, (1, 6, 40, 150), networks=(GELU,)
    ),
    "principal: says_what_it_keeps": _says,
    "principal: rows_do_not_leak": _fitted(maps.rows_do_not_leak),
    "principal: is_fixed_by_its_plan": _fitted(maps.is_fixed_by_its_plan),
    "principal: keeps_the_type": _fitted(maps.keeps_the_type),
    "principal: has_all_its_columns": _fitted(maps.has_all_its_columns),
}
