"""Moonshot's Kimi: K2 (Instruct, Thinking, 2.5 and later) and K3, wherever they are served."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from transforms.chain import Stage
from transforms.events import LeakedCall
from transforms.finish import FinishRepair
from transforms.grammars import KIMI
from transforms.markup import MarkupRepair, extract
from transforms.profiles.kimi_requests import prepare
from transforms.profiles.profile import AnswerContext, Profile, call_repair

_NAME = re.compile(r"kimi|moonshot", re.I)
_NEVER_THINKS = re.compile(r"instruct|k2-?0[0-9]{3}|moonshot-v1|kimi-latest", re.I)


def _stages(context: AnswerContext) -> list[Stage]:
    return [
        MarkupRepair(KIMI, context.tools, hold_undecided=context.hold_undecided),
        call_repair(context, partial(_leaks, tools=context.tools)),
        FinishRepair(),
    ]


def _leaks(text: str, *, tools: Mapping[str, Any]) -> list[LeakedCall]:
    return [event for event in extract(text, KIMI, tools) if isinstance(event, LeakedCall)]


KIMI_PROFILE = Profile(
    "kimi",
    matches=lambda model: _NAME.search(model) is not None,
    prepare=prepare,
    stages=_stages,
    thinks=lambda model: _NEVER_THINKS.search(model) is None,
    late_system=True,
)
