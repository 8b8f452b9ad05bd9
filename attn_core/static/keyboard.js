// Keys that Streamlit's widgets don't take: Enter runs a prompt (Shift+Enter adds a line), "?" lists the keys of a talk.
export default function () {
  if (window.attnCoreKeys) return;
  window.attnCoreKeys = true;
  document.addEventListener("keydown", runOnEnter, true);
  document.addEventListener("keydown", listKeys);
  document.addEventListener("keydown", (event) => (lastKey = event.key), true);
  document.addEventListener("focusin", leaveBar);
}

let lastKey = "";

// While somebody presents, a closed dialog would hand the focus to a button of the bar, and its ring to the audience.
function leaveBar(event) {
  if (lastKey !== "Tab" && event.target.closest?.(".st-key-show_keys")) event.target.blur();
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
