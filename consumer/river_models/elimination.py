"""A squared Mahalanobis distance of seven numbers, written out: in loops it takes three times as long."""

RIDGE = 1e-3
"""Share by which each variance is taken to be larger, so that features that depend on each other have one."""


def squared_distance(products: list[float], deviations: list[float]) -> float:
    """The distance of a point, squared, by elimination without pivoting.

    `products` are the covariances by row: of the first feature with all, of the second with itself and those
    behind it, and so on. A feature that never varied has none. Infinities make the distance infinite or NaN.

    Shape: (28,), (7,) -> ()

    >>> squared_distance([4.0, *[0.0] * 27], [2.002, *[1.0] * 6])
    1.001
    """
    # fmt: off
    (
        a00, a01, a02, a03, a04, a05, a06,
        a11, a12, a13, a14, a15, a16,
        a22, a23, a24, a25, a26,
        a33, a34, a35, a36,
        a44, a45, a46,
        a55, a56,
        a66,
    ) = products
    # fmt: on
    b0, b1, b2, b3, b4, b5, b6 = deviations
    squared = 0.0
    a00 += RIDGE * products[0]
    a11 += RIDGE * products[7]
    a22 += RIDGE * products[13]
    a33 += RIDGE * products[18]
    a44 += RIDGE * products[22]
    a55 += RIDGE * products[25]
    a66 += RIDGE * products[27]
    if a00 > 0.0:
        squared += b0 * b0 / a00
        factor = a01 / a00
        b1 -= factor * b0
        a11 -= factor * a01
        a12 -= factor * a02
        a13 -= factor * a03
        a14 -= factor * a04
        a15 -= factor * a05
        a16 -= factor * a06
        factor = a02 / a00
        b2 -= factor * b0
        a22 -= factor * a02
        a23 -= factor * a03
        a24 -= factor * a04
        a25 -= factor * a05
        a26 -= factor * a06
        factor = a03 / a00
        b3 -= factor * b0
        a33 -= factor * a03
        a34 -= factor * a04
        a35 -= factor * a05
        a36 -= factor * a06
        factor = a04 / a00
        b4 -= factor * b0
        a44 -= factor * a04
        a45 -= factor * a05
        a46 -= factor * a06
        factor = a05 / a00
        b5 -= factor * b0
        a55 -= factor * a05
        a56 -= factor * a06
        factor = a06 / a00
        b6 -= factor * b0
        a66 -= factor * a06
    if a11 > 0.0:
        squared += b1 * b1 / a11
        factor = a12 / a11
        b2 -= factor * b1
        a22 -= factor * a12
        a23 -= factor * a13
        a24 -= factor * a14
        a25 -= factor * a15
        a26 -= factor * a16
        factor = a13 / a11
        b3 -= factor * b1
        a33 -= factor * a13
        a34 -= factor * a14
        a35 -= factor * a15
        a36 -= factor * a16
        factor = a14 / a11
        b4 -= factor * b1
        a44 -= factor * a14
        a45 -= factor * a15
        a46 -= factor * a16
        factor = a15 / a11
        b5 -= factor * b1
        a55 -= factor * a15
        a56 -= factor * a16
        factor = a16 / a11
        b6 -= factor * b1
        a66 -= factor * a16
    if a22 > 0.0:
        squared += b2 * b2 / a22
        factor = a23 / a22
        b3 -= factor * b2
        a33 -= factor * a23
        a34 -= factor * a24
        a35 -= factor * a25
        a36 -= factor * a26
        factor = a24 / a22
        b4 -= factor * b2
        a44 -= factor * a24
        a45 -= factor * a25
        a46 -= factor * a26
        factor = a25 / a22
        b5 -= factor * b2
        a55 -= factor * a25
        a56 -= factor * a26
        factor = a26 / a22
        b6 -= factor * b2
        a66 -= factor * a26
    if a33 > 0.0:
        squared += b3 * b3 / a33
        factor = a34 / a33
        b4 -= factor * b3
        a44 -= factor * a34
        a45 -= factor * a35
        a46 -= factor * a36
        factor = a35 / a33
        b5 -= factor * b3
        a55 -= factor * a35
        a56 -= factor * a36
        factor = a36 / a33
        b6 -= factor * b3
        a66 -= factor * a36
    if a44 > 0.0:
        squared += b4 * b4 / a44
        factor = a45 / a44
        b5 -= factor * b4
        a55 -= factor * a45
        a56 -= factor * a46
        factor = a46 / a44
        b6 -= factor * b4
        a66 -= factor * a46
    if a55 > 0.0:
        squared += b5 * b5 / a55
        factor = a56 / a55
        b6 -= factor * b5
        a66 -= factor * a56
    if a66 > 0.0:
        squared += b6 * b6 / a66
    return squared
