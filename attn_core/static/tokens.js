// Shows a text as a row of tokens. The new ones are buttons, shaded by their probability. Tab comes to one of them,
// arrow keys go on from there.
const KEYS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };

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
        piece.ariaLabel = token.title;
        piece.tabIndex = index === data.chosen ? 0 : -1;
        piece.style.setProperty("--shade", `${Math.round(8 + 62 * token.probability)}%`);
        piece.ariaPressed = String(index === data.chosen);
        piece.onclick = () => setTriggerValue("clicked", index);
      }
      return piece;
    }),
  );
  row.onkeydown = (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault(); // or the page scrolls
    const buttons = [...row.querySelectorAll("button")];
    const place = buttons.indexOf(event.target) + KEYS[event.key];
    buttons[Math.min(Math.max(place, 0), buttons.length - 1)].focus();
  };
  const chosen = row.children[data.chosen];
  if (hadFocus) chosen?.focus();
  keepInView(chosen);
  clearTimeout(row.timer);
  if (data.playing) row.timer = setTimeout(() => setTriggerValue("clicked", data.chosen + 1), data.pause);
  return () => clearTimeout(row.timer);
}

// A long text scrolls in a part of the page of its own; the page itself stays where it is.
function keepInView(piece) {
  const scrolling = piece?.getRootNode().host?.closest('[class*="st-key-tokens"]') ?? null;
  if (!scrolling) return;
  const [seen, box] = [scrolling.getBoundingClientRect(), piece.getBoundingClientRect()];
  if (box.top < seen.top) scrolling.scrollTop -= seen.top - box.top;
  if (box.bottom > seen.bottom) scrolling.scrollTop += box.bottom - seen.bottom;
}
