"""What does not fit into memory is refused beforehand, with sizes."""

import pytest

from counterfoil.errors import LimitError
from counterfoil.mpc.runtime.host_memory import check_room


def test_what_fits_is_let_through():
    check_room(1000, 3)


def test_more_than_there_is_is_refused_with_both_sizes():
    with pytest.raises(LimitError, match=r"1,125,899,906,842,624 input values need up to .* GiB .* are free"):
        check_room(1 << 50, 3)
