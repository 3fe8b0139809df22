"""What the plans of a network's features share: the network, reading and writing, the head of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ..errors import DualactError, NetworkError
from ..network.planning import Kind, NetworkPlan, render_table
from ..network.spec import Network

__all__ = ["FeaturePlan", "known_features", "origin"]

VERSION = 1


@dataclass(frozen=True, eq=False)
class FeaturePlan:
    """Abstract: everything that fixes a feature map but the dtype, and the seed where it is not part of it.

    Attributes
    ----------
    checked : NetworkPlan
        The network, its kind and number of features.
    n_components : int
        Output columns.
    """

    checked: NetworkPlan
    n_components: int

    method: ClassVar[str]  # that of :class:`SketchedNeuralKernel` which makes such plans
    _stored: ClassVar[str]  # the name under which the data are known

    @property
    def network(self) -> Network:
        """The network."""
        return self.checked.network

    @property
    def shaped_network(self) -> Network:
        """The network, with the shape of its inputs where they are not rows."""
        return self.network if self.input_shape is None else Network(self.network.layers, self.input_shape)

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """The shape of one input; None: inputs are rows."""
        return self.checked.input_shape if self.checked.spatial else None

    @property
    def kind(self) -> Kind:
        """The kind of kernel."""
        return self.checked.kind

    @property
    def n_features(self) -> int:
        """The number of numbers in one input."""
        return known_features(self.checked)

    @property
    def predicted_error(self) -> float:
        """Predicted relative Frobenius error of the Gram matrix."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data.

        Raises
        ------
        NetworkError
            If the network has an activation that cannot be written down.
        """
        return {
            "version": VERSION,
            "method": self._stored,
            "network": self.network.to_dict(),
            **self._data(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote; nothing in the data is executed.

        Raises
        ------
        DualactError
            If the data are not those of a plan.
        """
        if not isinstance(data, Mapping) or data.get("version") != VERSION:
            raise DualactError(
                f"{cls.__name__}.from_dict: expected the dictionary of a plan of version {VERSION}. "
                f"Got {data.get('version') if isinstance(data, Mapping) else type(data).__name__!r}."
            )
        try:
            return cls._read(data, Network.from_dict(data["network"]))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            if isinstance(error, DualactError):
                raise
            raise DualactError(
                f"{cls.__name__}.from_dict: the data are incomplete: {error!r:.200}."
            ) from error

    def _data(self) -> dict[str, Any]:
        """All that :meth:`to_dict` writes after the network."""
        raise NotImplementedError

    @classmethod
    def _read(cls, data: Mapping[str, Any], network: Network) -> Self:
        """The plan of what :meth:`_data` wrote."""
        raise NotImplementedError

    def _text(self, title: str, used: int | None, steps: list[tuple[str, ...]], *lines: str) -> str:
        """The head, the table of layers, and more lines; empty ones are left out."""
        inputs = self.input_shape or f"{self.n_features} features"
        columns = "" if used is None else f" ({used} used)"
        head = (
            f"{title} {self.kind.upper()} of {self.checked.output}: {inputs} -> "
            f"{self.n_components} components{columns}"
        )
        return "\n".join(line for line in (head, render_table(steps), *lines) if line)

    def _memory(self) -> str:
        return f"memory {4 * self.n_components} bytes a row in float32, {8 * self.n_components} in float64"


def origin(rows: int, what: str = "rows") -> str:
    """Say which rows a plan was designed on; 0 means rows drawn from N(0, 1)."""
    return f"{rows} {what} of X" if rows else f"{what} drawn from N(0, 1)"


def known_features(checked: NetworkPlan) -> int:
    """Return the number of features of a network's inputs.

    Raises
    ------
    NetworkError
        If it is not known.
    """
    if checked.n_features is None:
        raise NetworkError(
            "the number of features is not known; give the network an input_shape=(d,), or pass n_features=d."
        )
    return checked.n_features
