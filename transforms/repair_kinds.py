"""Every kind of repair and what it means, in one table: for the README, and for whoever shows the log.

Each module that repairs has the table of its own kinds beside the rules; this only puts them together.
"""

from collections.abc import Mapping

from transforms import enforced_answer, finish, lessons, markup, tool_calls, translation
from transforms.dialects.openai_chat import calls
from transforms.profiles import kimi_requests

REPAIR_KINDS: Mapping[str, str] = {
    **markup.REPAIR_KINDS,
    **tool_calls.REPAIR_KINDS,
    **calls.REPAIR_KINDS,
    **finish.REPAIR_KINDS,
    **enforced_answer.REPAIR_KINDS,
    **kimi_requests.REPAIR_KINDS,
    **translation.REPAIR_KINDS,
    **lessons.REPAIR_KINDS,
}
