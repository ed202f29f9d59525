"""Given to mitmproxy with `-s`. Nothing but imports of classes and the list: see the house rules in the README."""

from addons.dashboard import Dashboard
from addons.recorder import Recorder
from addons.relay import Relay
from addons.router import Router
from addons.state import State

state = State()
recorder = Recorder(state)
relay = Relay(state, recorder)
addons = [state, Router(state, relay, recorder), relay, Dashboard(state)]
