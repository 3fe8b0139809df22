"""NeuralKernel among scikit-learn's Gaussian processes."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Hyperparameter, WhiteKernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import dualact as da
from dualact.errors import DualactError, NetworkError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 3))
y = np.sin(X[:, 0]) + X[:, 1] ** 2 / 4 + 0.1 * RNG.standard_normal(30)
NET = da.mlp(2, "erf", weight_std=1.3, bias_std=0.4)
MIXED = da.Network([da.Dense(1.5, 0.3), da.Act("relu"), da.Dense(1.2), da.Act("gelu"), da.Dense(0.9, 0.2)])


def differences(f, theta, step=1e-4):
    return np.array([(f(theta + step * e) - f(theta - step * e)) / (2 * step) for e in np.eye(len(theta))])


# ------------------------------------------------------------------------------- values


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_it_is_the_kernel(kind):
    neural = da.NeuralKernel(NET, kind)
    other = RNG.standard_normal((5, 3))
    assert np.allclose(neural(X), da.kernel(NET, X, kind=kind), rtol=1e-13)
    assert np.allclose(neural(other, X), da.kernel(NET, other, X, kind=kind), rtol=1e-13)
    assert np.array_equal(neural.diag(X), da.kernel_diag(NET, X, kind))
    K, gradient = neural(X, eval_gradient=True)
    assert np.allclose(K, neural(X), rtol=1e-12)
    assert gradient.shape == (30, 30, 2)
    assert not neural.is_stationary()
    assert neural.requires_vector_input
    assert np.allclose(da.NeuralKernel()(X), da.kernel(da.mlp(2, "relu", weight_std=2**0.5), X))


def test_the_diagonal_is_linear():
    rows = RNG.standard_normal((50_000, 2))  # the whole matrix would be 20 GB
    assert da.NeuralKernel(NET).diag(rows).shape == (50_000,)


# ------------------------------------------------------------------------------- hyperparameters


def test_shared_hyperparameters():
    neural = da.NeuralKernel(NET)
    weight, bias = neural.hyperparameters
    assert weight == Hyperparameter("weight_std", "numeric", (1e-2, 1e2))
    assert bias == Hyperparameter("bias_std", "numeric", (1e-3, 1e1))
    assert np.allclose(neural.theta, np.log([1.3, 0.4]), rtol=1e-15)
    assert np.allclose(neural.bounds, np.log([[1e-2, 1e2], [1e-3, 1e1]]))
    assert neural.n_dims == 2
    neural.theta = np.log([0.7, 0.2])
    assert np.allclose([[d.weight_std, d.bias_std] for d in neural.network[::2]], [[0.7, 0.2]] * 3)
    assert da.mlp(2, "erf", weight_std=1.3, bias_std=0.4) == NET


def test_hyperparameters_of_each_layer():
    neural = da.NeuralKernel(MIXED, tie="layer", bias_std_bounds=[(0.1, 1), (0.05, 2)])
    weight, bias = neural.hyperparameters
    assert (weight.n_elements, bias.n_elements) == (3, 2)
    assert np.allclose(np.exp(neural.theta), [1.5, 1.2, 0.9, 0.3, 0.2])
    assert np.allclose(np.exp(neural.bounds), [[1e-2, 1e2]] * 3 + [[0.1, 1], [0.05, 2]])
    neural.theta = np.log([1, 2, 3, 4, 5])
    dense = [(layer.weight_std, layer.bias_std) for layer in neural.network[::2]]
    assert np.allclose(dense, [(1, 4), (2, 0), (3, 5)])  # a std of 0 stays


def test_zero_is_fixed():
    assert da.NeuralKernel(da.mlp(1, "relu", weight_std=2.0)).n_dims == 1
    frozen = da.Network([da.Dense(0.0, 0.5), da.Act("relu"), da.Dense(0.0, 0.5)])
    assert [h.name for h in da.NeuralKernel(frozen).hyperparameters] == ["bias_std"]


def test_fixed_bounds():
    neural = da.NeuralKernel(NET, bias_std_bounds="fixed")
    assert [h.fixed for h in neural.hyperparameters] == [False, True]
    assert np.allclose(neural.theta, np.log([1.3]))
    assert neural(X, eval_gradient=True)[1].shape == (30, 30, 1)
    neural.theta = np.log([2.0])
    assert neural.network == da.mlp(2, "erf", weight_std=np.exp(np.log(2.0)), bias_std=0.4)
    both = da.NeuralKernel(NET, weight_std_bounds="fixed", bias_std_bounds="fixed")
    assert (both.n_dims, both.theta.shape, both.bounds.shape) == (0, (0,), (0,))
    assert GaussianProcessRegressor(both, alpha=0.1).fit(X, y).kernel_.network == NET


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
@pytest.mark.parametrize(("network", "tie"), [(NET, "shared"), (NET, "layer"), (MIXED, "layer")])
def test_gradient_of_the_marginal_likelihood(network, tie, kind):
    composed = ConstantKernel(0.7) * da.NeuralKernel(network, kind, tie) + WhiteKernel(0.05) + RBF(2.0)
    gp = GaussianProcessRegressor(composed, optimizer=None).fit(X, y)
    _, gradient = gp.log_marginal_likelihood(composed.theta, eval_gradient=True)
    expected = differences(gp.log_marginal_likelihood, composed.theta)
    assert np.allclose(gradient, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_gradient_in_a_classifier():
    neural = da.NeuralKernel(MIXED, tie="layer")
    gp = GaussianProcessClassifier(neural, optimizer=None).fit(X, y > 0.3)
    _, gradient = gp.log_marginal_likelihood(neural.theta, eval_gradient=True)
    expected = differences(gp.log_marginal_likelihood, neural.theta)
    assert np.allclose(gradient, expected, rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------- learning


def test_regression_finds_better_hyperparameters():
    start = ConstantKernel(1.0, "fixed") * da.NeuralKernel(NET, "nngp") + WhiteKernel(0.1)
    gp = GaussianProcessRegressor(start, n_restarts_optimizer=1, random_state=0).fit(X, y)
    assert gp.log_marginal_likelihood_value_ > gp.log_marginal_likelihood(start.theta) + 1
    at_best = gp.log_marginal_likelihood(gp.kernel_.theta, eval_gradient=True)[1]
    assert np.abs(at_best).max() < 1e-2
    new = RNG.standard_normal((200, 3))
    mean, std = gp.predict(new, return_std=True)
    truth = np.sin(new[:, 0]) + new[:, 1] ** 2 / 4
    assert 1 - np.mean((mean - truth) ** 2) / truth.var() > 0.8
    assert np.mean(np.abs(mean - truth) < 3 * std) > 0.95
    assert start.k1.k2.network == NET


def test_bounds_are_respected():
    tight = da.NeuralKernel(NET, "nngp", weight_std_bounds=(1.2, 1.4), bias_std_bounds=(0.3, 0.5))
    gp = GaussianProcessRegressor(tight, alpha=0.1)
    with pytest.warns(ConvergenceWarning, match=r"parameter (weight|bias)_std is close to the specified"):
        gp.fit(X, y)
    dense = gp.kernel_.network[0]
    assert 1.2 <= dense.weight_std <= 1.4
    assert 0.3 <= dense.bias_std <= 0.5


def test_classification_of_three_classes():
    data, target = load_iris(return_X_y=True)
    neural = da.NeuralKernel(da.mlp(1, "relu", weight_std=2.0, bias_std=1.0), weight_std_bounds=(0.1, 10))
    model = make_pipeline(StandardScaler(), GaussianProcessClassifier(neural, max_iter_predict=20))
    model.fit(data[::2], target[::2])
    assert model.score(data[1::2], target[1::2]) > 0.93
    assert np.allclose(model.predict_proba(data[1::2]).sum(axis=1), 1)


def test_a_search_over_activations():
    gp = GaussianProcessRegressor(da.NeuralKernel(NET, "nngp") + WhiteKernel(0.1), optimizer=None)
    grid = {"kernel__k1__network__activation": ["erf", "relu"], "kernel__k1__network__depth": [1, 3]}
    search = GridSearchCV(gp, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.kernel.k1.network.layers[1] == da.Act(
        search.best_params_["kernel__k1__network__activation"]
    )
    assert gp.kernel.k1.network == NET


# ------------------------------------------------------------------------------- the object


def test_clone_copies_and_equality():
    neural = da.NeuralKernel(NET, tie="layer", bias_std_bounds="fixed")
    copy = clone(neural)
    assert copy == neural
    assert copy is not neural
    moved = neural.clone_with_theta(neural.theta + 0.1)
    assert moved != neural
    assert np.allclose(moved.theta, neural.theta + 0.1)
    assert neural.network == NET
    again = pickle.loads(pickle.dumps(moved))
    assert again == moved
    assert np.array_equal(again(X), moved(X))
    assert set(neural.get_params()) == {"network", "kind", "tie", "weight_std_bounds", "bias_std_bounds"}


def test_set_params():
    neural = da.NeuralKernel(NET)
    assert neural.set_params(kind="nngp", network__activation="relu", network__bias_std=0.1) is neural
    assert neural.network == da.mlp(2, "relu", weight_std=1.3, bias_std=0.1)
    assert neural.kind == "nngp"
    with pytest.raises(ValueError, match="Invalid parameter width for kernel NeuralKernel"):
        neural.set_params(width=3)
    with pytest.raises(NetworkError, match="network__width is not a parameter of the network"):
        neural.set_params(network__width=3)


def test_repr():
    assert repr(da.NeuralKernel(da.mlp(1, "erf"), "nngp")) == (
        "NeuralKernel(Network([Dense(), Act('erf'), Dense()]), kind='nngp')"
    )
    assert repr(da.NeuralKernel(tie="layer")) == "NeuralKernel(None, tie='layer')"
    assert (
        repr(4.0 * da.NeuralKernel(da.mlp(1, "erf")))
        == "2**2 * NeuralKernel(Network([Dense(), Act('erf'), Dense()]))"
    )


def test_networks_as_dictionaries():
    neural = da.NeuralKernel(NET.to_dict())
    neural.theta = neural.theta + 0.1
    assert np.allclose(neural.theta, da.NeuralKernel(NET).theta + 0.1)


# ------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"kind": "cntk"}, "The 'kind' parameter of NeuralKernel must be one of 'ntk', 'nngp'. Got 'cntk'"),
        ({"tie": "none"}, "The 'tie' parameter of NeuralKernel must be one of 'shared', 'layer'. Got 'none'"),
        ({"network": "relu"}, "network must be a Network"),
        ({"network": da.mlp(1, "step")}, "layer 1 .*step.*no NTK"),
        ({"network": da.Network([da.Dense()], input_shape=(7,))}, "X has 3 features"),
    ],
    ids=str,
)
def test_parameters_that_are_refused(params, match):
    for call in (lambda k: k(X), lambda k: k(X, eval_gradient=True), lambda k: k.diag(X)):
        with pytest.raises(DualactError, match=match):
            call(da.NeuralKernel(**params))


@pytest.mark.parametrize(
    "bounds", [(0, 1), (2, 1), (-1, 1), "free", (1, np.inf), (1, 2, 3), [(1, 2)] * 3, None, 1.0], ids=str
)
def test_bounds_that_are_refused(bounds):
    for name in ("weight_std_bounds", "bias_std_bounds"):
        neural = da.NeuralKernel(MIXED.replace(weight_std=1.0, bias_std=0.1)[:3], **{name: bounds})
        with pytest.raises(
            DualactError, match=f"'{name}' parameter of NeuralKernel must be 'fixed', a pair of positive"
        ):
            _ = neural.bounds


def test_shared_stds_must_be_equal():
    with pytest.raises(NetworkError, match=r"one weight_std for all .* has 1.5, 1.2, 0.9. Use tie='layer'"):
        _ = da.NeuralKernel(MIXED).theta
    assert da.NeuralKernel(MIXED, weight_std_bounds="fixed", bias_std_bounds="fixed").n_dims == 0
    assert da.NeuralKernel(MIXED)(X).shape == (30, 30)


def test_a_gradient_against_other_rows():
    with pytest.raises(ValueError, match="Gradient can only be evaluated when Y is None"):
        da.NeuralKernel(NET)(X, X, eval_gradient=True)


def test_theta_of_another_length():
    with pytest.raises(DualactError, match=r"theta must have shape \(2,\).*Got shape \(3,\)"):
        da.NeuralKernel(NET).theta = np.zeros(3)
