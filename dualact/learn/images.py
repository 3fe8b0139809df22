"""What is done to images before a kernel sees them, as scikit-learn transformers.

All take (n, H, W, C) or (n, L, C) arrays, or flattened rows (n, d), give back the shape they got, and keep
float32. The usual order, as in Shankar et al. 2020 and Han et al. 2022: :class:`ChannelStandardizer`,
:class:`ImageNormalizer`, :class:`ZCAWhitening`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..errors import DualactError
from .parameters import as_flat_rows, check_choice, validated

__all__ = ["ChannelStandardizer", "ImageNormalizer", "ZCAWhitening"]

_CHUNK = 1024  # rows worked on at once
_DTYPES = (np.float64, np.float32)


class _OfImages(
    OneToOneFeatureMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Images go in as rows, and come out as the images that they were."""

    def _rows(self, X: Any) -> NDArray[Any]:
        """Return the training data as rows of floats."""
        rows, shape = as_flat_rows(X)
        self.input_shape_ = shape
        found: NDArray[Any] = validated(self, rows, dtype=_DTYPES)
        return found

    def transform(self, X: Any) -> NDArray[Any]:
        """Transform images.

        Parameters
        ----------
        X : (n, H, W, C), (n, L, C) or (n, d) array

        Returns
        -------
        array of the shape of X
            float32 for float32 data, float64 otherwise.
        """
        check_is_fitted(self)
        rows, shape = as_flat_rows(X, self.input_shape_)
        rows = validated(self, rows, dtype=_DTYPES, reset=False)
        out = np.empty(rows.shape, rows.dtype)
        for part in _chunks(len(rows)):
            out[part] = self._transformed(rows[part])
        return out if shape is None else out.reshape(-1, *shape)

    def _transformed(self, rows: NDArray[Any]) -> NDArray[Any]:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class ChannelStandardizer(_OfImages):
    """Per-channel standardisation: zero mean and unit variance over all positions of all images.

    Parameters
    ----------
    n_channels : int or None
        Number of channels, which must be the last axis; needed for flattened rows of more than one channel.
        None takes it from the images, and one channel for rows.

    Attributes
    ----------
    mean_, scale_ : (n_channels,) arrays
        A channel that is constant has the scale 1.
    input_shape_ : tuple of int or None
        Shape of one image; None if rows were given.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np, dualact as da
    >>> images = np.arange(24.0).reshape(2, 2, 3, 2)
    >>> Z = da.ChannelStandardizer().fit_transform(images)
    >>> Z.shape, bool(np.allclose(Z.mean(axis=(0, 1, 2)), 0)), bool(np.allclose(Z.std(axis=(0, 1, 2)), 1))
    ((2, 2, 3, 2), True, True)
    """

    def __init__(self, n_channels: int | None = None) -> None:
        self.n_channels = n_channels

    def fit(self, X: Any, y: Any = None) -> ChannelStandardizer:
        """Compute the mean and the standard deviation of each channel.

        Parameters
        ----------
        X : (n, H, W, C), (n, L, C) or (n, d) array
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        DualactError
            If n_channels does not fit X.
        """
        rows = self._rows(X)
        channels = self._channels(rows.shape[1])
        first = rows[0].reshape(-1, channels).mean(axis=0, dtype=np.float64)  # a shift, against cancellation
        count, total, squares = rows.size // channels, np.zeros(channels), np.zeros(channels)
        largest = np.zeros(channels)
        for part in _chunks(len(rows)):
            values = rows[part].astype(np.float64).reshape(-1, channels)
            np.maximum(largest, np.abs(values).max(axis=0), out=largest)
            values -= first
            total += values.sum(axis=0)
            squares += (values * values).sum(axis=0)
        mean = total / count
        variance = np.maximum(squares / count - mean**2, 0.0)
        self.mean_: NDArray[np.float64] = first + mean
        scale = np.sqrt(variance)
        # What is left of a constant channel is rounding.
        self.scale_ = np.where(scale > 1e-12 * largest, scale, 1.0)
        return self

    def _channels(self, width: int) -> int:
        own = None if self.input_shape_ is None else self.input_shape_[-1]
        asked = self.n_channels
        if asked is None:
            return 1 if own is None else own
        if isinstance(asked, bool) or not hasattr(asked, "__index__") or int(asked) < 1:
            raise DualactError(
                "The 'n_channels' parameter of ChannelStandardizer must be None or an int in the range "
                f"[1, inf). Got {asked!r} instead."
            )
        if (own is not None and own != asked) or width % int(asked):
            came = f"images of shape {self.input_shape_}" if own is not None else f"rows of {width} numbers"
            raise DualactError(f"ChannelStandardizer: n_channels={asked} does not fit {came}.")
        return int(asked)

    def _transformed(self, rows: NDArray[Any]) -> NDArray[Any]:
        values = rows.astype(np.float64).reshape(len(rows), -1, len(self.mean_))
        return ((values - self.mean_) / self.scale_).reshape(rows.shape)


