"""Invented names and the vocabulary texts are made from."""

from math import gcd

import numpy as np

from engines.market import Ints

# fmt: off
CATEGORIES = {
    "fitness": (
        "home gym", "kettlebell", "yoga mat", "protein", "running shoes", "mobility", "strength plan",
        "smartwatch", "pilates", "recovery", "cycling", "marathon training",
    ),
    "beauty": (
        "serum", "sunscreen", "skincare routine", "lip balm", "hair oil", "retinol", "foundation",
        "face mask", "nail care", "perfume", "cleanser", "eye cream",
    ),
    "travel": (
        "city break", "hostel", "carry-on", "train pass", "beach resort", "travel insurance", "road trip",
        "backpack", "cabin", "airport lounge", "hiking trail", "ferry",
    ),
    "food": (
        "meal kit", "espresso", "olive oil", "sourdough", "hot sauce", "matcha", "granola", "vegan snack",
        "cheese board", "air fryer", "spice rub", "lunch box",
    ),
    "technology": (
        "note app", "password manager", "help desk", "invoice tool", "time tracker", "cloud backup",
        "site builder", "chat bot", "crm", "form builder", "data pipeline", "api gateway",
    ),
    "finance": (
        "budget app", "index fund", "payroll", "expense card", "credit score", "savings account",
        "mortgage", "invoice financing", "tax filing", "pension", "treasury", "bookkeeping",
    ),
    "fashion": (
        "linen shirt", "sneakers", "raincoat", "denim", "handbag", "wool sweater", "sunglasses",
        "capsule wardrobe", "swimwear", "watch strap", "silk scarf", "boots",
    ),
    "education": (
        "language course", "coding bootcamp", "flash cards", "tutor", "exam prep", "online degree",
        "piano lessons", "math practice", "study planner", "reading app", "certificate", "workshop",
    ),
    "home": (
        "standing desk", "air purifier", "sofa bed", "led lamp", "robot vacuum", "storage box",
        "mattress", "garden hose", "paint", "cordless drill", "bookshelf", "thermostat",
    ),
    "pets": (
        "dog food", "cat litter", "pet insurance", "leash", "aquarium", "puppy training", "chew toy",
        "bird cage", "grooming kit", "pet camera", "cat tree", "flea treatment",
    ),
    "gaming": (
        "headset", "gaming chair", "mechanical keyboard", "indie game", "controller", "game server",
        "capture card", "board game", "esports team", "graphics card", "speedrun", "arcade stick",
    ),
    "logistics": (
        "route planner", "warehouse scanner", "freight quote", "fleet tracker", "pallet rack",
        "customs form", "cold chain", "parcel locker", "dock schedule", "load board", "forklift",
        "packing station",
    ),
}
# fmt: on
"""Categories of ventures, influencers and trends, each with what people search for in it."""

CATEGORY_NAMES = tuple(CATEGORIES)

_LEADING = (
    "best", "cheap", "compare", "affordable", "top rated", "new", "simple", "professional", "local",
    "premium", "how to choose", "what is", "buy", "free", "custom", "lightweight", "smart",
    "eco friendly", "small", "reliable", "modern", "recommended", "easy", "certified",
)  # fmt: skip
_TRAILING = (
    "for beginners", "for small business", "for teams", "near me", "reviews", "alternatives", "pricing",
    "2026 guide", "for families", "for women", "for men", "for seniors", "checklist", "online", "deals",
    "vs competitors", "at home", "for startups", "with free trial", "for students", "setup", "benefits",
    "ideas", "tips", "comparison",
)  # fmt: skip
_TREND_LEADING = (
    "slow", "micro", "midnight", "zero waste", "ai", "retro", "silent", "cozy", "hybrid", "solo",
    "budget", "tiny", "raw", "extreme", "winter", "desk", "family", "weekend", "cold", "rooftop",
)  # fmt: skip
_TREND_TRAILING = (
    "challenge", "hack", "routine", "haul", "swap", "diary", "makeover", "reset", "stack", "test", "tour",
    "club",
)  # fmt: skip

_VENTURES = (
    "Acme", "Northwind", "Lumenta", "Corvida", "Zephrio", "Fenwara", "Ostravel", "Kelvano", "Marundi",
    "Quillora", "Bexidyne", "Tulomi",
)  # fmt: skip
_CAMPAIGN_FIRST = (
    "Amber", "Cobalt", "Crimson", "Golden", "Silver", "Velvet", "Quiet", "Hidden", "Emerald", "Scarlet",
    "Copper", "Ivory", "Marble", "Saffron", "Indigo", "Wandering", "Electric", "Paper", "Polar",
    "Midnight", "Coral", "Rustic", "Hollow", "Gentle",
)  # fmt: skip
_CAMPAIGN_SECOND = (
    "Lantern", "Harbor", "Compass", "Meadow", "Falcon", "Orchid", "Canyon", "Comet", "Garden", "River",
    "Willow", "Sparrow", "Glacier", "Anchor", "Pebble", "Cascade", "Thicket", "Juniper", "Maple", "Otter",
    "Heron", "Lagoon", "Prairie", "Tundra", "Badger", "Kettle", "Bridge", "Violin", "Walnut", "Marigold",
    "Tiger", "Castle", "Feather", "Island", "Rocket", "Teapot",
)  # fmt: skip
_ONSETS = (
    "b", "br", "c", "d", "dr", "f", "g", "gl", "h", "k", "l", "m", "n", "p", "pr", "r", "s", "st", "t",
    "tr", "v", "w", "z",
)  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u")  # fmt: skip
_CODAS = (
    "n", "r", "l", "x", "ndo", "vra", "mi", "ta", "sso", "rik", "lla", "dyne",
)  # fmt: skip

