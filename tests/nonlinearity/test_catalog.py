"""The catalog's rules: data by name, loaded one at a time, nobody shadowed, nobody hurt."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from dualact.errors import DualactError, PluginError, PluginWarning, UnknownActivationError
from dualact.nonlinearity import catalog
from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.discovery import scan
from dualact.nonlinearity.store import Store

HEAD = "from dualact.nonlinearity.contract import Activation\nimport numpy as np\n"
WAVE = HEAD + (
    "def wave(frequency=1.0):\n"
    "    if frequency <= 0:\n"
    "        raise ValueError(f'frequency must be positive. Got {frequency!r}.')\n"
    "    return Activation('wave', lambda t: np.sin(frequency * t), lambda c, p, q: c, lambda c, p, q: c)\n"
)
STEP = (
    HEAD
    + "STEP = Activation('step', lambda t: np.heaviside(t, 0.5), breakpoints=(0.0,), params={'at': 0.0})\n"
)
POWER = HEAD + "def power(exponent: int):\n    return Activation('power', lambda t: t**exponent)\n"


@pytest.fixture
def store(site):
    """A catalog that sees only what a test installs."""
    return Store(lambda: scan([str(site)]))


@pytest.fixture
def public(store, monkeypatch):
    """The public functions, on that catalog."""
    monkeypatch.setattr(catalog, "_STORE", store)
    return catalog


@pytest.fixture
def installed(distribution):
    distribution("waves", {"zz_wave": WAVE, "zz_step": STEP}, wave="zz_wave:wave", step="zz_step:STEP")
    distribution("powers", {"zz_power": POWER}, power="zz_power:power")


def make(name="mine", **fields):
    return Activation(name, np.tanh, **fields)


def mine():
    return make()


# -- looking up --------------------------------------------------------------------------------------
def test_an_activation_has_its_registered_name_all_its_parameters_and_its_provider(installed, public):
    act = public.activation("wave", frequency=2)
    assert (act.name, dict(act.params), act.provider) == ("wave", {"frequency": 2.0}, "waves")
    assert act.registered
    assert repr(act) == "activation('wave', frequency=2.0)"
    assert act(np.array(0.3)) == np.sin(0.6)
    assert dict(public.activation("wave").params) == {"frequency": 1.0}


def test_equal_parameters_give_the_same_object(installed, public):
    default = public.activation("wave")
    assert default is public.activation("wave")
    for same in (1, 1.0, np.float32(1), np.int64(1), np.array(1.0)):
        assert public.activation("wave", frequency=same) is default
    other = public.activation("wave", frequency=2)
    assert other is not default
    assert other != default
    assert hash(default) == hash(public.activation("wave", frequency=1))


def test_a_look_up_loads_that_activation_alone(installed, public):
    public.activation("power", exponent=3)
    assert "zz_power" in sys.modules
    assert "zz_wave" not in sys.modules
    assert "zz_step" not in sys.modules


def test_nothing_is_scanned_before_the_first_look_up_and_then_once(site):
    scans = []
    store = Store(lambda: scans.append(1) or scan([str(site)]))
    assert scans == []
    store.register("a", mine, "tests")
    store.get("a", {})
    store.get("a", {})
    assert scans == [1]


def test_a_package_installed_meanwhile_is_found(distribution, public):
    with pytest.raises(UnknownActivationError):
        public.activation("wave")
    distribution("waves", {"zz_wave": WAVE}, wave="zz_wave:wave")
    assert public.activation("wave").provider == "waves"


def test_parameters_are_checked_and_the_legal_ones_listed(installed, public):
    with pytest.raises(
        DualactError, match=r"^activation 'wave' has no parameter 'freq'. Did you mean 'frequency'"
    ):
        public.activation("wave", freq=1)
    with pytest.raises(
        DualactError, match=r"frequency must be a number. Got '1' \(str\). Its parameters: freq"
    ):
        public.activation("wave", frequency="1")
    with pytest.raises(
        DualactError, match=r"^activation 'power' needs a value for exponent. Its parameters: exp"
    ):
        public.activation("power")
    with pytest.raises(
        DualactError,
        match=r"^activation 'wave' \(waves\) refuses {'frequency': -1}: frequency must be positive. Got -1.0."
        r" Its parameters: frequency=1.0.$",
    ) as caught:
        public.activation("wave", frequency=-1)
    assert not isinstance(caught.value, PluginError)


def test_a_factory_that_names_itself_in_its_refusal_is_not_named_twice(public):
    def strict(a=1.0):
        raise DualactError(f"activation 'mine': a must be even. Got {a!r}.")

    public.register("mine", strict)
    with pytest.raises(
        DualactError, match=r"^activation 'mine': a must be even. Got 3.0. Its parameters: a=1.0.$"
    ):
        public.activation("mine", a=3)
    with pytest.raises(PluginError, match=r"^activation 'mine' of module 'test_catalog'"):
        public.activation("mine")


def test_names_are_strings_and_parameters_keywords(public):
    with pytest.raises(
        DualactError, match=r"^activation: expected the name of an activation. Got 3 \(int\).$"
    ):
        public.activation(3)
    with pytest.raises(TypeError, match="positional"):
        public.activation("wave", 2.0)


def test_an_unknown_name_offers_near_ones_and_advice(installed, public):
    with pytest.raises(UnknownActivationError) as caught:
        public.activation("Wawe")
    assert str(caught.value) == (
        "no activation 'Wawe' is registered. Did you mean 'wave'? activations() lists all 3. An entry point "
        "added to a project counts only after it is installed again (pip install -e .); what register() "
        "adds, counts in this process alone. An activation need not be registered: from_function('Wawe', "
        "phi) makes one of any function."
    )
    with pytest.raises(
        UnknownActivationError, match=r"^no activation 'relu' is registered. activations\(\) lists"
    ):
        public.activation("relu")
    for written in ("PO-WER", "po wer", "Power"):
        with pytest.raises(UnknownActivationError, match="Did you mean 'power'"):
            public.activation(written)
    with pytest.raises(UnknownActivationError, match="no activation '' is registered"):
        public.activation("")


def test_instances_are_kept_within_bounds(public):
    public.register("mine", lambda a=0.0: make())
    first = public.activation("mine")
    for a in range(1, 600):
        public.activation("mine", a=a)
    assert public.activation("mine", a=599) is public.activation("mine", a=599)
    assert public.activation("mine") == first
    assert public.activation("mine") is not first


# -- a ready-made Activation -------------------------------------------------------------------------
def test_a_ready_made_activation_keeps_its_parameters_which_are_fixed(installed, public):
    act = public.activation("step")
    assert (act.name, dict(act.params), act.provider) == ("step", {"at": 0.0}, "waves")
    assert public.activation("step", at=0) is act
    with pytest.raises(
        DualactError, match=r"activation 'step': at is fixed at 0.0, because a ready-made Activation"
    ):
        public.activation("step", at=1.0)


# -- names and aliases -------------------------------------------------------------------------------
def test_an_alias_gives_the_activation_that_it_stands_for(distribution, public):
    code = HEAD + "def silu(beta=1.0):\n    return Activation('silu', np.tanh)\n"
    distribution("a", {"zz_silu": code}, silu="zz_silu:silu", swish="zz_silu:silu")
    assert public.activation("swish").name == "silu"
    assert public.activation("swish", beta=2) is public.activation("silu", beta=2)
    assert public.activations()["swish"].canonical == "silu"


def test_an_alias_in_another_distribution_is_still_the_same_object(distribution, public):
    distribution("a", {"zz_silu": HEAD + "SILU = Activation('silu', np.tanh)\n"}, silu="zz_silu:SILU")
    distribution("b", {"zz_more": "from zz_silu import SILU\n"}, swish="zz_more:SILU")
    act = public.activation("swish")
    assert (act.name, act.provider) == ("silu", "a")


def test_factories_that_return_one_object_are_aliases(public):
    act = make("one")
    public.register("one", lambda: act)
    public.register("two", lambda: act)
    assert public.activation("two") is public.activation("one")


def test_a_factory_that_returns_a_registered_activation_is_its_alias(installed, public):
    public.register("fast_wave", lambda times=3.0: public.activation("wave", frequency=times))
    act = public.activation("fast_wave")
    assert act is public.activation("wave", frequency=3)
    assert repr(act) == "activation('wave', frequency=3.0)"


def test_an_own_name_that_leads_elsewhere_gives_way_to_the_registered_one(installed, public):
    public.register("calm", lambda: make("wave"))
    public.register("odd", lambda: make("nowhere"))
    assert public.activation("calm").name == "calm"
    assert public.activation("calm").provider == __name__
    assert public.activation("odd").name == "odd"
    assert pickle.loads(pickle.dumps(public.activation("calm"))) is public.activation("calm")


def test_an_alias_follows_what_its_name_leads_to(public):
    act = make("first")
    public.register("second", act)
    assert public.activation("second").name == "second"
    public.register("first", act)
    assert public.activation("second").name == "first"
    public.register("first", make("first"), overwrite=True)
    assert public.activation("second").name == "second"
    public.unregister("first")
    assert public.activation("second").name == "second"


# -- what is persisted -------------------------------------------------------------------------------
def test_name_and_parameters_are_all_that_is_stored(installed, public):
    act = public.activation("wave", frequency=2)
    assert pickle.loads(pickle.dumps(act)) is act
    assert copy.deepcopy(act) is act
    assert b"zz_wave" not in pickle.dumps(act)
    assert pickle.loads(pickle.dumps(public.activation("step"))) is public.activation("step")


def test_what_is_not_registered_here_says_so_when_it_is_unpickled(public):
    public.register("mine", mine)
    text = pickle.dumps(public.activation("mine"))
    public.unregister("mine")
    with pytest.raises(UnknownActivationError, match=r"what register\(\) adds, counts in this process alone"):
        pickle.loads(text)


def test_an_unregistered_activation_is_stored_with_its_function():
    act = make("free", params={"a": [1, 2]}, breakpoints=(0.0,), parity="odd")
    again = pickle.loads(pickle.dumps(act))
    assert again == act
    assert (again.params["a"], again.breakpoints, again.parity) == ((1, 2), (0.0,), "odd")


# -- registering -------------------------------------------------------------------------------------
def test_register_takes_an_activation_or_a_factory(public):
    def scaled(scale=1.0):
        return make()

    public.register("ready", make("ready"))
    public.register("made", mine)
    public.register("partial", partial(scaled, scale=2))
    assert public.activation("ready").provider == __name__
    assert public.activation("made").name == "made"
    assert dict(public.activation("partial").params) == {"scale": 2}


def test_the_same_object_twice_changes_nothing(public):
    public.register("mine", mine)
    act = public.activation("mine")
    public.register("mine", mine)
    assert public.activation("mine") is act


def test_a_different_object_under_a_taken_name_raises_and_names_both(installed, public):
    public.register("mine", mine)
    with pytest.raises(PluginError) as caught:
        public.register("mine", lambda: make())
    assert str(caught.value) == (
        "register: activation 'mine' is provided by module 'test_catalog' (register()) already; module "
        "'test_catalog' offers a different object under the same name. Choose another name, or pass "
        "overwrite=True to replace it in this process."
    )
    with pytest.raises(
        PluginError, match=r"provided by distribution 'waves' \(entry point 'wave = zz_wave:wave'\)"
    ):
        public.register("wave", mine)
    assert public.activation("wave").provider == "waves"


def test_an_entry_points_own_object_registered_again_is_a_no_op(installed, public):
    import zz_wave

    public.register("wave", zz_wave.wave)
    assert public.activation("wave").provider == "waves"
    with pytest.raises(PluginError, match="was not registered in this process"):
        public.unregister("wave")


def test_overwrite_replaces_until_unregister(installed, public):
    before = public.activation("wave")
    public.register("wave", mine, overwrite=True)
    act = public.activation("wave")
    assert (act.provider, act.name) == (__name__, "wave")
    assert act(np.array(1.0)) == np.tanh(1.0)
    assert public.activations()["wave"].provider == __name__
    public.register("wave", lambda: make(), overwrite=True)
    assert public.activation("wave") is not act
    public.unregister("wave")
    assert public.activation("wave") == before
    assert public.activation("wave").provider == "waves"


def test_unregister_makes_a_name_unknown_again(public):
    public.register("mine", mine)
    public.activation("mine")
    public.unregister("mine")
    with pytest.raises(UnknownActivationError, match="no activation 'mine'"):
        public.activation("mine")
    with pytest.raises(UnknownActivationError, match="no activation 'mine'"):
        public.unregister("mine")


def test_unregister_leaves_installed_ones_and_says_what_to_do(installed, distribution, public):
    with pytest.raises(PluginError) as caught:
        public.unregister("wave")
    assert str(caught.value) == (
        "unregister: activation 'wave' was not registered in this process, but is provided by distribution "
        "'waves' (entry point 'wave = zz_wave:wave'). To remove it, uninstall the distribution (pip "
        "uninstall waves); to replace it in this process, register('wave', factory, overwrite=True)."
    )


def test_a_built_in_stays(distribution, public):
    distribution("dualact", {"zz_wave": WAVE}, wave="zz_wave:wave")
    with pytest.raises(
        PluginError, match=r"'dualact'.* A built-in stays; to replace it in this process, register"
    ):
        public.unregister("wave")


@pytest.mark.parametrize("name", ["", " x", "x ", None, 3])
def test_register_wants_a_name(public, name):
    with pytest.raises(
        PluginError, match=r"register: name must be a non-empty string without spaces around it. Got"
    ):
        public.register(name, mine)


def test_register_wants_an_activation_or_a_factory(public):
    with pytest.raises(
        PluginError,
        match=r"^activation 'x' of module 'test_catalog' \(register\(\)\): expected an Activation, or a "
        r"callable with keyword defaults that returns one. Got 3 \(int\).$",
    ):
        public.register("x", 3)
    with pytest.raises(PluginError, match=r"the factory's parameter '\*\*kwargs' is variadic keyword"):
        public.register("x", lambda **kwargs: make())
    with pytest.raises(UnknownActivationError):
        public.activation("x")


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda: np.tanh, r"the factory must return an Activation. Got <ufunc 'tanh'> \(ufunc\)"),
        (lambda: 1 / 0, "the factory raised ZeroDivisionError: division by zero. Repair, update or remove"),
        (lambda: make(parity="both"), "the factory raised PluginError: activation 'mine': parity must be"),
        (lambda a=2.0: make(parity=a), r"the factory called with {'a': 2.0} raised PluginError"),
    ],
)
def test_a_factory_that_fails_is_named_with_its_provider(public, factory, message):
    public.register("mine", factory)
    with pytest.raises(PluginError, match=f"^activation 'mine' of module 'test_catalog' .*{message}"):
        public.activation("mine")


def test_a_factory_that_asks_for_itself_is_told_once(public):
    public.register("mine", lambda: public.activation("mine"))
    with pytest.raises(PluginError, match=r"^activation 'mine' .* raised RecursionError") as caught:
        public.activation("mine")
    assert str(caught.value).count("activation 'mine' of") == 1


def test_a_changed_copy_is_no_longer_the_registered_one(installed, public):
    act = public.activation("wave")
    copied = replace(act, phi=np.tanh)
    assert not copied.registered
    assert copied != act
    assert repr(copied) == "Activation('wave', frequency=1.0)"
    assert public.activation("wave") is act


# -- several providers -------------------------------------------------------------------------------
def test_a_built_in_is_not_shadowed_and_the_claim_to_it_warns(distribution, installed, public):
    distribution("dualact", {"zz_house": WAVE}, sine="zz_house:wave")
    distribution("a-shadow", {"zz_shadow": WAVE}, sine="zz_shadow:wave")
    with pytest.warns(
        PluginWarning,
        match=r"activation 'sine' is a built-in of distribution 'dualact' \(entry point 'sine = "
        r"zz_house:wave'\); distribution 'a-shadow' \(entry point 'sine = zz_shadow:wave'\) offers a diff",
    ):
        act = public.activation("sine")
    assert act.provider == "dualact"
    assert "zz_shadow" not in sys.modules
    assert public.activation("sine") is act  # and does not warn again
    assert public.activation("wave").provider == "waves"  # and nobody else hears of it


def test_two_third_parties_under_one_name_are_refused(distribution, installed, public):
    distribution("one", {"zz_a": WAVE}, sine="zz_a:wave")
    distribution("two", {"zz_b": WAVE}, sine="zz_b:wave")
    with pytest.raises(PluginError) as caught:
        public.activation("sine")
    assert str(caught.value) == (
        "activation 'sine' is offered by distribution 'one' (entry point 'sine = zz_a:wave') and by "
        "distribution 'two' (entry point 'sine = zz_b:wave'), which are different objects. Uninstall all "
        "but one, or decide with register('sine', factory, overwrite=True)."
    )
    assert "zz_a" not in sys.modules
    assert public.activations()["sine"].provider == "one | two"
    assert public.activation("wave").provider == "waves"
    public.register("sine", mine, overwrite=True)
    assert public.activation("sine").provider == __name__


def test_one_object_offered_twice_is_no_conflict(distribution, public):
    distribution("one", {"zz_wave": WAVE}, wave="zz_wave:wave")
    distribution("two", wave="zz_wave : wave")
    assert public.activation("wave").provider == "one"


def test_a_broken_plugin_hurts_nobody_else(distribution, installed, public):
    distribution(
        "culprit", {"zz_bad": "import nothing_of_that_name\n"}, bad="zz_bad:bad", worse="zz_step:STEP.name"
    )
    assert public.activation("wave").provider == "waves"
    with pytest.raises(
        PluginError, match=r"'bad' of distribution 'culprit'.* No module named 'nothing_of_that_name'"
    ):
        public.activation("bad")
    with pytest.raises(
        PluginError, match=r"'worse' of distribution 'culprit'.*: expected an Activation, or a call"
    ):
        public.activation("worse")
    assert public.activation("wave").provider == "waves"


# -- listing -----------------------------------------------------------------------------------------
def test_listing_imports_nothing(installed, public):
    table = public.activations()
    assert list(table) == ["power", "step", "wave"]
    assert [(r.provider, r.loaded, r.parameters, r.dual, r.kernels) for r in table.values()] == [
        ("powers", False, None, None, None),
        ("waves", False, None, None, None),
        ("waves", False, None, None, None),
    ]
    assert not {"zz_wave", "zz_power", "zz_step"} & set(sys.modules)


def test_loading_fills_in_the_rest(installed, public):
    table = public.activations(load=True)
    rows = {n: (str(*r.parameters), r.dual, r.kernels, dict(r.example), r.loaded) for n, r in table.items()}
    assert rows == {
        "power": ("exponent", "computed", ("nngp", "ntk"), {"exponent": 2}, True),
        "step": ("at=0.0", "computed", ("nngp",), {"at": 0.0}, True),
        "wave": ("frequency=1.0", "exact", ("nngp", "ntk"), {"frequency": 1.0}, True),
    }
    for name, row in table.items():
        assert public.activation(name, **dict(row.example)).name == row.canonical
    assert public.activations() == table


def test_what_was_looked_up_is_filled_in_and_the_rest_is_not(installed, public):
    public.activation("wave")
    table = public.activations()
    assert [row.loaded for row in table.values()] == [False, False, True]
    assert table["wave"].dual == "exact"


def test_listing_shows_what_is_registered(public):
    public.register("mine", mine)
    row = public.activations()["mine"]
    assert (row.provider, row.loaded) == (__name__, True)


def test_loading_all_warns_of_the_broken_and_goes_on(distribution, installed, public):
    distribution("culprit", {"zz_bad": "import nothing_of_that_name\n"}, bad="zz_bad:bad")
    with pytest.warns(PluginWarning, match="activation 'bad' of distribution 'culprit'") as caught:
        table = public.activations(load=True)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert [row.loaded for row in table.values()] == [False, True, True, True]
    assert "culprit" in table["bad"].error
    assert table["bad"].provider == "culprit"


def test_a_phi_that_fails_is_found_when_everything_is_loaded(public):
    def phi(t):
        raise RuntimeError("no")

    public.register("mine", Activation("mine", phi, breakpoints=(0.0,)))
    with pytest.warns(
        PluginWarning, match=r"'mine' of module 'test_catalog' .*: phi raised RuntimeError: no. It must"
    ):
        table = public.activations(load=True)
    assert table["mine"].error is not None
    assert public.activations()["mine"].kernels is None


def test_an_example_outside_the_domain_is_no_failure_but_a_broken_factory_is(public):
    def picky(power: int):
        if power != 17:
            raise ValueError("power must be 17.")
        return make()

    def failing(power: int):
        return power

    public.register("picky", picky)
    assert public.activations(load=True)["picky"].dual is None
    public.register("failing", failing)
    with pytest.warns(PluginWarning, match="activation 'failing' .* must return an Activation"):
        public.activations(load=True)


# -- resolve -----------------------------------------------------------------------------------------
def test_resolve_takes_an_activation_or_its_name(installed, public):
    act = make()
    assert public.resolve(act) is act
    assert public.resolve("wave") is public.activation("wave")
    with pytest.raises(
        DualactError, match=r"^expected an Activation or the name of one. Got None \(NoneType\).$"
    ):
        public.resolve(None)
    with pytest.raises(DualactError, match=r"\(ufunc\). Make an activation of a function by from_function"):
        public.resolve(np.tanh)


# -- threads -----------------------------------------------------------------------------------------
def test_threads_get_the_same_object(distribution, public):
    slow = WAVE.replace("def wave", "import time\ntime.sleep(0.02)\ndef wave")
    distribution("waves", {"zz_wave": slow}, wave="zz_wave:wave")
    found, start = [], threading.Barrier(8)

    def look():
        start.wait()
        found.append(public.activation("wave"))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(act) for act in found}) == 1


def test_a_plugin_may_ask_for_activations_while_it_is_imported(distribution, installed, public):
    code = HEAD + (
        "import threading\n"
        "from dualact.nonlinearity.catalog import activation\n"
        "other = threading.Thread(target=lambda: activation('power', exponent=2))\n"
        "other.start()\nother.join(5)\nassert not other.is_alive()\n"
        "BASE = activation('wave')\n"
        "def waves():\n    return Activation('waves', lambda t: BASE(t) ** 2)\n"
    )
    distribution("builder", {"zz_builder": code}, waves="zz_builder:waves")
    assert public.activation("waves")(np.array(1.0)) == np.sin(1.0) ** 2


def test_one_of_two_racing_registrations_is_told(public):
    outcomes, start = [], threading.Barrier(4)

    def race():
        start.wait()
        try:
            public.register("mine", lambda: make())
            outcomes.append("in")
        except PluginError:
            outcomes.append("out")

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "out", "out", "out"]


def test_a_replacement_while_one_is_being_made_is_not_overruled(public):
    def old():
        public.register("mine", mine, overwrite=True)
        return make(formula="old")

    public.register("mine", old)
    public.activation("mine")
    assert public.activation("mine").formula == ""
