// Shows a text as a row of tokens. The new ones are buttons, shaded by their probability.
export default function ({ data, parentElement, setTriggerValue }) {
  const row = parentElement.querySelector(".tokens");
  const hadFocus = row.contains(row.getRootNode().activeElement);
  row.replaceChildren(
    ...data.tokens.map((token, index) => {
      const isNew = token.probability !== null;
      const piece = document.createElement(isNew ? "button" : "span");
      piece.textContent = token.text; // as text, never as markup
      piece.dir = "auto";
      if (isNew) {
        piece.type = "button";
        piece.title = token.title;
        piece.style.setProperty("--shade", `${Math.round(8 + 62 * token.probability)}%`);
        piece.setAttribute("aria-pressed", String(index === data.chosen));
        piece.onclick = () => setTriggerValue("clicked", index);
      }
      return piece;
    }),
  );
  if (hadFocus) row.children[data.chosen]?.focus();
}
