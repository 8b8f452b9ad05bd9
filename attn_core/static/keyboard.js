// What Streamlit's widgets don't do: Enter runs a prompt (Shift+Enter adds a line), "?" lists the keys of a talk, and Back
// returns to the choices of the address.
export default function ({ data }) {
  run = data.run;
  if (window.attnCoreKeys) return;
  window.attnCoreKeys = true;
  document.addEventListener("keydown", runOnEnter, true);
  document.addEventListener("keydown", listKeys);
  document.addEventListener("keydown", (event) => (lastKey = event.key), true);
  document.addEventListener("focusin", leaveBar);
  window.navigation?.addEventListener("currententrychange", markReturn);
  window.addEventListener("keydown", pressInTurn, true);
}

// Streamlit merges what is pressed while a page runs. So the keys of a talk press their buttons one after the other, each
// when the run before has ended: every press counts. Esc does not wait.
const NAMES = {
  ArrowLeft: "Left", ArrowRight: "Right", ArrowUp: "Up", ArrowDown: "Down",
  PageUp: "PageUp", PageDown: "PageDown", " ": "Space", n: "N", N: "N", p: "P", P: "P",
};
const PAUSE = 100; // milliseconds after a run, until Streamlit has filed its messages
const RUN_LIMIT = 3000; // milliseconds for a press to become a run
const pressed = [];
let run, runBefore, pressedAt, busyAt = 0;

function pressInTurn(event) {
  if (!document.querySelector(".st-key-show_keys") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.("input, textarea, [contenteditable], [role=dialog]")) return;
  if (event.key === "Escape") pressed.length = 0;
  const name = NAMES[event.key];
  if (!name || !buttonOf(name)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (event.repeat && pressed.length) return; // a key that is held down goes on only as long as it is
  if (pressed.push(name) === 1) requestAnimationFrame(pressNext);
}

function pressNext() {
  if (!pressed.length) return;
  if (!isBusy()) {
    const button = buttonOf(pressed.shift());
    if (button && !button.disabled) {
      [runBefore, pressedAt] = [run, performance.now()];
      button.click();
    }
  }
  requestAnimationFrame(pressNext);
}

function buttonOf(name) {
  return document.querySelector(`.st-key-key_${name} button, .st-key-text_key_${name} button`);
}

function isBusy() {
  const now = performance.now();
  const isRunning = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState !== "notRunning";
  const isAwaited = run === runBefore && now - pressedAt < RUN_LIMIT;
  if (isRunning || isAwaited) busyAt = now;
  return now - busyAt < PAUSE;
}

// Streamlit sends the address to which somebody returns as it sends one that its page has not brought up to date yet.
// The mark tells them apart, and the server removes it. It must be there before Streamlit hears of the return (popstate).
function markReturn(event) {
  if (event.navigationType !== "traverse") return;
  const address = new URL(location.href);
  address.searchParams.set("return", "1");
  history.replaceState(history.state, "", address);
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
