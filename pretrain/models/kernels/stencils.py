"""Triton kernels of the depthwise 3×3 convolution (zero padding, stride 1), with and without the GELU gate.

All pictures are NCHW and contiguous; arithmetic is float32 whatever they are stored in. A program owns one channel (one
pair of channels where the gate joins two) and a tile of STRIPS × COLUMNS places; a strip is ROWS rows of one image.
It walks down its rows with the three rows of context in registers, so a pixel is read once from memory and its
neighbours from the cache. Strips of all images are numbered in one row, so that small images fill a tile as well.

Gradient of the weights: a program adds up its own tile and writes nine sums per channel to its own place in a table,
which is summed afterwards. No atomics: the same input gives the same bits every time.
"""
# ruff: noqa: N803 - constants of a kernel are upper case
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, misc"

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _places(batch, height, ROWS: tl.constexpr, STRIPS: tl.constexpr, COLUMNS: tl.constexpr):
    """This program's tile: image, top row and whether there is such a strip, (STRIPS, 1); columns, (1, COLUMNS)."""
    strip = tl.program_id(0) * STRIPS + tl.arange(0, STRIPS)[:, None]
    strips_per_image = tl.cdiv(height, ROWS)
    image = strip // strips_per_image
    column = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    return image, (strip % strips_per_image) * ROWS, image < batch, column


@triton.jit
def _plane(pictures, image, channels, channel, pixels):
    """Where a channel of an image begins. 64 bits: a large picture has more than 2³¹ numbers."""
    return pictures + (image.to(tl.int64) * channels + channel) * pixels


