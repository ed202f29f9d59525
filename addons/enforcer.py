"""Asks at an answer's end whether it may end, and otherwise has the model asked again.

That is a flow of its own, sent to the same route as a replay, whose answer goes on in the response that the client is
already getting; see `failover.py`.
"""

import logging

from addons.exchange import Attempt
from addons.failover import SHOWN, Failover
from addons.mask import Mask
from transforms.enforcement import Retry, verdict

logger = logging.getLogger(__name__)


class Enforcer:
    """Given to the relay."""

    def __init__(self, failover: Failover) -> None:
        self._failover = failover

    def asks_again(self, attempt: Attempt) -> bool:
        """Whether another attempt goes on behind this one's answer, which has come to its end."""
        exchange = attempt.exchange
        assert attempt.pipeline is not None
        answer, enforcement = attempt.pipeline.enforced, exchange.enforcement
        assert answer is not None and enforcement is not None
        decision = verdict(answer.ending, enforcement)
        if not isinstance(decision, Retry):
            enforcement.result = decision.result
            if decision.result == "exhausted":
                logger.warning("%s: no tool call after %d reminders", exchange.id, len(enforcement.reasons))
            return False
        attempt.asked_again = decision.reason
        if exchange.left:
            return False
        reason = Mask(exchange.secrets).text(decision.reason, SHOWN)
        logger.info("%s: %s, the model is asked again", exchange.id, reason)
        enforcement.ask_again(decision, answer)
        self._failover.follow(attempt, attempt.route)
        return True
