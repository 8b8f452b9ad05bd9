// In a prompt, Enter runs the text and Shift+Enter adds a line: Streamlit's text areas take Ctrl+Enter for the first.
export default function () {
  if (window.attnCoreEnter) return;
  window.attnCoreEnter = true;
  document.addEventListener("keydown", runOnEnter, true);
}

function runOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey || event.isComposing) return;
  if (!event.target.matches?.('[class*="_box"] textarea')) return;
  event.preventDefault();
  event.stopPropagation();
  event.target.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }));
}