GIVEN = (
    "Ada", "Ben", "Carla", "Dario", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Liam",
    "Mara", "Nils", "Olga", "Pablo", "Quinn", "Rosa", "Samir", "Tessa", "Umar", "Vera", "Wanda", "Xenia",
    "Yusuf", "Zoe", "Amina", "Bruno", "Chloe", "Diego", "Emma", "Finn", "Gina", "Hana", "Ivan", "Julia",
    "Kofi", "Lena", "Mateo", "Nora",
)  # fmt: skip
FAMILY = (
    "Abel", "Brandt", "Castro", "Duarte", "Eriksen", "Fontaine", "Garcia", "Hoffman", "Ito", "Jansen",
    "Khan", "Lopez", "Moreau", "Novak", "Okafor", "Petrov", "Quist", "Rossi", "Silva", "Tanaka", "Ueda",
    "Varga", "Weber", "Xu", "Yilmaz", "Zhang", "Archer", "Bishop", "Cole", "Dunn", "Ellis", "Frost",
    "Grant", "Hayes", "Iqbal", "Joshi", "Kelly", "Lund", "Mensah", "Nunez",
)  # fmt: skip
OUTLETS = (
    "Daily Ledger", "The Corner Post", "Maker Weekly", "Open Almanac", "Harbor Review", "City Courier",
    "Field Notes", "The Long Read",
)  # fmt: skip

_FIRST_PREFIX = 40_000
"""Where the words before repeated campaign names begin: behind ventures and competitors."""


def venture_name(index: int) -> str:
    """The name of venture ``index`` (from 0); no two are alike."""
    return _VENTURES[index] if index < len(_VENTURES) else invented(index - len(_VENTURES)).capitalize()


def campaign_name(index: int) -> str:
    """The name of campaign ``index`` (from 0); no two are alike."""
    size = len(_CAMPAIGN_FIRST) * len(_CAMPAIGN_SECOND)
    first, second = divmod(int(shuffled(index % size, 1, size)[0]), len(_CAMPAIGN_SECOND))
    name = f"{_CAMPAIGN_FIRST[first]} {_CAMPAIGN_SECOND[second]}"
    return name if index < size else f"{invented(_FIRST_PREFIX + index // size).capitalize()} {name}"


def invented(index: int) -> str:
    """A pronounceable word of its own for each index."""
    size = len(_ONSETS) ** 2 * len(_VOWELS) ** 2 * len(_CODAS)
    place, repeated = int(shuffled(index % size, 1, size)[0]), index // size
    place, coda = divmod(place, len(_CODAS))
    place, second = divmod(place, len(_VOWELS))
    place, middle = divmod(place, len(_ONSETS))
    onset, first = divmod(place, len(_VOWELS))
    word = _ONSETS[onset] + _VOWELS[first] + _ONSETS[middle] + _VOWELS[second] + _CODAS[coda]
    return word if not repeated else word + invented(repeated - 1)


def shuffled(first: int, count: int, size: int) -> Ints:
    """``count`` numbers from place ``first`` of a fixed mixed order of 0 to ``size`` - 1, without repeats."""
    step = int(size * 0.618) | 1
    while gcd(step, size) != 1:
        step += 2
    return (np.arange(first, first + count, dtype=np.int64) * step + size // 3) % size


def phrases(category: str, first: int, count: int) -> tuple[list[str], list[str]]:
    """Search phrases ``first`` and on of a category, each once, and what each is about."""
    return _combined(_LEADING, CATEGORIES[category], _TRAILING, first, count)


def topics(first: int, count: int) -> tuple[list[str], list[str]]:
    """Trend topics ``first`` and on, each once, and the category of each."""
    things = [(thing, category) for category, some in CATEGORIES.items() for thing in some]
    texts, about = _combined(_TREND_LEADING, [thing for thing, _ in things], _TREND_TRAILING, first, count)
    category_of = dict(things)
    return texts, [category_of[thing] for thing in about]


def _combined(
    leading: tuple[str, ...],
    things: "tuple[str, ...] | list[str]",
    trailing: tuple[str, ...],
    first: int,
    count: int,
) -> tuple[list[str], list[str]]:
    size = len(leading) * len(things) * len(trailing)
    places = np.arange(first, first + count)
    order = shuffled(first, count, size)
    texts, about = [], []
    for place, lap in zip(order.tolist(), (places // size).tolist(), strict=True):
        rest, last = divmod(place, len(trailing))
        front, thing = divmod(rest, len(things))
        about.append(things[thing])
        text = f"{leading[front]} {things[thing]} {trailing[last]}"
        texts.append(f"{text} {lap + 1}" if lap else text)
    return texts, about
