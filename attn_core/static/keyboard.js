// Keys that Streamlit's widgets don't take: Enter runs a prompt (Shift+Enter adds a line), "?" lists the keys of a talk.
export default function () {
  if (window.attnCoreKeys) return;
  window.attnCoreKeys = true;
  document.addEventListener("keydown", runOnEnter, true);
  document.addEventListener("keydown", listKeys);
}

function runOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.metaKey || event.isComposing) return;
  if (!event.target.matches?.('[class*="_box"] textarea')) return;
  event.preventDefault();
  event.stopPropagation();
  event.target.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }));
}

function listKeys(event) {
  if (event.key === "?" && !event.target.matches?.("input, textarea, [contenteditable]"))
    document.querySelector(".st-key-show_keys button")?.click();
}
