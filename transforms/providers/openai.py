"""OpenAI, and every server that speaks its chat completions: Moonshot, vLLM, SGLang, Groq, Ollama ..."""

from transforms.providers.provider import Provider, unchanged

OPENAI = Provider(
    name="openai",
    dialect="openai_chat",
    base_url="https://api.openai.com/v1",
    path="/chat/completions",
    credential="bearer",
    headers={},
    prepare=unchanged,
)
