import math
from fractions import Fraction

import numpy as np
import pytest

from dualact.errors import DualactError
from dualact.nonlinearity.parameters import finite, finite_sequence, nonzero, positive, whole


def test_clean_values_come_back_as_plain_numbers():
    assert finite("f", "x", np.float32(0.5)) == 0.5
    assert type(finite("f", "x", np.float64(2))) is float
    assert nonzero("f", "x", Fraction(1, 4)) == 0.25
    assert positive("f", "x", 3) == 3.0
    assert type(whole("f", "n", np.int64(7), 9)) is int
    assert finite_sequence("f", "c", iter([1, 2.5]), 3) == (1.0, 2.5)


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (finite, True, "activation 'f': x must be a finite number. Got True."),
        (finite, -math.inf, "x must be a finite number. Got -inf."),
        (finite, None, "x must be a finite number. Got None."),
        (nonzero, 0.0, "x must be a finite number other than 0. Got 0.0."),
        (positive, 0, "x must be a finite number above 0. Got 0."),
        (positive, 1j, "x must be a finite number above 0. Got 1j."),
        (lambda a, n, v: whole(a, n, v, 9), 10, "x must be an integer from 0 to 9"),
        (lambda a, n, v: whole(a, n, v, 9), 3.0, "leave the range of float64"),
        (lambda a, n, v: whole(a, n, v, 9), True, "integer from 0 to 9 .*. Got True."),
        (lambda a, n, v: finite_sequence(a, n, v, 2), [1, 2, 3], "1 to 2 finite numbers, lowest power first"),
        (lambda a, n, v: finite_sequence(a, n, v, 2), "12", "Got '12'."),
        (lambda a, n, v: finite_sequence(a, n, v, 2), 5, "Got 5."),
    ],
)
def test_others_are_refused_in_one_sentence(check, value, message):
    with pytest.raises(DualactError, match=message):
        check("f", "x", value)
