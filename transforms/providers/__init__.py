"""The providers. One line here makes one known to the configuration."""

from collections.abc import Mapping

from transforms.providers.anthropic import ANTHROPIC
from transforms.providers.openai import OPENAI
from transforms.providers.openrouter import OPENROUTER
from transforms.providers.provider import Provider
from transforms.providers.vertex import VERTEX

PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in (OPENAI, OPENROUTER, VERTEX, ANTHROPIC)}
