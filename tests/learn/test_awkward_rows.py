"""Rows as they come: in chunks and threads, in any layout and dtype, very long and very short."""

import numpy as np
import pytest
from sklearn.base import clone

import dualact as da
from dualact.errors import DualactError
from dualact.sketch import native

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 8))
MAKERS = {
    "relu": da.SketchedNeuralKernel(da.mlp(2, "relu", weight_std=2**0.5), n_components=100, random_state=0),
    "gelu": da.SketchedNeuralKernel(
        da.mlp(1, "gelu", bias_std=0.1), n_components=60, degree=7, random_state=0
    ),
    "power": da.PolynomialSketch(degree=6, gamma=0.3, n_components=100, random_state=0),
    "polynomial": da.PolynomialSketch(degree=3, coef0=0.5, n_components=100, random_state=0),
    "pooled": da.PolynomialSketch(degree=9, coef0=0.5, gamma=0.1, n_components=7, random_state=0),
}


@pytest.fixture(
    scope="module", params=[(m, s) for m in MAKERS for s in (0.0, 1.5)], ids=lambda p: f"{p[0]}-{p[1]}"
)
def fitted(request):
    """On centred rows, and on rows that share a direction, along which most maps split them."""
    maker, shift = request.param
    return clone(MAKERS[maker]).fit(X + shift)


def test_some_are_split():
    maps = [
        clone(m).fit(X + shift).plan_.direction is not None for m in MAKERS.values() for shift in (0.0, 1.5)
    ]
    assert any(maps)
    assert not all(maps)


def equal(a, b):
    """To the bit in the compiled path, to rounding where BLAS decides."""
    if native._compiled is not None:
        return np.array_equal(a, b)
    size = np.linalg.norm(b, axis=1, keepdims=True)
    return bool(np.all(np.abs(a - b) <= 1e-4 * np.finfo(b.dtype).eps ** 0.5 * size + 1e-30))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_features_in_every_chunk_and_thread(fitted, dtype):
    rows = np.concatenate([RNG.standard_normal((1100, 8)), np.zeros((2, 8)), X * 30, X * 1e-3]).astype(dtype)
    whole = fitted.transform(rows)
    assert whole.dtype == dtype
    for i in range(0, len(rows), 53):
        assert equal(fitted.transform(rows[i : i + 1]), whole[i : i + 1])  # alone
    for size, step in ((7, 91), (1000, 1000)):
        for i in range(0, len(rows), step):
            assert equal(fitted.transform(rows[i : i + size]), whole[i : i + size])
    assert equal(fitted.transform(rows[::-1])[::-1], whole)
    for jobs in (1, 2, 3):
        features = clone(fitted)
        features.__dict__.update(fitted.__dict__)
        features.n_jobs = jobs
        assert equal(features.transform(rows), whole)


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda A: np.repeat(A, 2, axis=1)[:, ::2],
        lambda A: np.repeat(A, 3, axis=0)[::3],
        lambda A: np.ascontiguousarray(A[::-1])[::-1],
        lambda A: np.frombuffer(b"x" + A.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(A.shape),
        lambda A: A.astype(">f8"),
        lambda A: A.astype(object),
    ],
    ids=[
        "fortran",
        "strided columns",
        "strided rows",
        "reversed",
        "unaligned and read-only",
        "swapped",
        "object",
    ],
)
def test_any_memory_layout(fitted, form):
    assert np.array_equal(fitted.transform(form(X)), fitted.transform(X))
    assert np.array_equal(clone(fitted).fit(form(X)).transform(X), clone(fitted).fit(X).transform(X))


def test_read_only_rows_are_left_alone(fitted):
    frozen = X.copy()
    frozen.setflags(write=False)
    Z = fitted.transform(frozen)
    assert np.array_equal(Z, fitted.transform(X))
    assert np.array_equal(frozen, X)
    clone(fitted).fit(frozen)
    Z[0, 0] = 1.0  # the result is the caller's to write to


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float16, bool, np.float32])
def test_dtypes(fitted, dtype):
    rows = np.abs(np.round(X * 3)).astype(dtype)
    Z, expected = fitted.transform(rows), fitted.transform(rows.astype(np.float64))
    assert Z.dtype == (np.float32 if dtype == np.float32 else np.float64)
    if dtype != np.float32:
        assert np.array_equal(Z, expected)
    else:
        assert np.abs(Z - expected).max() < 1e-5 * np.linalg.norm(expected, axis=1).max()


@pytest.mark.parametrize("maker", MAKERS)
def test_int8_does_not_wrap_around(maker):
    rows = (X * 40).clip(-127, 127).astype(np.int8)
    Z = clone(MAKERS[maker]).fit_transform(rows)
    assert np.array_equal(Z, clone(MAKERS[maker]).fit_transform(rows.astype(float)))


@pytest.mark.parametrize("maker", ["relu", "power"])
@pytest.mark.parametrize("scale", [1e30, 1e-30, 1e-40])
def test_homogeneous_maps_scale_as_they_must(maker, scale):
    """Norms of 1e30 overflow no product on the way: they are taken out before any is made."""
    features = clone(MAKERS[maker]).fit(X)
    degree = {"relu": 1, "power": 6}[maker]
    Z, far = features.transform(X), features.transform(X * scale)
    assert np.all(np.isfinite(far))
    size = scale**degree
    if size > 1e-290:
        assert np.abs(far / size - Z).max() < 1e-9 * np.abs(Z).max()
    else:
        assert np.abs(far).max() <= 2 * np.abs(Z).max() * 1e-290


@pytest.mark.parametrize("scale", [1e30, 1e37])
def test_long_rows_in_single_precision(scale):
    """A ReLU network is homogeneous of degree one: what fits float32 is right in float32."""
    features = clone(MAKERS["relu"]).fit(X)
    Z = features.transform((X * scale).astype(np.float32))
    assert Z.dtype == np.float32
    assert (
        np.abs(Z.astype(float) / scale - features.transform(X)).max()
        < 1e-5 * np.abs(features.transform(X)).max()
    )


def test_what_does_not_fit_single_precision_is_refused():
    features = clone(MAKERS["power"]).fit(X)
    far = (X * 1e30).astype(np.float32)
    with pytest.raises(
        DualactError, match=r"overflow float32: rows have norms of up to .*e\+3\d.*pass X as float64"
    ):
        features.transform(far)
    assert np.all(np.isfinite(features.transform(far.astype(np.float64))))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_denormal_rows(fitted, dtype):
    """As the zero row, or scaled: finite, and no longer than what the kernel says of zero."""
    tiny = np.finfo(dtype).smallest_subnormal
    rows = np.stack([np.zeros(8), np.full(8, tiny), np.arange(8) * tiny, np.full(8, 100 * tiny)]).astype(
        dtype
    )
    Z = fitted.transform(rows)
    assert np.all(np.isfinite(Z))
    assert np.abs(Z - Z[0]).max() <= 1e-15 + 1e-6 * np.abs(Z[0]).max()
    refitted = clone(fitted).fit(rows)
    assert np.all(np.isfinite(refitted.transform(rows)))


@pytest.mark.parametrize("maker", MAKERS)
def test_rows_whose_norms_differ_by_sixty_decades(maker):
    rows = X[:, :4] * 10.0 ** np.linspace(-30, 20, 60)[:, None]
    features = clone(MAKERS[maker])
    try:
        Z = features.fit_transform(rows)
    except DualactError as refused:
        assert "Scale" in str(refused) or "scale" in str(refused)  # noqa: PT017
        assert maker == "gelu"
    else:
        assert np.all(np.isfinite(Z))
