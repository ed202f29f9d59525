"""Which entry answers for a model: by name or glob and profile, then by the group's strategy.

The entries of one profile with one name (or glob) are a group. A profile is a namespace of its own: all its
names and globs are tried before the entries without a profile, so that a profile's `kimi-*` wins over a
general `kimi-k2`. Within either, the exact name wins over globs, and a glob with more literal characters over
one with fewer; of equals the first in the file.
"""

import random
from collections.abc import Iterable
from fnmatch import fnmatchcase

from config.schema import is_glob
from config.settings import Route, Settings

type GroupKey = tuple[str | None, str]


class Routes:
    """Chooses; the only state is how far each group's round robin has come. Used from one thread."""

    def __init__(self, settings: Settings, random: random.Random) -> None:
        self._random = random
        self._default_strategy = settings.default_strategy
        self._groups: dict[GroupKey, tuple[Route, ...]] = {}
        for route in settings.routes:
            key = (route.profile, route.name)
            self._groups[key] = (*self._groups.get(key, ()), route)
        globs = [key for key in self._groups if is_glob(key[1])]
        self._globs = sorted(globs, key=lambda key: _vagueness(key[1]))
        self._turns: dict[GroupKey, int] = {}
        self._by_key = {route.key: route for route in settings.routes}

    def choose(self, model: str, profile: str | None) -> Route | None:
        """The route for this request; None where the model is not configured."""
        key = self._find(model, profile)
        if key is None:
            return None
        group = self._groups[key]
        match self._strategy(group):
            case "round_robin":
                turn = self._turns.get(key, 0)
                self._turns[key] = (turn + 1) % len(group)
                return group[turn]
            case "random":
                return self._random.choice(group)
            case "weighted_random":
                heaviest = max(route.weight for route in group)  # divided by it, no sum can overflow
                return self._random.choices(group, [route.weight / heaviest for route in group])[0]
        return group[0]

    def group(self, model: str, profile: str | None) -> tuple[Route, ...]:
        """All entries that could answer, in the order of the file; empty where the model is not configured."""
        key = self._find(model, profile)
        return () if key is None else self._groups[key]

    def names(self, profile: str | None) -> list[str]:
        """The names and globs that can be asked for under this profile, as configured, in the file's order."""
        reachable = (name for owner, name in self._groups if owner in (None, profile))
        return list(dict.fromkeys(reachable))

    def profiles(self) -> set[str]:
        return {owner for owner, _ in self._groups if owner is not None}

    def by_key(self, key: str) -> Route | None:
        """The route with this `Route.key`, if it is still configured."""
        return self._by_key.get(key)

    def _strategy(self, group: Iterable[Route]) -> str:
        return next((route.strategy for route in group if route.strategy), self._default_strategy)

    def _find(self, model: str, profile: str | None) -> GroupKey | None:
        for owner in dict.fromkeys((profile, None)):
            if (owner, model) in self._groups:
                return owner, model
            for key in self._globs:
                if key[0] == owner and fnmatchcase(model, key[1]):
                    return key
        return None


def _vagueness(glob: str) -> tuple[int, int]:
    """Sorts globs: the fewer literal characters the later, and of equals those with more stars the later.

    A set (`[ab]`) and `?` stand for one character but are no literals.
    """
    literals, stars, position = 0, 0, 0
    while position < len(glob):
        sign = glob[position]
        end = glob.find("]", position + 2) if sign == "[" else -1
        if end > 0:
            position = end
        elif sign == "*":
            stars += 1
        elif sign != "?":
            literals += 1
        position += 1
    return -literals, stars
