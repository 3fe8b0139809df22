"""The network: a frozen, hashable sequence of layers that can be written down and read back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, assert_never, overload

from ..errors import DualactError, NetworkError
from ..nonlinearity.contract import Activation
from .layers import (
    MAX_NESTING,
    Act,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Residual,
    as_layers,
)

__all__ = ["MAX_LAYERS", "Network", "as_network", "as_shape"]

VERSION = 1
MAX_LAYERS = 10_000


class Network:
    """A sequence of layers, from the input to the output.

    Parameters
    ----------
    layers : sequence of layers
        Dense, Conv, Act, AvgPool, GlobalAvgPool, Flatten, LayerNorm, Residual. Whether the
        sequence makes sense is said by :func:`dualact.plan` (and by everything that uses a network), with a
        way to mend it.
    input_shape : tuple of int, optional
        Shape of one input without the batch: ``(d,)``, or ``(L, C)`` or ``(H, W, C)`` of a spatial network;
        None accepts any.

    Examples
    --------
    >>> import dualact as da
    >>> net = da.Network([da.Dense(2**0.5), da.Act("relu"), da.Dense()])
    >>> net
    Network([Dense(weight_std=1.4142135623730951), Act('relu'), Dense()])
    >>> net == da.Network.from_dict(net.to_dict())
    True
    >>> net.replace(activation="gelu")[1]
    Act('gelu')
    """

    __slots__ = ("_input_shape", "_layers")
    _layers: tuple[Layer, ...]
    _input_shape: tuple[int, ...] | None

    def __init__(self, layers: Iterable[Layer], input_shape: Iterable[int] | None = None) -> None:
        found = as_layers(layers.layers if isinstance(layers, Network) else layers, "Network")
        if len(found) > MAX_LAYERS:
            raise NetworkError(f"Network: at most {MAX_LAYERS} layers. Got {len(found)}.")
        object.__setattr__(self, "_layers", found)
        object.__setattr__(self, "_input_shape", None if input_shape is None else as_shape(input_shape))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("Network is frozen; use replace(...) to get a changed copy.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("Network is frozen; its fields cannot be deleted.")

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, as a tuple."""
        return self._layers

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """Shape of one input, or None for any."""
        return self._input_shape

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> Network: ...
    def __getitem__(self, index: int | slice) -> Layer | Network:
        if isinstance(index, slice):
            start, _, step = index.indices(len(self))
            return Network(self.layers[index], self.input_shape if start == 0 and step > 0 else None)
        return self.layers[index]

    def __add__(self, other: Network | Iterable[Layer]) -> Network:
        if not isinstance(other, Network | list | tuple):
            return NotImplemented
        return Network(self.layers + as_layers(other, "Network"), self.input_shape)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return self.layers == other.layers and self.input_shape == other.input_shape

    def __hash__(self) -> int:
        return hash((self.layers, self.input_shape))

    def __repr__(self) -> str:
        shape = "" if self.input_shape is None else f", input_shape={self.input_shape!r}"
        return f"Network({list(self.layers)!r}{shape})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Network, (self.layers, self.input_shape))

    def replace(
        self,
        *,
        activation: str | Activation | None = None,
        depth: int | None = None,
        weight_std: float | None = None,
        bias_std: float | None = None,
    ) -> Network:
        """Return a changed copy.

        Parameters
        ----------
        activation : str or Activation, optional
            Put in the place of every activation.
        depth : int, optional
            Number of hidden layers; only for a network that :func:`dualact.mlp` or :func:`dualact.cnn`
            could have made.
        weight_std, bias_std : float, optional
            Put in the place of those of every Dense and Conv layer.

        Raises
        ------
        NetworkError
            If ``depth`` is asked of a network that is neither.
        """
        layers = _replaced(self.layers, activation, weight_std, bias_std)
        if depth is not None:
            layers = _with_depth(layers, depth)
        return Network(layers, self.input_shape)

    def to_dict(self) -> dict[str, Any]:
        """Return the network as JSON-ready data.

        Raises
        ------
        NetworkError
            If an activation is an unregistered function, which cannot be written down; it is named.
        """
        return {
            "version": VERSION,
            "input_shape": None if self.input_shape is None else list(self.input_shape),
            "layers": [_layer_to_dict(layer) for layer in self.layers],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Network:
        """Return the network that :meth:`to_dict` wrote down; nothing in the data is executed.

        Raises
        ------
        NetworkError
            If the data are not of the form that :meth:`to_dict` gives; the message says where.
        """
        if not isinstance(data, Mapping):
            raise NetworkError(
                f"Network.from_dict: expected a mapping with the keys version, input_shape, layers. "
                f"Got {type(data).__name__}."
            )
        if isinstance(data.get("version"), bool) or data.get("version") != VERSION:
            raise NetworkError(
                f"Network.from_dict: version must be {VERSION}. Got {data.get('version')!r}. "
                "A newer dualact may have written it."
            )
        unknown = sorted(set(map(str, data)) - {"version", "input_shape", "layers"})
        if unknown:
            raise NetworkError(f"Network.from_dict: unknown key {unknown[0]!r}.")
        return cls(_layers_from(data.get("layers"), "layers"), data.get("input_shape"))


def as_network(network: Network | Mapping[str, Any]) -> Network:
    """Return ``network`` itself, or the one its dictionary describes.

    Raises
    ------
    NetworkError
        If it is neither.
    """
    if isinstance(network, Network):
        return network
    if isinstance(network, Mapping):
        return Network.from_dict(network)
    raise NetworkError(
        "network must be a Network (for example mlp(2, 'relu')) or the dictionary of one. "
        f"Got {type(network).__name__}."
        f"{' Network([...]) makes one of layers.' * isinstance(network, list | tuple)}"
    )


def as_shape(shape: object) -> tuple[int, ...]:
    """Return the shape of one input as a tuple; a single integer is one axis.

    Raises
    ------
    NetworkError
        If it is not made of positive integers.
    """
    found: tuple[Any, ...] = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    if not found or any(isinstance(n, bool) or not hasattr(n, "__index__") or int(n) < 1 for n in found):
        raise NetworkError(
            f"Network: input_shape must be a tuple of positive integers, such as (64,). Got {shape!r:.80}."
        )
    return tuple(int(n) for n in found)


def _replaced(
    layers: tuple[Layer, ...],
    activation: str | Activation | None,
    weight_std: float | None,
    bias_std: float | None,
) -> tuple[Layer, ...]:
    def one(layer: Layer) -> Layer:
        match layer:
            case Dense() | Conv():
                return dataclasses.replace(
                    layer,
                    weight_std=layer.weight_std if weight_std is None else weight_std,
                    bias_std=layer.bias_std if bias_std is None else bias_std,
                )
            case Act():
                return layer if activation is None else Act(activation)
            case LayerNorm() | AvgPool() | GlobalAvgPool() | Flatten():
                return layer
            case Residual():
                return Residual(tuple(map(one, layer.layers)))
            case _:
                assert_never(layer)

    return tuple(map(one, layers))


def _with_depth(layers: tuple[Layer, ...], depth: int) -> tuple[Layer, ...]:
    """Return the layers of the mlp or cnn of that depth, if ``layers`` is one."""
    from .architectures import with_depth

    found = with_depth(layers, depth)
    if found is None:
        raise NetworkError(
            "Network.replace: depth is defined for networks of the form that mlp(...) or cnn(...) makes: "
            "equal hidden layers, then a Dense read-out. This network differs; build the deeper one from its "
            "layers."
        )
    return found


def _layer_to_dict(layer: Layer) -> dict[str, Any]:
    match layer:
        case Dense():
            return {"layer": "Dense", "weight_std": layer.weight_std, "bias_std": layer.bias_std}
        case Conv() | AvgPool() | GlobalAvgPool() | Flatten():
            fields = ((f.name, getattr(layer, f.name)) for f in dataclasses.fields(layer))
            plain = {key: list(v) if isinstance(v, tuple) else v for key, v in fields}
            return {"layer": type(layer).__name__, **plain}
        case Act():
            act = layer.activation
            params = {key: list(v) if isinstance(v, tuple) else v for key, v in act.params.items()}
            if act.registered:
                return {"layer": "Act", "activation": act.name, **params}
            if act.expression is not None:
                return {"layer": "Act", "activation": act.name, "expression": act.expression, **params}
            raise NetworkError(
                f"Network.to_dict: the activation {act.name!r} is an unregistered function and cannot be "
                "written down. Register it with register(name, factory), or make it with from_expression."
            )
        case LayerNorm():
            return {"layer": "LayerNorm"}
        case Residual():
            return {"layer": "Residual", "layers": [_layer_to_dict(inner) for inner in layer.layers]}
        case _:
            assert_never(layer)


def _layers_from(data: Any, where: str, depth: int = 0) -> tuple[Layer, ...]:
    if not isinstance(data, list | tuple):
        raise NetworkError(f"Network.from_dict: {where} must be a list. Got {type(data).__name__}.")
    if len(data) > MAX_LAYERS or depth > MAX_NESTING:
        raise NetworkError(
            f"Network.from_dict: {where:.80} is too large "
            f"(at most {MAX_LAYERS} layers, nested {MAX_NESTING} deep)."
        )
    return tuple(_layer_from(item, f"{where}[{i}]", depth) for i, item in enumerate(data))


def _layer_from(data: Any, where: str, depth: int) -> Layer:
    if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
        raise NetworkError(
            f"Network.from_dict: {where} must be a mapping such as {{'layer': 'Dense'}}. Got {data!r:.80}."
        )
    fields = dict(data)
    kind = fields.pop("layer", None)
    try:
        match kind:
            case "Dense":
                return Dense(**fields)
            case "Act":
                return _act_from(fields)
            case "LayerNorm":
                return LayerNorm(**fields)
            case "Conv":
                return Conv(**fields)
            case "AvgPool":
                return AvgPool(**fields)
            case "GlobalAvgPool":
                return GlobalAvgPool(**fields)
            case "Flatten":
                return Flatten(**fields)
            case "Residual":
                inner = _layers_from(fields.pop("layers", None), f"{where}.layers", depth + 1)
                return Residual(inner, **fields)
    except TypeError as error:
        raise NetworkError(
            f"Network.from_dict: {where}: {kind} does not take these fields: {', '.join(sorted(fields))}."
        ) from error
    except DualactError as error:
        if str(error).startswith("Network.from_dict"):
            raise
        raise type(error)(f"Network.from_dict: {where}: {error}") from error
    raise NetworkError(
        f"Network.from_dict: {where}: layer must be one of 'Dense', 'Conv', 'Act', 'AvgPool', "
        f"'GlobalAvgPool', 'Flatten', 'LayerNorm', 'Residual'. Got {kind!r}."
    )


def _act_from(fields: dict[str, Any]) -> Act:
    name = fields.pop("activation", None)
    if not isinstance(name, str):
        raise NetworkError(f"Act: activation must be a name. Got {name!r}.")
    text = fields.pop("expression", None)
    if text is not None:
        from ..nonlinearity.symbolic.expressions import from_expression

        return Act(from_expression(name, text, **fields))
    return Act(name, **fields)
