"""Examples made from the training normals alone: what still is in place, and what is not.

In place: the normals moved, scaled, mirrored, lighter or darker, with something local wrong, since
an anomaly is not out of place. Out of place: the same inverted, turned, cut up or scrambled, and
textures and drawings that have nothing to do with them. All take and give (batch, 1, 64, 64) in
[0, 1], and every random number comes from ``rng``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator

from simsid.detectors.placement.changes import (
    Images,
    axes,
    chance,
    coin,
    each,
    each_log,
    expose,
    hurt,
    random_phase,
    soften,
    uniform,
    warp,
)


def in_place(images: Images, rng: Generator) -> Images:
    """Normals as another hospital, another patient or a disease might change them."""
    count = len(images)
    size = torch.exp(uniform(count, -0.25, 0.25, rng))
    mirrored = torch.where(uniform(count, 0, 1, rng) < 0.5, -1.0, 1.0)
    images = warp(
        images,
        rng,
        angle=uniform(count, -10, 10, rng) * math.pi / 180,
        width=size * mirrored,
        height=size * torch.exp(uniform(count, -0.08, 0.08, rng)),
        shift=0.12,
        outside="border" if coin(0.6, rng) else "zeros",
    )
    return soften(expose(hurt(images, rng), rng), rng)


def slightly_moved(images: Images, rng: Generator) -> Images:
    """Normals with 10 % of play in place and size, and another exposure: to set the threshold."""
    count = len(images)
    size = torch.exp(uniform(count, -0.1, 0.1, rng))
    still = torch.zeros(count)
    return expose(warp(images, rng, still, size, size, 0.1), rng)


def _inverted(images: Images, rng: Generator) -> Images:
    return 1 - in_place(images, rng)


def _quarter_turn(images: Images, rng: Generator) -> Images:
    return torch.rot90(in_place(images, rng), 1 if coin(0.5, rng) else 3, (2, 3))


def _upside_down(images: Images, rng: Generator) -> Images:
    return in_place(images, rng).flip(2)


def _tilted(images: Images, rng: Generator) -> Images:
    one = torch.ones(len(images))
    angle = uniform(len(images), 45, 315, rng) * math.pi / 180
    return warp(in_place(images, rng), rng, angle, one, one, 0.0)


def _part(images: Images, rng: Generator) -> Images:
    """A small part, filling the image."""
    size = uniform(len(images), 0.15, 0.4, rng)
    height = size * torch.exp(uniform(len(images), -0.3, 0.3, rng))
    return warp(in_place(images, rng), rng, torch.zeros(len(images)), size, height, 0.6)


def _cut_up(images: Images, rng: Generator) -> Images:
    tiles = 2 if coin(0.5, rng) else 4
    side = images.shape[-1] // tiles
    pieces = F.unfold(in_place(images, rng), side, stride=side)
    order = torch.randperm(tiles**2, generator=rng)
    return F.fold(pieces[:, :, order], images.shape[2:], side, stride=side)


def _four_in_one(images: Images, rng: Generator) -> Images:
    half = F.avg_pool2d(in_place(images, rng), 2)
    rows = [torch.cat([half.roll(i, 0), half.roll(i + 1, 0)], 3) for i in (0, 2)]
    return torch.cat(rows, 2)


def _scrambled(images: Images, rng: Generator) -> Images:
    """The spectrum of a normal with the phases of noise."""
    return expose(random_phase(torch.fft.fft2(images).abs(), rng), rng)


def _texture(images: Images, rng: Generator) -> Images:
    """Noise of any colour: amplitude falls as a power of 0 to 2.5 of frequency."""
    axis = torch.fft.fftfreq(images.shape[-1])
    frequency = torch.hypot(*torch.meshgrid(axis, axis, indexing="ij"))
    frequency[0, 0] = 1 / images.shape[-1]
    power = each(len(images), 0, 2.5, rng)
    return expose(random_phase(frequency**-power, rng), rng)


def _drawing(images: Images, rng: Generator) -> Images:
    """A slope of grey with up to ten ellipses, boxes and strokes, and stripes on some."""
    count, (y, x) = len(images), axes(images)
    angle = each(count, 0, 2 * math.pi, rng)
    page = each(count, 0, 1, rng) + each(count, 0, 0.7, rng) * (
        (x - 0.5) * angle.cos() + (y - 0.5) * angle.sin()
    )
    for _ in range(10):
        angle, left, top = (each(count, 0, high, rng) for high in (2 * math.pi, 1, 1))
        u = ((x - left) * angle.cos() + (y - top) * angle.sin()) / each_log(count, 0.02, 0.5, rng)
        v = ((y - top) * angle.cos() - (x - left) * angle.sin()) / each_log(count, 0.03, 0.7, rng)
        inside = torch.where(
            chance(count, 0.5, rng) > 0,
            1 - u.square() - v.square(),
            1 - torch.maximum(u.abs(), v.abs()),
        )
        mask = torch.sigmoid(inside * each_log(count, 1, 50, rng)) * chance(count, 0.6, rng)
        page = page * (1 - mask) + each(count, 0, 1, rng) * mask
    angle, pitch = each(count, 0, 2 * math.pi, rng), each_log(count, 8, 160, rng)
    stripes = torch.sin(pitch * (x * angle.cos() + y * angle.sin()))
    return (page + stripes * each(count, 0.1, 0.6, rng) * chance(count, 0.2, rng)).clamp(0, 1)


def _writing(images: Images, rng: Generator) -> Images:
    """One to four bent strokes on an even ground, as digits and letters are."""
    count, (y, x) = len(images), axes(images)
    ink = torch.zeros_like(images)
    for _ in range(4):
        t = torch.linspace(0, 1, 12).view(1, -1, 1, 1)
        ends = [each(count, 0.1, 0.9, rng) for _ in range(6)]
        bend_x, bend_y = (
            ends[i] * (1 - t) ** 2 + 2 * ends[i + 2] * t * (1 - t) + ends[i + 4] * t**2
            for i in (0, 1)
        )
        nearest = torch.hypot(x - bend_x, y - bend_y).amin(1, keepdim=True)
        stroke = torch.sigmoid((each_log(count, 0.01, 0.1, rng) - nearest) * 80)
        ink = torch.maximum(ink, stroke * chance(count, 0.7, rng))
    ground = each(count, 0, 0.3, rng)
    page = ground + (1 - ground) * ink * each(count, 0.5, 1, rng)
    return torch.where(chance(count, 0.4, rng) > 0, 1 - page, page)


OUT_OF_PLACE: dict[str, Callable[[Images, Generator], Images]] = {
    "inverted": _inverted,
    "quarter turn": _quarter_turn,
    "another quarter turn": _quarter_turn,
    "upside down": _upside_down,
    "upside down again": _upside_down,
    "tilted": _tilted,
    "part": _part,
    "cut up": _cut_up,
    "four in one": _four_in_one,
    "scrambled": _scrambled,
    "texture": _texture,
    "drawing": _drawing,
    "writing": _writing,
}
