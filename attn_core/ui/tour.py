"""Show the article's story as slides: a claim and whether it holds at the left, live figures at the right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from attn_core.ui import tour_steps
from attn_core.ui.layout import PANEL_HEIGHT, first_screen, notes, panels, toolbar
from attn_core.ui.presenting import is_presenting
from attn_core.ui.session import session
from attn_core.ui.state import TOUR_STEPS
from attn_core.ui.tour_steps import Slide
from attn_core.ui.traces import show_recording_error

TEXT_WIDTH = 4  # of a slide's text; its figures share 10
FURTHER_READING = """
- Jesse Vig, [OpenAI GPT-2: Understanding Language Generation through Visualization](
https://towardsdatascience.com/openai-gpt-2-understanding-language-generation-through-visualization-8252f683b2f8),
the article that this tour follows
- BertViz, the tool that made its pictures: its [repository](https://github.com/jessevig/bertviz) and
[notebook](https://github.com/jessevig/bertviz/blob/master/notebooks/model_view_gpt2.ipynb)
- Jay Alammar, [The Illustrated Transformer](https://jalammar.github.io/illustrated-transformer/)
- Tensor2Tensor's [visualization](https://github.com/tensorflow/tensor2tensor/tree/master/tensor2tensor/visualization),
which BertViz is based on
- Jesse Vig, [Deconstructing BERT: Distilling 6 Patterns from 100 Million Parameters](
https://towardsdatascience.com/deconstructing-bert-distilling-6-patterns-from-100-million-parameters-b49113672f77)
"""


@dataclass(frozen=True)
class Step:
    """Describe one step of the tour.

    Attributes:
        title: the heading.
        text: what the article says, in markdown.
        show: draws the slide and its figures into their columns.
        figures: the widths of these columns.
    """

    title: str
    text: str
    show: Callable[[Slide, list[st.delta_generator.DeltaGenerator]], None]
    figures: tuple[float, ...]


STEPS = (
    Step(
        "The verb attends to its subject",
        "To continue after *ran*, it helps to know who ran. In the article, a head at *ran* attends past the "
        "nearer *ship*, back to *dog*. Here is the head of this model with the largest weight on that link.",
        tour_steps.show_subject,
        (10,),
    ),
    Step(
        "144 heads at a glance",
        "GPT-2 small has 12 layers of 12 attention heads. What they do was learned, not programmed. Each thumbnail "
        "is one head: query tokens run down, the tokens they attend to run across. Click one to open it.",
        tour_steps.show_all_heads,
        (6, 4),
    ),
    Step(
        "One head attends to the previous token",
        "Some heads do one simple job, whatever the sentence. This one attends to the token just before. Its "
        "thumbnail is a line below the diagonal; drawn as lines, every token points one step up.",
        tour_steps.show_previous_token,
        (6, 4),
    ),
    Step(
        "Many heads attend to the first token",
        "The article calls this the null pattern and reads it as “nothing found”. The field calls such a token an "
        "attention sink. Hide the first token to see how little is left.",
        tour_steps.show_first_token,
        (6, 4),
    ),
    Step(
        "A list goes on",
        "“…the dots that are pink, white and” asks for one more color. In the article, a head at *and* attends to "
        "the earlier items, and the model predicts a color.",
        tour_steps.show_list,
        (6, 4),
    ),
    Step(
        "A biography for any name",
        "Asked “Who is Jesse Vig?”, GPT-2 writes a biography and makes it up. A rare name reaches the model in "
        "several tokens, *V* and *ig*; to repeat it, the model must write them in order.",
        tour_steps.show_biography,
        (10,),
    ),
    Step(
        "Son or colleague?",
        "After “…a preacher named James” a surname may follow. The preacher's *son* likely shares it; a "
        "*colleague* need not. In the article, one head attends to *Vig* for the son and ignores it for the "
        "colleague.",
        tour_steps.show_son_and_colleague,
        (5, 5),
    ),
    Step(
        "Does the name change the text?",
        "The article notes that invented biographies may vary with the sex or origin a name suggests, and asks for "
        "further study. Here one sentence is run with many names. It shows differences, not their cause.",
        tour_steps.show_names_of_groups,
        (10,),
    ),
)


def show_tour() -> None:
    """Draw the current step, and the buttons for the other steps."""
    with first_screen():
        number = session.step
        step = STEPS[number - 1]
        text, *figures = panels([TEXT_WIDTH, *step.figures], name="panels_slide")
        slide_notes = notes()
        with text, st.container(height=PANEL_HEIGHT, border=False, key="panel_slide"):
            _pick_step(number)
            st.title(f"{number}. {step.title}", anchor=False)
            st.markdown(step.text)
            verdict, own, more = (st.container(key=name) for name in ("verdict", "own", "more"))
            slide = Slide(verdict, own, more, slide_notes)
            show_recording_error()
            step.show(slide, figures)
            if number == TOUR_STEPS:
                with slide.more.popover("Further reading", icon=":material/menu_book:"):
                    st.markdown(FURTHER_READING)


def _pick_step(number: int) -> None:
    with toolbar("steps"):
        st.button(
            "Back",
            on_click=_go_to,
            args=(number - 1,),
            disabled=number == 1,
            icon=":material/arrow_back:",
            shortcut="PageUp" if is_presenting() else None,
            key="key_PageUp",
        )
        session.step_box = number
        st.segmented_control(
            "Step",
            range(1, TOUR_STEPS + 1),
            key="step_box",
            required=True,
            label_visibility="collapsed",
            on_change=_go_to_choice,
        )
        st.button(
            "Next",
            on_click=_go_to,
            args=(number + 1,),
            disabled=number == TOUR_STEPS,
            type="primary",
            icon=":material/arrow_forward:",
            shortcut="PageDown" if is_presenting() else None,
            key="key_PageDown",
        )


def _go_to(step: int) -> None:
    session.step, session.tour_head = step, None


def _go_to_choice() -> None:
    _go_to(session.step_box)
