"""What the shop sells: products with category, brand and price, popular ones and rare ones."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from likely_buyers.demo_shop.arrays import Floats, Ints, Longs
from likely_buyers.demo_shop.settings import random_stream

PRODUCTS = 20_000

# (category_code, weight of interest, typical price). As in REES46, some categories have no code at
# all.
CATEGORIES: tuple[tuple[str | None, float, float], ...] = (
    ("electronics.smartphone", 27.0, 330.0),
    ("electronics.audio.headphone", 6.0, 75.0),
    ("electronics.clocks", 5.0, 160.0),
    ("electronics.video.tv", 5.0, 380.0),
    ("electronics.tablet", 2.0, 220.0),
    ("computers.notebook", 5.0, 560.0),
    ("computers.desktop", 1.5, 480.0),
    ("computers.peripherals.mouse", 1.0, 25.0),
    ("computers.components.videocards", 1.0, 240.0),
    ("appliances.kitchen.washer", 3.5, 290.0),
    ("appliances.kitchen.refrigerators", 3.5, 420.0),
    ("appliances.environment.vacuum", 3.5, 120.0),
    ("appliances.kitchen.kettle", 1.2, 30.0),
    ("appliances.iron", 1.0, 40.0),
    ("appliances.personal.hair_cutter", 0.6, 35.0),
    ("apparel.shoes", 4.0, 75.0),
    ("apparel.shoes.keds", 1.5, 80.0),
    ("apparel.tshirt", 0.8, 25.0),
    ("apparel.jacket", 0.5, 90.0),
    ("furniture.bedroom.bed", 1.2, 240.0),
    ("furniture.living_room.sofa", 1.4, 340.0),
    ("furniture.kitchen.table", 0.6, 110.0),
    ("kids.toys", 0.9, 30.0),
    ("kids.carriage", 0.8, 160.0),
    ("auto.accessories.player", 0.9, 95.0),
    ("construction.tools.drill", 1.1, 85.0),
    ("sport.bicycle", 0.8, 260.0),
    ("stationery.cartrige", 0.3, 15.0),
    ("medicine.tools.tonometer", 0.3, 40.0),
    ("accessories.bag", 0.7, 35.0),
    *(
        (None, weight, price)
        for weight, price in ((9.0, 60.0), (6.0, 25.0), (4.0, 150.0), (3.0, 12.0), (3.0, 90.0))
    ),
)
BRANDS = (
    *("samsung", "apple", "xiaomi", "huawei", "lucente", "lg", "bosch", "sony", "oppo", "acer"),
    *("lenovo", "artel", "indesit", "hp", "asus", "elenberg", "respect", "jbl", "vitek"),
    *("redmond", "philips", "haier", "casio", "midea", "tefal", "pioneer", "beko", "cordiant"),
    *("nika", "arg", "baden", "rondell", "dauscher", "stels", "tamina"),
)
NO_BRAND_SHARE = 0.14


@dataclass(frozen=True)
class Catalogue:
    """Arrays of one entry per product, by category and then from the most viewed to the least.

    The Arrow arrays are looked up by product position when lines are written.
    """

    product_id: pa.Array
    category_id: pa.Array
    category_code: pa.Array
    brand: pa.Array
    cents: Ints
    category_first: Ints
    """Position of each category's first product; one entry per category."""
    category_size: Ints
    category_weight: Floats
    """Chance that a random session is about the category; sums to 1."""


def build_catalogue(seed: int) -> Catalogue:
    """The products of the shop with this seed."""
    rng = random_stream(seed, "catalogue")
    weight = np.array([category[1] for category in CATEGORIES])
    weight /= weight.sum()
    size = np.maximum(20, np.floor(PRODUCTS * weight)).astype(np.int32)
    category = np.repeat(np.arange(len(CATEGORIES)), size)
    products = len(category)

    typical = np.array([category[2] for category in CATEGORIES])[category]
    price = typical * np.exp(rng.normal(0.0, 0.6, products))
    cents = np.maximum(100, np.round(price * 100)).astype(np.int32)

    # As wide as REES46's own: 7 or 8 digits for products, 19 for categories.
    product_id: Longs = 1_000_000 + rng.choice(60_000_000, size=products, replace=False)
    category_id = 2_053_013_550_000_000_000 + rng.choice(
        10_000_000_000, size=len(CATEGORIES), replace=False
    )
    favours = rng.zipf(1.6, products) % len(BRANDS)
    brand = (favours + 3 * category) % len(BRANDS)
    unbranded = rng.random(products) < NO_BRAND_SHARE
    codes = pa.array([category[0] for category in CATEGORIES], pa.string())
    return Catalogue(
        product_id=pa.array(product_id, pa.int64()),
        category_id=pa.array(category_id[category], pa.int64()),
        category_code=codes.take(pa.array(category)),
        brand=pa.array(BRANDS, pa.string()).take(pa.array(brand, mask=unbranded)),
        cents=cents,
        category_first=(np.cumsum(size) - size).astype(np.int32),
        category_size=size,
        category_weight=weight,
    )