@triton.jit
def _load(plane, row, column, height, width, live):
    """Pixels in float32, zero outside the image."""
    inside = live & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return tl.load(plane + row * width + column, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _row(plane, row, column, height, width, live):
    """The pixels of a row with their left and right neighbours."""
    return (
        _load(plane, row, column - 1, height, width, live),
        _load(plane, row, column, height, width, live),
        _load(plane, row, column + 1, height, width, live),
    )


@triton.jit
def _weights(weight, channel, FLIP: tl.constexpr):
    """The nine weights of a channel in float32, row by row; turned by 180° for the gradient of the input."""
    first = weight + channel * 9
    if FLIP:
        return (
            (tl.load(first + 8).to(tl.float32), tl.load(first + 7).to(tl.float32), tl.load(first + 6).to(tl.float32)),
            (tl.load(first + 5).to(tl.float32), tl.load(first + 4).to(tl.float32), tl.load(first + 3).to(tl.float32)),
            (tl.load(first + 2).to(tl.float32), tl.load(first + 1).to(tl.float32), tl.load(first + 0).to(tl.float32)),
        )
    else:  # noqa: RET505 - Triton compiles only the branch that a constant chooses, where it is written as if and else
        return (
            (tl.load(first + 0).to(tl.float32), tl.load(first + 1).to(tl.float32), tl.load(first + 2).to(tl.float32)),
            (tl.load(first + 3).to(tl.float32), tl.load(first + 4).to(tl.float32), tl.load(first + 5).to(tl.float32)),
            (tl.load(first + 6).to(tl.float32), tl.load(first + 7).to(tl.float32), tl.load(first + 8).to(tl.float32)),
        )


@triton.jit
def _add_weighted(total, weights, row):
    return ((total + weights[0] * row[0]) + weights[1] * row[1]) + weights[2] * row[2]


@triton.jit
def _convolve(weights, above, middle, below):
    """One chain of multiply-adds: nine instructions, where sums of products row by row would take eleven."""
    total = weights[0][0] * above[0] + weights[0][1] * above[1] + weights[0][2] * above[2]
    return _add_weighted(_add_weighted(total, weights[1], middle), weights[2], below)


@triton.jit
def _normal(x):
    """Φ(x), the share of the exact GELU x · Φ(x), and √2π times its density, exp(-x²/2), of which it is made.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: |error of erf| ≤ 1.5e-7. Half the instructions
    of the library's erf, and the gradient needs the exponential anyway.
    """
    bell = tl.exp(-0.5 * x * x)
    t = 1.0 / (1.0 + 0.2316418882 * tl.abs(x))  # 0.3275911 / √2
    series = t * (0.127414796 + t * (-0.142248368 + t * (0.7107068705 + t * (-0.7265760135 + t * 0.5307027145))))
    upper = series * bell  # 1 - Φ(|x|); the coefficients are half of those printed
    return tl.where(x < 0, upper, 1.0 - upper), bell


@triton.jit
def _add_products(sums, row, gradient):
    return sums[0] + row[0] * gradient, sums[1] + row[1] * gradient, sums[2] + row[2] * gradient


@triton.jit
def _total(x):
    return tl.sum(tl.sum(x, axis=1), axis=0)


@triton.jit
def _store_sums(partial, channel, channels, above, middle, below):
    """Nine sums into this program's line of the table (programs, channels, 9)."""
    program = tl.program_id(2) * tl.num_programs(0) + tl.program_id(0)
    first = partial + (program.to(tl.int64) * channels + channel) * 9
    tl.store(first + 0, _total(above[0]))
    tl.store(first + 1, _total(above[1]))
    tl.store(first + 2, _total(above[2]))
    tl.store(first + 3, _total(middle[0]))
    tl.store(first + 4, _total(middle[1]))
    tl.store(first + 5, _total(middle[2]))
    tl.store(first + 6, _total(below[0]))
    tl.store(first + 7, _total(below[1]))
    tl.store(first + 8, _total(below[2]))


@triton.jit
def gated_forward(
    x,
    weight,
    out,
    batch,
    hidden,
    height,
    width,
    ROWS: tl.constexpr,
    STRIPS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """out (B, h, H, W) = GELU(convolved first half of x) · convolved second half; x is (B, 2h, H, W)."""
    channel = tl.program_id(1)
    image, top, live, column = _places(batch, height, ROWS, STRIPS, COLUMNS)
    gate_plane = _plane(x, image, 2 * hidden, channel, height * width)
    value_plane = _plane(x, image, 2 * hidden, channel + hidden, height * width)
    out_plane = _plane(out, image, hidden, channel, height * width)
    gate_weights = _weights(weight, channel, False)
    value_weights = _weights(weight, channel + hidden, False)
    gate_above = _row(gate_plane, top - 1, column, height, width, live)
    gate_middle = _row(gate_plane, top, column, height, width, live)
    value_above = _row(value_plane, top - 1, column, height, width, live)
    value_middle = _row(value_plane, top, column, height, width, live)
    for index in tl.static_range(ROWS):
        row = top + index
        gate_below = _row(gate_plane, row + 1, column, height, width, live)
        value_below = _row(value_plane, row + 1, column, height, width, live)
        gate = _convolve(gate_weights, gate_above, gate_middle, gate_below)
        value = _convolve(value_weights, value_above, value_middle, value_below)
        share, _ = _normal(gate)
        inside = live & (row < height) & (column < width)
        tl.store(out_plane + row * width + column, gate * share * value, mask=inside)
        gate_above, gate_middle = gate_middle, gate_below
        value_above, value_middle = value_middle, value_below


@triton.jit
def gated_backward(
    gradient,
    x,
    weight,
    through,
    partial,
    batch,
    hidden,
    height,
    width,
    ROWS: tl.constexpr,
    STRIPS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """From the gradient of `out` to that of the convolution's result, `through` (B, 2h, H, W), and of the weights.

    The convolution is computed again from x instead of having been kept. What is left to do for the gradient of x is
    `spread_backward`, the convolution of `through` with the weights turned by 180°.
    """
    channel = tl.program_id(1)
    image, top, live, column = _places(batch, height, ROWS, STRIPS, COLUMNS)
    gate_plane = _plane(x, image, 2 * hidden, channel, height * width)
    value_plane = _plane(x, image, 2 * hidden, channel + hidden, height * width)
    gradient_plane = _plane(gradient, image, hidden, channel, height * width)
    gate_through = _plane(through, image, 2 * hidden, channel, height * width)
    value_through = _plane(through, image, 2 * hidden, channel + hidden, height * width)
    gate_weights = _weights(weight, channel, False)
    value_weights = _weights(weight, channel + hidden, False)
    gate_above = _row(gate_plane, top - 1, column, height, width, live)
    gate_middle = _row(gate_plane, top, column, height, width, live)
    value_above = _row(value_plane, top - 1, column, height, width, live)
    value_middle = _row(value_plane, top, column, height, width, live)
    zero = tl.zeros((STRIPS, COLUMNS), tl.float32)
    gate_sums_above, gate_sums_middle, gate_sums_below = (zero, zero, zero), (zero, zero, zero), (zero, zero, zero)
    value_sums_above, value_sums_middle, value_sums_below = (zero, zero, zero), (zero, zero, zero), (zero, zero, zero)
    for index in tl.static_range(ROWS):
        row = top + index
        gate_below = _row(gate_plane, row + 1, column, height, width, live)
        value_below = _row(value_plane, row + 1, column, height, width, live)
        gate = _convolve(gate_weights, gate_above, gate_middle, gate_below)
        value = _convolve(value_weights, value_above, value_middle, value_below)
        # Zero outside the image, so that neither the sums nor the stores need another mask of their own.
        incoming = _load(gradient_plane, row, column, height, width, live)
        share, bell = _normal(gate)
        gate_gradient = incoming * value * (share + gate * bell * 0.3989422804014327)  # 1 / √2π
        value_gradient = incoming * gate * share
        inside = live & (row < height) & (column < width)
        tl.store(gate_through + row * width + column, gate_gradient, mask=inside)
        tl.store(value_through + row * width + column, value_gradient, mask=inside)
        gate_sums_above = _add_products(gate_sums_above, gate_above, gate_gradient)
        gate_sums_middle = _add_products(gate_sums_middle, gate_middle, gate_gradient)
        gate_sums_below = _add_products(gate_sums_below, gate_below, gate_gradient)
        value_sums_above = _add_products(value_sums_above, value_above, value_gradient)
        value_sums_middle = _add_products(value_sums_middle, value_middle, value_gradient)
        value_sums_below = _add_products(value_sums_below, value_below, value_gradient)
        gate_above, gate_middle = gate_middle, gate_below
        value_above, value_middle = value_middle, value_below
    _store_sums(partial, channel, 2 * hidden, gate_sums_above, gate_sums_middle, gate_sums_below)
    _store_sums(partial, channel + hidden, 2 * hidden, value_sums_above, value_sums_middle, value_sums_below)


@triton.jit
def spread_backward(
    through,
    weight,
    x_gradient,
    batch,
    channels,
    height,
    width,
    ROWS: tl.constexpr,
    STRIPS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """x_gradient = `through` convolved with the weights turned by 180°; both (B, C, H, W)."""
    channel = tl.program_id(1)
    image, top, live, column = _places(batch, height, ROWS, STRIPS, COLUMNS)
    plane = _plane(through, image, channels, channel, height * width)
    out_plane = _plane(x_gradient, image, channels, channel, height * width)
    weights = _weights(weight, channel, True)
    above = _row(plane, top - 1, column, height, width, live)
    middle = _row(plane, top, column, height, width, live)
    for index in tl.static_range(ROWS):
        row = top + index
        below = _row(plane, row + 1, column, height, width, live)
        inside = live & (row < height) & (column < width)
        tl.store(out_plane + row * width + column, _convolve(weights, above, middle, below), mask=inside)
        above, middle = middle, below


@triton.jit
def _one_of(first, second, third, part):
    """The part-th of three pictures."""
    return tl.where(part == 0, first, tl.where(part == 1, second, third))


@triton.jit
def thirds_forward(
    x,
    weight,
    first,
    second,
    third,
    batch,
    channels,
    height,
    width,
    ROWS: tl.constexpr,
    STRIPS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """x (B, 3C, H, W), convolved, its channels laid into three pictures (B, C, H, W)."""
    channel = tl.program_id(1)
    image, top, live, column = _places(batch, height, ROWS, STRIPS, COLUMNS)
    plane = _plane(x, image, 3 * channels, channel, height * width)
    out = _one_of(first, second, third, channel // channels)
    out_plane = _plane(out, image, channels, channel % channels, height * width)
    weights = _weights(weight, channel, False)
    above = _row(plane, top - 1, column, height, width, live)
    middle = _row(plane, top, column, height, width, live)
    for index in tl.static_range(ROWS):
        row = top + index
        below = _row(plane, row + 1, column, height, width, live)
        inside = live & (row < height) & (column < width)
        tl.store(out_plane + row * width + column, _convolve(weights, above, middle, below), mask=inside)
        above, middle = middle, below


@triton.jit
def thirds_backward(
    first,
    second,
    third,
    x,
    weight,
    x_gradient,
    partial,
    batch,
    channels,
    height,
    width,
    ROWS: tl.constexpr,
    STRIPS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """From the gradients of the three pictures to those of x and, by the same rows in registers, of the weights.

    The gradient of the weight at (i, j) is Σ x[y, x] · gradient[y - i, x - j] (i, j from -1 to 1): the neighbour of
    the gradient opposite to the weight's place.
    """
    channel = tl.program_id(1)
    image, top, live, column = _places(batch, height, ROWS, STRIPS, COLUMNS)
    gradient = _one_of(first, second, third, channel // channels)
    plane = _plane(gradient, image, channels, channel % channels, height * width)
    x_plane = _plane(x, image, 3 * channels, channel, height * width)
    out_plane = _plane(x_gradient, image, 3 * channels, channel, height * width)
    weights = _weights(weight, channel, True)
    above = _row(plane, top - 1, column, height, width, live)
    middle = _row(plane, top, column, height, width, live)
    zero = tl.zeros((STRIPS, COLUMNS), tl.float32)
    sums_above, sums_middle, sums_below = (zero, zero, zero), (zero, zero, zero), (zero, zero, zero)
    for index in tl.static_range(ROWS):
        row = top + index
        below = _row(plane, row + 1, column, height, width, live)
        inside = live & (row < height) & (column < width)
        tl.store(out_plane + row * width + column, _convolve(weights, above, middle, below), mask=inside)
        pixels = _load(x_plane, row, column, height, width, live)
        sums_above = _add_products(sums_above, above, pixels)
        sums_middle = _add_products(sums_middle, middle, pixels)
        sums_below = _add_products(sums_below, below, pixels)
        above, middle = middle, below
    _store_sums(
        partial,
        channel,
        3 * channels,
        (sums_below[2], sums_below[1], sums_below[0]),
        (sums_middle[2], sums_middle[1], sums_middle[0]),
        (sums_above[2], sums_above[1], sums_above[0]),
    )
