"""The papers' scheme for convolutional kernels, as a yardstick: every layer a polynomial, sketched alike.

After "Fast neural kernel embeddings for general activations" (Han et al. 2022) and its code: patches are
concatenated; the series of φ and φ′, cut at one degree, are sketched by one tree of degree-2 sketches with
complex entries, powers below the highest by leaves that are e₁, all of them compressed to ``width`` complex
numbers; Θ is sketched together with the features of φ′. Every layer is as wide as the others.

It is given more than it had: coefficients that belong to the variance of each position.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import fft

import dualact as da
from dualact.nonlinearity.coefficients import hermite, hermite_prime

Array = np.ndarray


class Fourier:
    """Random signs, a Fourier transform, random rows."""

    def __init__(self, rng: np.random.Generator, length: int, width: int) -> None:
        self.signs = rng.choice([-1.0, 1.0], length).astype(np.float32)
        self.rows = rng.integers(length, size=width)

    def __call__(self, x: Array) -> Array:
        return fft(x * self.signs, axis=-1)[:, self.rows]


def product(rng: np.random.Generator, x: Array, y: Array, width: int) -> Array:
    """A sketch of x ⊗ y."""
    left, right = Fourier(rng, x.shape[1], width), Fourier(rng, y.shape[1], width)
    return left(x) * right(y) / np.sqrt(width)


def powers(rng: np.random.Generator, x: Array, degree: int, width: int) -> list[Array]:
    """Sketches of x^{⊗k}, k = 0 … degree (a power of two): one tree, unused leaves are e₁."""
    unit = np.zeros_like(x[:1])
    unit[0, 0] = 1
    leaves = [(x, unit)] * degree  # of each node: its sketches by the number of e₁ below it, first to last
    nodes: list[tuple[Array, ...]] = list(leaves)
    while len(nodes) > 1:
        merged = []
        for a, b in zip(nodes[::2], nodes[1::2], strict=True):
            left, right = (Fourier(rng, node[0].shape[1], width) for node in (a, b))
            first, second = [left(part) for part in a], [right(part) for part in b]
            # e₁ goes into the leaves from the first on: j of them fill the left node before the right one.
            half = len(a) - 1
            both = [first[min(j, half)] * second[max(j - half, 0)] for j in range(2 * half + 1)]
            merged.append(tuple(part / np.sqrt(width) for part in both))
        nodes = merged
    return list(nodes[0][::-1])


def patches(x: Array) -> Array:
    """Concatenated 3×3 patches, zero padding, mean of squares."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    seen = sliding_window_view(padded, (3, 3), axis=(1, 2))
    return seen.reshape(*x.shape[:3], -1) / 3


def pooled(x: Array) -> Array:
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))


def series(activation: str, v: Array, degree: int, prime: bool) -> Array:
    """Coefficients a_k(v), the last one holding what is cut off; shape (v.size, degree + 1)."""
    act = da.activation(activation)
    make, dual = (hermite_prime, da.dual_prime) if prime else (hermite, da.dual)
    found, whole = np.array(make(act, v, degree)), dual(act, v, v, v)
    found[:, -1] = np.sqrt(np.maximum(found[:, -1] ** 2 + whole - np.sum(found**2, axis=1), 0))
    return found


def myrtle5(images: Array, activation: str, kind: str, width: int, degree: int, seed: int) -> Array:
    """Features of Myrtle-5, as complex numbers; the kernel is the real part of their products."""
    rng = np.random.default_rng(seed)
    sigma = images.astype(np.complex64) / np.sqrt(images.shape[-1])
    theta: Array | None = None
    # Myrtle-5: Conv Act | Conv Act Pool | Conv Act Pool | Conv Act | global pool, Dense.
    for pools in (0, 1, 1, 0):
        sigma = np.sqrt(2) * patches(sigma)
        theta = sigma if theta is None else np.concatenate([np.sqrt(2) * patches(theta), sigma], axis=-1)
        shape = sigma.shape[:3]
        flat, other = sigma.reshape(-1, sigma.shape[-1]), theta.reshape(-1, theta.shape[-1])
        v = np.sum(np.abs(flat) ** 2, axis=1, dtype=np.float64)
        psi = flat / np.sqrt(v)[:, None].astype(np.float32)
        sketches = powers(rng, psi, degree, width // 2)
        sketches[0] = np.ones((len(v), 1), np.complex64)

        def joined(prime: bool, sketches: list[Array] = sketches, v: Array = v) -> Array:
            a = series(activation, v, degree, prime).astype(np.float32)
            return np.concatenate([a[:, k, None] * s for k, s in enumerate(sketches)], axis=1)

        if kind == "ntk":
            theta = product(rng, other, joined(True), width).reshape(*shape, width)
        joint = joined(False)
        sigma = Fourier(rng, joint.shape[1], width)(joint).reshape(*shape, width) / np.float32(np.sqrt(width))
        for _ in range(pools):
            sigma, theta = pooled(sigma), pooled(theta)
    parts = [sigma.mean(axis=(1, 2))]
    if kind == "ntk":
        parts.append(theta.mean(axis=(1, 2)))
    return np.sqrt(2) * np.concatenate(parts, axis=1)


def kernel(images: Array, activation: str, kind: str, width: int, degree: int, seed: int) -> Array:
    """The Gram matrix of images, a few at a time."""
    parts = [
        myrtle5(images[i : i + 4], activation, kind, width, degree, seed) for i in range(0, len(images), 4)
    ]
    Z = np.concatenate(parts)
    return (Z @ Z.conj().T).real
