"""Which route each conversation is bound to, in memory and bounded: providers cache a prompt for the next turn.

A conversation whose route cannot be used for a while gets a stand-in, and returns when the route is well again.
So each has a list of routes in the order in which they came: the first of them that can be used is the one. The
list lives in `Route.key`s and therefore over a reload of the configuration; a restart of the process forgets it,
which costs each conversation one turn without a cache.
"""

from collections import OrderedDict
from collections.abc import Sequence

from config.routes import GroupKey

LIMIT = 10_000  # conversations


class Affinity:
    """The bindings, by group and by the conversation's digest (`transforms/conversation_key.py`); the least
    recently used goes first when the limit is reached. A group of None is of no configured model: a reload may
    take one away while it answers."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._routes: OrderedDict[tuple[GroupKey | None, str], Sequence[str]] = OrderedDict()

    def bound(self, group: GroupKey | None, conversation: str) -> Sequence[str]:
        """The keys of the conversation's routes, its own first, then the stand-ins; empty where it has none."""
        if (group, conversation) in self._routes:
            self._routes.move_to_end((group, conversation))
        return self._routes.get((group, conversation), ())

    def bind(self, group: GroupKey | None, conversation: str, route_key: str, *, anew: bool = False) -> None:
        """The route has answered the conversation. With `anew`, what another conversation of the same digest was
        bound to does not count."""
        before = () if anew else self.bound(group, conversation)
        self._routes[group, conversation] = before if route_key in before else (*before, route_key)
        self._routes.move_to_end((group, conversation))
        if len(self._routes) > self._limit:
            self._routes.popitem(last=False)
