"""Standard deviations as a list."""

import pytest

import dualact as da
from dualact.errors import NetworkError
from dualact.network.stds import dense_layers, with_dense_layers

NET = da.Network(
    [
        da.Dense(1.0),
        da.Residual([da.Act("relu"), da.Dense(2.0), da.Residual([da.LayerNorm(), da.Dense(3.0, 0.3)])]),
        da.Act("erf"),
        da.Dense(4.0, 0.4),
    ],
    input_shape=(5,),
)


def test_the_order_is_that_of_the_signal():
    assert dense_layers(NET.layers) == (da.Dense(1.0), da.Dense(2.0), da.Dense(3.0, 0.3), da.Dense(4.0, 0.4))


def test_put_back():
    assert with_dense_layers(NET, dense_layers(NET.layers)) == NET
    changed = with_dense_layers(NET, [da.Dense(k, k / 8) for k in range(4)])
    assert dense_layers(changed.layers) == tuple(da.Dense(k, k / 8) for k in range(4))
    assert changed.input_shape == (5,)
    assert changed[1].layers[0] == da.Act("relu")
    assert changed[1].layers[2].layers == (da.LayerNorm(), da.Dense(2, 0.25))


@pytest.mark.parametrize("count", [3, 5])
def test_another_number_of_layers(count):
    with pytest.raises(NetworkError, match=f"the network has 4 Dense layers. Got {count} to put"):
        with_dense_layers(NET, [da.Dense()] * count)
