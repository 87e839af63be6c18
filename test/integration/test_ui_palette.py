"""The colours of states, from the style sheet: they differ for every kind of eye, and stand out."""

import re
from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt

import pytest

from pinion import ROOT

ROLES = ["good", "active", "bad", "again", "wait"]
DIFFERENCE_MIN = 20  # dE2000, for the normal eye and for red-green weakness
CONTRAST_MIN = 3  # of a mark, WCAG 1.4.11
INK_CONTRAST_MIN = 4.5  # of text, WCAG 1.4.3

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
VISIONS = {
    "normal": [(1, 0, 0), (0, 1, 0), (0, 0, 1)],
    "protan": [
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ],
    "deutan": [
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ],
}


def scheme_of(name):
    """The colours of a scheme, as tokens.css has them."""
    text = (ROOT / "src/ui/tokens.css").read_text()
    pairs = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", text)
    return {role: light if name == "light" else dark for role, light, dark in pairs}


def linear(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def luminance(colour):
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(colour)))


def contrast(a, b):
    dark, light = sorted([luminance(a), luminance(b)])
    return (light + 0.05) / (dark + 0.05)


def lab(colour, vision):
    rgb = linear(colour)
    seen = [min(1, max(0, sum(w * c for w, c in zip(row, rgb)))) for row in VISIONS[vision]]
    matrix = [
        (0.4124564, 0.3575761, 0.1804375),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339, 0.1191920, 0.9503041),
    ]
    white = (0.95047, 1.0, 1.08883)
    xyz = [sum(w * c for w, c in zip(row, seen)) / n for row, n in zip(matrix, white)]
    f = [t ** (1 / 3) if t > 216 / 24389 else (841 / 108) * t + 4 / 29 for t in xyz]
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def difference(one, other):
    """CIEDE2000 (Sharma, Wu and Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    c_mean7 = ((hypot(a1, b1) + hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - sqrt(c_mean7 / (c_mean7 + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = hypot(a1, b1), hypot(a2, b2)
    h1, h2 = degrees(atan2(b1, a1)) % 360, degrees(atan2(b2, a2)) % 360
    turn = (h2 - h1 + 180) % 360 - 180
    if c1 * c2 == 0:
        turn = 0
    dl, dc, dh = l2 - l1, c2 - c1, 2 * sqrt(c1 * c2) * sin(radians(turn / 2))
    l_mean, c_mean = (l1 + l2) / 2, (c1 + c2) / 2
    h_mean = h1 + turn / 2 if c1 * c2 else h1 + h2
    t = (
        1
        - 0.17 * cos(radians(h_mean - 30))
        + 0.24 * cos(radians(2 * h_mean))
        + 0.32 * cos(radians(3 * h_mean + 6))
        - 0.20 * cos(radians(4 * h_mean - 63))
    )
    s_l = 1 + 0.015 * (l_mean - 50) ** 2 / sqrt(20 + (l_mean - 50) ** 2)
    s_c, s_h = 1 + 0.045 * c_mean, 1 + 0.015 * c_mean * t
    spin = 30 * exp(-(((h_mean % 360 - 275) / 25) ** 2))
    r_t = -2 * sqrt(c_mean**7 / (c_mean**7 + 25**7)) * sin(radians(2 * spin))
    return sqrt(
        (dl / s_l) ** 2 + (dc / s_c) ** 2 + (dh / s_h) ** 2 + r_t * (dc / s_c) * (dh / s_h)
    )


def test_the_formula():
    """Pairs that its authors published."""
    pairs = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ]
    for one, other, expected in pairs:
        assert difference(one, other) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_differ(scheme, vision):
    colours = scheme_of(scheme)
    seen = {role: lab(colours[role], vision) for role in ROLES}
    for at, role in enumerate(ROLES):
        for other in ROLES[at + 1 :]:
            assert difference(seen[role], seen[other]) > DIFFERENCE_MIN, (role, other)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_and_text_stand_out(scheme):
    colours = scheme_of(scheme)
    for role in ROLES:
        assert contrast(colours[role], colours["ground"]) >= CONTRAST_MIN, role
    for role in ["ink", "ink-quiet"]:
        assert contrast(colours[role], colours["ground"]) >= INK_CONTRAST_MIN, role
