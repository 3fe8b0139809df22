"""What the estimators share: networks, searches, seeds, sentences."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

import dualact as da
from dualact.errors import DualactError, NetworkError, UnknownActivationError
from dualact.learn.parameters import network_of, seed_of

ESTIMATORS = [da.SketchedNeuralKernel, da.ExactNeuralKernel]
X = np.random.default_rng(0).standard_normal((40, 6))
y = (X[:, 0] * X[:, 1] > 0).astype(int)


def test_network_of():
    assert network_of(None) == da.mlp(2, "relu", weight_std=2**0.5)
    net = da.mlp(1, "leaky_relu", bias_std=0.3)
    assert network_of(net) is net
    assert network_of(net.to_dict()) == net
    with pytest.raises(NetworkError, match=r"network must be a Network .* or the dictionary of one. Got str"):
        network_of("relu")


def test_seeds():
    assert [seed_of(s) for s in (0, 7, np.int64(7), 2**32 - 1)] == [0, 7, 7, 2**32 - 1]
    one, other = (seed_of(np.random.RandomState(s)) for s in (3, 4))
    assert one == seed_of(np.random.RandomState(3))
    assert one != other
    assert 0 <= seed_of(None) < 2**31
    assert len({seed_of(None) for _ in range(5)}) > 1
    state = np.random.RandomState(0)
    assert seed_of(state) != seed_of(state)
    for wrong in (-1, 2**32):
        with pytest.raises(DualactError, match=rf"random_state must be between 0 and .*Got {wrong}"):
            seed_of(wrong)
    with pytest.raises(ValueError, match="cannot be used to seed"):
        seed_of("seven")


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_set_params_replaces_the_network_and_mutates_nothing(Estimator):
    net = da.mlp(2, "relu")
    estimator = Estimator(net)
    assert estimator.set_params(network__activation="gelu", network__depth=3, kind="nngp") is estimator
    assert estimator.network == da.mlp(3, "gelu")
    assert estimator.kind == "nngp"
    assert net == da.mlp(2, "relu")
    estimator.set_params(network__weight_std=1.5, network__bias_std=0.2)
    assert estimator.network == da.mlp(3, "gelu", weight_std=1.5, bias_std=0.2)
    estimator.set_params(network=da.mlp(1, "erf"), network__depth=2)
    assert estimator.network == da.mlp(2, "erf")
    assert Estimator().set_params(network__depth=1).network == da.mlp(1, "relu", weight_std=2**0.5)
    assert Estimator(net.to_dict()).set_params(network__depth=1).network == da.mlp(1, "relu")


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_set_params_refuses(Estimator):
    name = Estimator.__name__
    with pytest.raises(NetworkError, match=rf"{name}: network__width is not a .*network__activation"):
        Estimator().set_params(network__width=3)
    with pytest.raises(UnknownActivationError, match="relu"):
        Estimator().set_params(network__activation="rellu")
    with pytest.raises(ValueError, match=f"Invalid parameter 'gamma' for estimator {name}"):
        Estimator().set_params(gamma=1)
    with pytest.raises(NetworkError, match="depth is defined for networks"):
        Estimator(da.Network([da.Dense(), da.LayerNorm(), da.Act("erf"), da.Dense()])).set_params(
            network__depth=3
        )


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_clone_and_get_params(Estimator):
    estimator = Estimator(da.mlp(1, "erf"), kind="nngp")
    copy = clone(estimator)
    assert copy.network == estimator.network
    assert copy.get_params()["kind"] == "nngp"
    assert set(Estimator().get_params()) >= {"network", "kind", "n_jobs"}


def test_a_search_in_a_pipeline():
    model = Pipeline(
        [("kernel", da.SketchedNeuralKernel(n_components=64, random_state=0)), ("fit", RidgeClassifier())]
    )
    grid = {
        "kernel__network__activation": ["relu", "erf"],
        "kernel__network__depth": [1, 2],
        "kernel__kind": ["ntk"],
    }
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    best = search.best_estimator_.named_steps["kernel"]
    assert best.network == da.mlp(
        search.best_params_["kernel__network__depth"],
        search.best_params_["kernel__network__activation"],
        weight_std=2**0.5,
    )
    assert model.named_steps["kernel"].network is None


def test_a_search_over_exact_kernels():
    model = Pipeline([("kernel", da.ExactNeuralKernel()), ("fit", SVC(kernel="precomputed"))])
    grid = {"kernel__network__weight_std": [0.5, 2.0], "kernel__network": [da.mlp(1, "gelu")]}
    assert len(GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y).cv_results_["params"]) == 2


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"kind": "cntk"}, "The 'kind' parameter of {} must be one of 'ntk', 'nngp'. Got 'cntk' instead."),
        ({"kind": None}, "The 'kind' parameter of {} must be one of 'ntk', 'nngp'. Got None instead."),
        (
            {"n_jobs": 0},
            r"The 'n_jobs' parameter of {} must be None, -1 or an int in .*\[1, inf\). Got 0",
        ),
        ({"n_jobs": "two"}, "The 'n_jobs' parameter of {} must be .* Got 'two' instead."),
        ({"n_jobs": 1.5}, "The 'n_jobs' parameter of {} must be .* Got 1.5 instead."),
        ({"n_jobs": True}, "The 'n_jobs' parameter of {} must be .* Got True instead."),
        ({"network": "relu"}, "network must be a Network"),
        ({"network": da.Network([])}, "the network has no layers"),
        ({"network": da.Network([da.Dense(), da.Act("relu")], input_shape=(5,))}, "X has 6 features.*(5,)"),
        ({"network": da.mlp(1, "step")}, "layer 1 .*step.*no NTK"),
    ],
    ids=str,
)
def test_parameters_are_refused_when_fitting(Estimator, params, match):
    with pytest.raises(DualactError, match=match.format(Estimator.__name__)):
        Estimator(**params).fit(X)


@pytest.mark.parametrize("n_jobs", [None, -1, 1, 2, np.int64(2)])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_numbers_of_threads(Estimator, n_jobs):
    params = {"random_state": 0} if Estimator is da.SketchedNeuralKernel else {}
    expected = Estimator(**params).fit(X).transform(X)
    assert np.allclose(Estimator(n_jobs=n_jobs, **params).fit(X).transform(X), expected, rtol=1e-12)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_displays_are_short(Estimator):
    assert repr(Estimator()) == f"{Estimator.__name__}()"
    shown = repr(Estimator(da.mlp(2, "erf")))
    assert len(shown) < 160
    assert "Act('erf')" in shown
    html = Estimator(da.mlp(2, "erf"))._repr_html_()
    assert "Act" in html
    assert html.count("Dense()") <= 6
