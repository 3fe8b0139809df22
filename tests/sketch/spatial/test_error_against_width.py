"""The error of the sketches falls as 1/√m, where all widths grow together."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import dualact as da
from dualact.sketch.spatial.feature_map import SpatialMap
from dualact.sketch.spatial.fitting import plan_images

SEEDS = 4


def smooth_images(count):
    noise = np.random.default_rng(0).standard_normal((count, 6, 6, 3))
    images = gaussian_filter(noise, (0, 1, 1, 0)) + 0.3 * noise
    return (images / images.std()).astype(np.float32)


def noise_of(network, kind, images, n):
    """Root mean square distance of Gram matrices of several seeds from their mean, over its norm."""
    grams = []
    for seed in range(SEEDS):
        widths = [n // 2] * (sum(isinstance(layer, da.Act) for layer in network.layers) - 1)
        plan = plan_images(network, kind, images, n_components=n, widths=widths, seed=seed)
        Z = SpatialMap(plan, np.float32).transform(images).astype(float)
        grams.append(Z @ Z.T)
    grams = np.array(grams)
    mean = grams.mean(axis=0)
    return np.sqrt(np.mean(np.sum((grams - mean) ** 2, axis=(1, 2)))) / np.linalg.norm(mean)


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_sixteen_times_the_columns_quarter_the_noise(kind):
    images = smooth_images(6)
    network = da.cnn(2, "relu", pool_every=1)
    narrow, wide = (noise_of(network, kind, images, n) for n in (64, 1024))
    assert narrow < 0.2
    # Heavy directions and exact monomials make it better than 1/√16, never much worse.
    assert wide < 0.25 * 1.3 * narrow
