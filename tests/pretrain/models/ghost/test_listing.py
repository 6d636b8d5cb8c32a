from __future__ import annotations

import pytest

from pretrain.models.counting import parameters
from pretrain.models.ghost.listing import LISTED
from tests.pretrain.models.ghost.tiny import layers

COUNTS = [
    ("edsr", "×2", 64, 21_847_619, 5036.1),
    ("edsr", "×3", 64, 24_798_019, 2539.8),
    ("edsr", "×4", 64, 24_207_939, 1807.4),
    ("edsr-baseline", "×2", 32, 779_299, 180.4),
    ("edsr-baseline", "×4", 32, 927_011, 80.3),
    ("rdn", "×2", 128, 11_502_467, 2650.1),
    ("rdn", "×3", 128, 11_687_107, 1195.7),
    ("rdn", "×4", 128, 11_650_179, 697.7),
    ("carn", "×2", 18, 1_259_587, 146.4),
    ("carn", "×3", 18, 1_259_587, 84.7),
    ("carn", "×4", 18, 1_259_587, 71.8),
    ("carn-m", "×2", 9, 380_707, 67.8),
    ("carn-m", "×3", 9, 380_707, 35.7),
    ("carn-m", "×4", 9, 380_707, 26.6),
]


@pytest.mark.parametrize(("name", "variant", "converted", "count", "giga"), COUNTS)
def test_parameters_and_operations_for_720_lines(
    name: str, variant: str, converted: int, count: int, giga: float
) -> None:
    (listing,) = (row for row in LISTED if (row.name, row.variant) == (f"{name}-ghost", variant))
    model = listing.built()
    assert len(layers(model)) == converted
    # The counts of the two EDSR have the 9 weights of each layer's shift, the others have not.
    own = parameters(model) - (0 if name.startswith("edsr") else 9 * converted)
    assert own == count
    macs = listing.count(model, *listing.input)
    assert round(macs.total / 1e9, 1) == giga
    assert macs.grouped == 0 or name == "carn-m"  # a shift is no operation


def test_the_cut_of_the_largest_is_the_published_46_percent() -> None:
    assert round(100 * (1 - 21_847_619 / 40_729_603)) == round(100 * (1 - 5036.1 / 9384.7)) == 46
