import streamlit as st

from attn_core import ui

ui.title(
    "Tour",
    "The story of Jesse Vig's article in eight steps, each on live attention. The article shows pictures of GPT-2 "
    "small; here you see whether the model that you chose does the same, also on sentences of your own.",
)
ui.tour()

st.divider()
st.markdown(
    """
**Further reading**

- Jesse Vig, [OpenAI GPT-2: Understanding Language Generation through Visualization](
https://towardsdatascience.com/openai-gpt-2-understanding-language-generation-through-visualization-8252f683b2f8),
the article that this tour follows
- BertViz, the tool that made its pictures: its [repository](https://github.com/jessevig/bertviz) and
[notebook](https://github.com/jessevig/bertviz/blob/master/notebooks/model_view_gpt2.ipynb)
- Jay Alammar, [The Illustrated Transformer](https://jalammar.github.io/illustrated-transformer/)
- Tensor2Tensor's [visualization](https://github.com/tensorflow/tensor2tensor/tree/master/tensor2tensor/visualization),
which BertViz grew out of
- Jesse Vig, [Deconstructing BERT: Distilling 6 Patterns from 100 Million Parameters](
https://towardsdatascience.com/deconstructing-bert-distilling-6-patterns-from-100-million-parameters-b49113672f77)
"""
)