class ImageNormalizer(_OfImages):
    """Per-image normalisation: zero mean over all positions and channels, then unit norm.

    Parameters
    ----------
    center : bool, default True
        Whether to subtract the mean of each image.
    norm : {"unit", "rms"}, default "unit"
        "unit" makes the Euclidean norm of each image 1; "rms" its mean square, so that pre-activations have
        the size that weights give them. Homogeneous activations without biases do not care.

    Attributes
    ----------
    input_shape_ : tuple of int or None
    n_features_in_ : int

    Notes
    -----
    A constant image becomes zero. The transformer is stateless: ``fit`` only remembers the shape.

    Examples
    --------
    >>> import numpy as np, dualact as da
    >>> images = np.array([[[[1.0], [2.0]]], [[[5.0], [5.0]]]])
    >>> da.ImageNormalizer().fit_transform(images)[:, 0, :, 0].round(4)
    array([[-0.7071,  0.7071],
           [ 0.    ,  0.    ]])
    """

    def __init__(self, center: bool = True, norm: str = "unit") -> None:
        self.center = center
        self.norm = norm

    def fit(self, X: Any, y: Any = None) -> ImageNormalizer:
        """Check the parameters, and remember the shape.

        Parameters
        ----------
        X : (n, H, W, C), (n, L, C) or (n, d) array
        y : ignored

        Returns
        -------
        self
        """
        check_choice(type(self).__name__, "norm", self.norm, ("unit", "rms"))
        if not isinstance(self.center, bool | np.bool_):
            raise DualactError(
                f"The 'center' parameter of ImageNormalizer must be a bool. Got {self.center!r} instead."
            )
        self._rows(X)
        return self

    def _transformed(self, rows: NDArray[Any]) -> NDArray[Any]:
        values = rows.astype(np.float64)
        largest = np.abs(values).max(axis=1, keepdims=True)
        values /= np.where(largest > 0, largest, 1.0)  # squares neither overflow nor vanish
        if self.center:
            values -= values.mean(axis=1, keepdims=True)
        norm = np.sqrt((values * values).sum(axis=1, keepdims=True))
        size = math.sqrt(values.shape[1])
        if self.norm == "rms":
            norm /= size
            size = 1.0
        # What is left of a constant image is rounding, and has no direction.
        empty = norm <= 4 * np.finfo(rows.dtype).eps * size
        return np.where(empty, 0.0, values / np.where(empty, 1.0, norm))


class ZCAWhitening(_OfImages):
    """ZCA whitening: x ← (x − mean) U (Λ + r·mean(Λ))^−½ Uᵀ with the covariance U Λ Uᵀ.

    Parameters
    ----------
    regularization : float, default 0.1
        r, relative to the mean eigenvalue. 0 whitens fully; directions without variance then become 0.

    Attributes
    ----------
    mean_ : (d,) array
    eigenvalues_ : (d,) array
        Of the covariance, ascending.
    components_ : (d, d) array
        The whitening matrix, symmetric.
    input_shape_ : tuple of int or None
    n_features_in_ : int

    Notes
    -----
    Costs n·d² for the covariance and about 10·d³ for its eigenvectors (d = 3072: half a minute on two cores),
    and memory of a few d×d matrices; n·d² again to transform.

    References
    ----------
    Shankar et al., "Neural kernels without tangents", ICML 2020.

    Examples
    --------
    >>> import numpy as np, dualact as da
    >>> X = np.random.default_rng(0).standard_normal((500, 4)) @ np.diag([1.0, 2.0, 3.0, 4.0])
    >>> Z = da.ZCAWhitening(regularization=0.0).fit_transform(X)
    >>> bool(np.allclose(np.cov(Z.T, bias=True), np.eye(4)))
    True
    """

    def __init__(self, regularization: float = 0.1) -> None:
        self.regularization = regularization

    def fit(self, X: Any, y: Any = None) -> ZCAWhitening:
        """Compute the whitening matrix.

        Parameters
        ----------
        X : (n, H, W, C), (n, L, C) or (n, d) array
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        DualactError
            If regularization is not a number of at least 0.
        """
        r: object = self.regularization
        if isinstance(r, bool) or not isinstance(r, Real) or not 0 <= float(r) < math.inf:
            raise DualactError(
                f"The 'regularization' parameter of ZCAWhitening must be a float in the range [0, inf). "
                f"Got {r!r} instead."
            )
        rows = self._rows(X)
        n, d = rows.shape
        first = rows[0].astype(np.float64)  # a shift: what is constant has a covariance of exactly zero
        self.mean_: NDArray[np.float64] = first + sum((rows[p] - first).sum(axis=0) for p in _chunks(n)) / n
        covariance = np.zeros((d, d))
        for part in _chunks(n):
            values = rows[part] - self.mean_
            covariance += values.T @ values
        covariance /= n
        values, vectors = eigh(covariance, overwrite_a=True, check_finite=False)
        values = np.maximum(values, 0.0)
        lifted = values + float(r) * values.mean()
        # Without regularisation, what is left of a direction without variance is rounding.
        used = lifted > d * np.finfo(np.float64).eps * lifted.max(initial=0.0)
        root = np.where(used, 1 / np.sqrt(np.where(used, lifted, 1.0)), 0.0)
        self.eigenvalues_ = values
        self.components_: NDArray[np.float64] = (vectors * root) @ vectors.T
        return self

    def _transformed(self, rows: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = (rows - self.mean_).astype(rows.dtype) @ self.components_.astype(rows.dtype)
        return found


def _chunks(n: int) -> Iterator[slice]:
    return (slice(i, min(i + _CHUNK, n)) for i in range(0, n, _CHUNK))
