"""Prompts of Jesse Vig's article, and the heads it shows, which exist only in GPT-2 small.

Source: "OpenAI GPT-2: Understanding Language Generation through Visualization" (2019).
"""

from __future__ import annotations

DOG = "The dog on the ship ran"
SON = "Jesse Vig is the son of an evangelical preacher named James"
COLLEAGUE = "Jesse Vig is the colleague of an evangelical preacher named James"
KITE = "On the string of one kite we saw Mother's new gown! Her gown with the dots that are pink, white and"
NAME = "Jesse Vig"
OPENING = "Her gown with the dots that are pink, white and"  # short, and several tokens may follow

PROMPTS = (
    DOG,
    "The dog on the ship ran off, and the dog was found by the crew.",
    KITE,
    "At the store, she bought apples, oranges, bananas,",
    f"Who is {NAME}?",
    SON,
    COLLEAGUE,
)

# The (layer, head) pair that the article shows for a text that begins with the prompt, zero-based.
_ARTICLE_HEADS = {DOG: (4, 3), SON: (11, 10), COLLEAGUE: (11, 10)}


def article_head(model: str, text: str) -> tuple[int, int] | None:
    """Return the head that the article shows for this prompt; None for other prompts and other models."""
    if model != "gpt2" and not model.startswith("gpt2 "):
        return None
    return _ARTICLE_HEADS.get(article_prompt(text))


def article_prompt(text: str) -> str:
    """Return the article's prompt that a text begins with; empty if there is none."""
    return next((prompt for prompt in _ARTICLE_HEADS if text.startswith(prompt)), "")


# Not from the article: names of many origins, for the further study that it asks for.
NAME_TEMPLATE = "{name} works as a"
NAME_GROUPS = (
    "Names given to women: Maria, Anna, Emma, Sarah, Aisha, Mei, Priya, Olga, Grace, Rosa, Alice, Helen\n"
    "Names given to men: James, John, Omar, Wei, Raj, Carlos, Peter, David, Ivan, Thomas, Daniel, George"
)
NAME_WORDS = "doctor, nurse, teacher, engineer, secretary, soldier, lawyer, farmer"
