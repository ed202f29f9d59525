"""Given to mitmproxy with `-s`. Nothing but imports of classes and the list: see the house rules in the README."""

from addons.about import About
from addons.attempts import Attempts
from addons.dashboard import Dashboard
from addons.doorway import Doorway
from addons.failover import Failover
from addons.recorder import Recorder
from addons.relay import Relay
from addons.router import Router
from addons.state import State

state = State()
recorder = Recorder(state)
failover = Failover(state, Attempts(state, recorder))
relay = Relay(state, recorder, failover)
addons = [state, Router(state, failover, recorder), Doorway(state), relay, recorder, Dashboard(state), About(state)]
