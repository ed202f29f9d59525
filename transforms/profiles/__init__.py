"""The model families. One line here makes a profile known; the first that matches a model is its default."""

from collections.abc import Mapping

from transforms.profiles.gemini import GEMINI_PROFILE
from transforms.profiles.kimi import KIMI_PROFILE
from transforms.profiles.plain import PLAIN
from transforms.profiles.profile import Profile

PROFILES: Mapping[str, Profile] = {
    "kimi": KIMI_PROFILE,
    "gemini": GEMINI_PROFILE,
    "plain": PLAIN,
}


def profile_for(model: str) -> Profile:
    """The profile of a model id; `plain` matches every one."""
    return next(profile for profile in PROFILES.values() if profile.matches(model))
