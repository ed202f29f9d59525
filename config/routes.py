"""Which entry answers for a model: by name or glob and profile, then by the group's strategy.

The entries of one profile with one name (or glob) are a group. A profile is a namespace of its own: all its
names and globs are tried before the entries without a profile, so that a profile's `kimi-*` wins over a
general `kimi-k2`. Within either, the exact name wins over globs, and a glob with more literal characters over
one with fewer; of equals the first in the file.

What is known beside the configuration is an argument of each choice: which routes of the group may not be asked
again, which can be used at present, and to which the conversation is bound.
"""

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from config.schema import is_glob
from config.settings import Route, Settings

type GroupKey = tuple[str | None, str]
"""A group's profile and configured name."""

NO_TURNS: Mapping[GroupKey, str] = {}


def always(route: Route) -> bool:
    """Every route can be used."""
    return True


class Routes:
    """Chooses; the only state is how far each group's round robin has come. Used from one thread."""

    def __init__(self, settings: Settings, random: random.Random, turns: Mapping[GroupKey, str] = NO_TURNS) -> None:
        """`turns` are those of the routes before a reload: a round robin goes on where it was, as long as the
        route whose turn it is is still in the group."""
        self._random = random
        self._default_strategy = settings.default_strategy
        self._groups: dict[GroupKey, tuple[Route, ...]] = {}
        for route in settings.routes:
            key = (route.profile, route.name)
            self._groups[key] = (*self._groups.get(key, ()), route)
        globs = [key for key in self._groups if is_glob(key[1])]
        self._globs = sorted(globs, key=lambda key: _vagueness(key[1]))
        self._by_key = {route.key: route for route in settings.routes}
        self._turns = {key: turn for key, turn in turns.items() if turn in self._by_key}

    @property
    def turns(self) -> Mapping[GroupKey, str]:
        """For each group whose round robin has begun, the `Route.key` of the route whose turn it is."""
        return self._turns

    def choose(
        self,
        model: str,
        profile: str | None,
        *,
        bound: Sequence[str] = (),
        usable: Callable[[Route], bool] = always,
        tried: Collection[str] = (),
    ) -> Route | None:
        """The route for this request; None where the model is not configured, or no route of its group is left.

        `bound` and `tried` hold `Route.key`s. A route that was tried is not chosen again. Of those that are left
        and usable the first of `bound` is taken, and if there is none, the strategy chooses among them; where
        none is usable, among all that are left.
        """
        key = self.group_key(model, profile)
        left = [route for route in self._groups[key] if route.key not in tried] if key is not None else []
        if key is None or not left:
            return None
        good = {route.key: route for route in left if usable(route)}
        follows = next((good[candidate] for candidate in bound if candidate in good), None)
        return follows or self._choose(key, list(good.values()) or left)

    def _choose(self, key: GroupKey, candidates: Sequence[Route]) -> Route:
        """One of the group's candidates, by its strategy."""
        group = self._groups[key]
        match self._strategy(group):
            case "round_robin":
                return self._next_in_turn(key, candidates)
            case "random":
                return self._random.choice(candidates)
            case "weighted_random":
                heaviest = max(route.weight for route in candidates)  # divided by it, no sum can overflow
                return self._random.choices(candidates, [route.weight / heaviest for route in candidates])[0]
        return candidates[0]

    def _next_in_turn(self, key: GroupKey, candidates: Sequence[Route]) -> Route:
        """The next candidate in the group's circle. The turn passes on behind the one that is taken, so that the
        turns of those that are passed over do not all fall to one neighbour."""
        group = self._groups[key]
        start = next((place for place, route in enumerate(group) if route.key == self._turns.get(key)), 0)
        circle = [*group[start:], *group[:start]]
        place, chosen = next((place, route) for place, route in enumerate(circle) if route in candidates)
        self._turns[key] = circle[(place + 1) % len(circle)].key
        return chosen

    def group_key(self, model: str, profile: str | None) -> GroupKey | None:
        """Which group answers; None where the model is not configured."""
        for owner in dict.fromkeys((profile, None)):
            if (owner, model) in self._groups:
                return owner, model
            for key in self._globs:
                if key[0] == owner and fnmatchcase(model, key[1]):
                    return key
        return None

    def group(self, model: str, profile: str | None) -> tuple[Route, ...]:
        """All entries that could answer, in the order of the file; empty where the model is not configured."""
        key = self.group_key(model, profile)
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
